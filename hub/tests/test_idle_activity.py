"""What a person's own server says is read with suspicion: a lie moves only what it may."""

from datetime import UTC, datetime, timedelta

import pytest

from jupyterhub_gpu.idle import words
from jupyterhub_gpu.idle.activity import ITEMS_MAX, Nonsense, Reader, parse

NOW, STARTED = 1_800_000_000.0, 1_800_000_000.0 - 3600
READER = Reader(STARTED, NOW, lambda stamp: stamp)


def ago(seconds):
    when = datetime.fromtimestamp(NOW, UTC) - timedelta(seconds=seconds)
    return when.isoformat().replace("+00:00", "Z")


def kernel(state="idle", seconds=600):
    return {"id": "k", "execution_state": state, "last_activity": ago(seconds), "name": "python3"}


def terminal(job=False, seconds=600):
    return {"name": "1", "last_activity": ago(seconds), "job": job}


def told(**more):
    return {"version": 1, "kernels": [], "terminals": [], "last_input_at": None} | (
        {"jobs_busy": False} | more
    )


@pytest.mark.parametrize(
    ("answer", "busy", "age", "complete"),
    [
        (told(), None, None, True),
        (told(kernels=[kernel()]), None, 600, True),
        (told(kernels=[kernel(), kernel("busy")]), words.CELL, 600, True),
        (told(kernels=[kernel("starting")]), None, 600, True),
        (told(terminals=[terminal()]), None, 600, True),
        (told(terminals=[terminal(True)]), words.TERMINAL, 600, True),
        (told(terminals=[terminal(None)]), None, 600, False),
        (told(terminals=[terminal(True), terminal(None)]), words.TERMINAL, 600, False),
        (told(jobs_busy=True), words.BACKGROUND, None, True),
        (told(jobs_busy=None), None, None, True),
        (told(jobs_busy=None, terminals=[terminal()]), None, 600, False),
        (told(last_input_at=ago(5), kernels=[kernel()]), None, 5, True),
        (told(kernels=[kernel(seconds=10), kernel(seconds=20)]), None, 10, True),
        (told(kernels=[kernel(seconds=10**9)]), None, 3600, True),  # older than the server
        (told(kernels=[kernel(seconds=-30)]), None, 0, True),  # a little in the future
    ],
)
def test_what_the_extension_says(answer, busy, age, complete):
    word = READER.extension(answer)
    assert (word.busy, word.complete) == (busy, complete)
    assert word.active_at == (None if age is None else NOW - age)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        told(version=2),
        told(kernels=None),
        told(kernels={}),
        told(kernels=[7]),
        told(kernels=[kernel("dancing")]),
        told(kernels=[kernel(seconds=-120)]),  # well in the future
        told(kernels=[{**kernel(), "last_activity": "yesterday"}]),
        told(kernels=[{**kernel(), "last_activity": None}]),
        told(kernels=[{**kernel(), "last_activity": 1e300}]),
        told(kernels=[{**kernel(), "last_activity": "2026-01-01T00:00:00"}]),
        told(kernels=[{**kernel(), "last_activity": "9" * 500}]),
        told(last_input_at="9999-12-31T23:59:59Z"),
        told(last_input_at=True),
        told(jobs_busy="no"),
        told(terminals=[terminal("yes")]),
        told(terminals=[{"name": "1", "job": False}]),
        told(kernels=[kernel()] * (ITEMS_MAX + 1)),
    ],
)
def test_nonsense_is_worth_nothing(answer):
    with pytest.raises(Nonsense):
        READER.extension(answer)


def test_jupyter_server_alone_does_not_tell_what_its_terminals_do():
    assert READER.plain([kernel()], []).complete is True
    word = READER.plain([kernel("busy")], [terminal()])
    assert (word.busy, word.complete, word.active_at) == (words.CELL, False, NOW - 600)
    for kernels, terminals in ((None, []), ([], None), ([{}], []), ([], [{}])):
        with pytest.raises(Nonsense):
            READER.plain(kernels, terminals)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000])
def test_what_is_not_json(body):
    with pytest.raises(Nonsense):
        parse(body)
