"""What people read."""

from datetime import UTC, datetime

import pytest
from test_lease import lease

from jupyterhub_gpu.allocator import (
    AllocatorDown,
    AllocatorError,
    Impossible,
    LeaseState,
    NoGpuFree,
    NotReady,
    Problem,
    QueueFull,
)
from jupyterhub_gpu.words import Refusal, last_end, moment, refuse, span_in_words

HOLDERS = [
    {"index": 0, "user": "ana", "server": "", "since": "2020-01-02T03:04:05.678Z"},
    {"index": 1, "user": "bo", "server": "big", "since": None},
    {"index": 2},
]


def told(kind, slug, status, **more):
    return kind(slug=slug, status=status, title="a title", detail="a detail", more=more)


def test_a_refusal_is_shown_in_plain_words():
    refusal = Refusal("No.", reason="x", status_code=409)
    assert (refusal.jupyterhub_message, refusal.status_code, refusal.reason) == ("No.", 409, "x")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, ""),
        ({"holders": [], "hidden": 0}, ""),
        ({"holders": [], "hidden": 2}, "Held by: 2 leases of other people."),
        ({"holders": HOLDERS[2:], "hidden": 1}, "Held by: GPU 2: somebody; 1 more lease of other "),
        (
            {"holders": HOLDERS},
            "Held by: GPU 0: ana since 2020-01-02 03:04 UTC; GPU 1: bo (big); GPU 2: somebody.",
        ),
        (
            {"holders": [HOLDERS[0], HOLDERS[2], HOLDERS[0] | {"index": 3}]},
            "Held by: GPUs 0, 3: ana since 2020-01-02 03:04 UTC; GPU 2: somebody.",
        ),
        ({"holders": "nonsense", "hidden": "x"}, ""),
    ],
)
def test_holders(more, text):
    refusal = refuse(told(NoGpuFree, "no-gpu-free", 409, **more), "1 GPU").jupyterhub_message
    said = refusal.removeprefix("No GPU is free for “1 GPU” now.").strip()
    assert said.startswith(text)
    assert bool(said) == bool(text)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (told(NoGpuFree, "no-gpu-free", 409), 409, "No GPU is free for “1 GPU” now."),
        (
            told(QueueFull, "queue-full", 409, waiting=7, holders=HOLDERS[:1]),
            409,
            "The line is full: 7 wait already. Please try again later. Held by: GPU 0: ana",
        ),
        (told(QueueFull, "queue-full", 409), 409, "The line is full. Please try again later."),
        (told(Impossible, "impossible", 422), 422, "cannot serve “1 GPU”: a detail"),
        (told(NotReady, "not-ready", 503), 503, "right now: a detail"),
        (told(LeaseState, "lease-state", 409), 503, "taken back"),
        (told(Problem, "forbidden", 403), 403, "refused: a detail"),
        (AllocatorDown("x.sock: no"), 503, "does not answer"),
        (AllocatorError("odd"), 503, "(odd)"),
    ],
)
def test_refusals(error, status, text):
    refusal = refuse(error, "1 GPU")
    assert refusal.status_code == status
    assert text in refusal.jupyterhub_message


def test_moments():
    assert moment(None) == moment("yesterday") == ""
    assert moment(datetime.now(UTC).isoformat()).count(" ") == 1
    assert moment("2020-01-02T03:04:05+01:00") == "2020-01-02 02:04 UTC"


def ended(reason, at="2020-01-02T03:04:05Z", **more):
    return lease(state="ended", inject=None, reason=reason, ended_at=at, **more)


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (ended("container_exited", exit_code=137, oom_killed=True), "it ran out of memory"),
        (ended("container_exited", exit_code=137, oom_killed=False), "it was killed (exit code"),
        (ended("container_exited", exit_code=0), "it shut itself down"),
        (ended("container_exited", exit_code=3), "it stopped by itself (exit code 3)"),
        (ended("container_gone"), "removed from outside"),
        (ended("revoked"), "an admin took its GPUs back"),
        (ended("expired", granted_at=None), "Your place in line ended at 2020-01-02 03:04 UTC:"),
        (ended("expired"), ""),
        (ended("released"), ""),
        (ended("replaced"), ""),
        (lease(), ""),
    ],
)
def test_why_the_last_server_ended(last, text):
    said = last_end([last])
    assert text in said
    assert bool(said) == bool(text)


def test_only_the_newest_end_counts():
    old = ended("container_gone", "2020-01-02T03:04:05Z")
    new = ended("released", "2020-01-03T03:04:05Z")
    assert last_end([new, old]) == last_end([]) == ""
    assert "2020-01-02 03:04 UTC" in last_end([old])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (5400, "90 minutes"),
     (3600, "1 hour"), (48 * 3600, "2 days"), (36 * 3600, "36 hours")],
)  # fmt: skip
def test_a_span_is_said_exactly(seconds, words):
    assert span_in_words(seconds) == words
