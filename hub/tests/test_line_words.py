"""What people read while they wait in line."""

import copy
from datetime import UTC, datetime, timedelta

import pytest
from test_lease import lease

from jupyterhub_gpu.lease import Estimate
from jupyterhub_gpu.line_words import (
    Place,
    estimate_in_words,
    left_the_line,
    news_in_words,
    position_in_words,
)

NOW = datetime(2020, 1, 2, 3, 0, tzinfo=UTC)
HOLDERS = [
    {"gpu": "GPU-1", "index": 0, "user": "ana", "server": "", "since": "2020-01-02T03:04:05.678Z"},
    {"gpu": "GPU-2", "index": 1, "user": "b<o", "server": "x&y", "since": None},
]
QUEUE = {
    "position": 3,
    "of": 5,
    "expires_at": "2020-01-03T03:00:00.000Z",
    "renew_by": "2020-01-02T03:05:00.000Z",
    "why": "no GPU is free",
    "estimate": {"early_s": 600, "likely_s": 1200, "late_s": 2700},
    "holders": HOLDERS,
    "hidden": 2,
}


def queued(**more):
    queue = {**copy.deepcopy(QUEUE), **more}
    return lease(state="queued", inject=None, gpus=[], granted_at=None, queue=queue)


def place(**more):
    return Place.of(queued(**more).queue, "1 <GPU>", NOW)


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (1, "next in line"),
        (2, "second in line"),
        (9, "ninth in line"),
        (10, "number 10 in line"),
        (23, "number 23 in line"),
    ],
)
def test_positions(position, text):
    assert position_in_words(position) == text


@pytest.mark.parametrize(
    ("early", "likely", "late", "text"),
    [
        (600, 1200, 2700, "about 20 minutes, probably between 10 and 45"),
        (0, 1200, 2700, "about 20 minutes, probably not more than 45"),
        (1200, 1200, 1200, "about 20 minutes"),
        (0, 10, 20, "less than a minute"),
        (0, 10, 290, "less than a minute, probably not more than 5 minutes"),
        (50, 60, 100, "about 1 minute, probably not more than 2 minutes"),
        (60, 130, 240, "about 2 minutes, probably between 1 and 4"),
        (1260, 3500, 6000, "about 1 hour, probably between 20 minutes and 2 hours"),
        (3600, 5300, 9100, "about 1½ hours, probably between 1 and 3"),
        (2 * 3600, 4 * 3600, 9 * 3600, "about 4 hours, probably between 2 and 9"),
        (20 * 3600, 47 * 3600, 80 * 3600, "about 2 days, probably between 20 hours and 4 days"),
        (0, 10**6, 10**9, "about 12 days"),
        (0, 10**9, 10**9, "about 30 days"),
    ],
)
def test_estimates_are_coarse_and_have_a_range(early, likely, late, text):
    assert estimate_in_words(Estimate(early, likely, late)) == text


def test_a_place_in_one_line():
    assert place().text() == (
        "You are third in line for “1 <GPU>”: about 20 minutes, probably between 10 and 45. "
        "No GPU is free. Held by: GPU 0: ana since 2020-01-02 03:04 UTC; GPU 1: b<o (x&y); "
        "2 more leases of other people."
    )


def test_a_place_without_estimate_reason_or_holders():
    bare = place(estimate=None, why=" ", holders=[], hidden=0, position=1)
    assert bare.text() == (
        "You are next in line for “1 <GPU>”: how long it will take cannot be said yet."
    )
    assert "<table" not in bare.html()


def test_in_html_everything_is_escaped():
    html = place(why="<script>").html("<news>")
    for text in ("1 &lt;GPU&gt;", "b&lt;o (x&amp;y)", "&lt;script&gt;", "&lt;news&gt;"):
        assert text in html
    assert "<script>" not in html
    assert "2 more leases of other people" in html


def test_nothing_is_new_while_the_words_are_the_same():
    near = {"early_s": 601, "likely_s": 1210, "late_s": 2690}
    assert place(estimate=near, of=9, renew_by="2020-01-02T03:09:00Z") == place()
    assert place(position=2) != place()
    assert place(holders=[]) != place()


def test_the_end_of_the_longest_wait_is_said_when_it_is_near():
    assert "ends" not in place().text()
    assert "ends" not in place(expires_at=None).text()
    near = place(expires_at=(NOW + timedelta(minutes=59)).isoformat())
    assert "If none is free by 2020-01-02 03:59 UTC, the wait ends." in near.text()


def test_news():
    assert news_in_words(None, 3) == news_in_words(3, 3) == ""
    assert news_in_words(3, 2) == "You have moved up."
    assert news_in_words(2, 3) == "Your place in line has changed."


@pytest.mark.parametrize(
    ("reason", "expires_at", "status", "text"),
    [
        ("expired", NOW, 409, "You have waited as long as one may"),
        ("expired", NOW + timedelta(seconds=1), 409, "You have waited as long as one may"),
        ("expired", NOW + timedelta(hours=1), 503, "Your place in line was lost"),
        ("expired", None, 503, "Your place in line was lost"),
        ("replaced", None, 409, "A newer request of yours"),
        ("cancelled", None, 409, "taken out of the line from outside"),
        ("revoked", None, 409, "taken out of the line from outside"),
    ],
)
def test_why_a_wait_ended(reason, expires_at, status, text):
    ended = lease(state="ended", inject=None, granted_at=None, reason=reason)
    refusal = left_the_line(ended, "1 GPU", expires_at, NOW)
    assert refusal.status_code == status
    assert text in refusal.jupyterhub_message
