"""The sliding window of failed attempts."""

from __future__ import annotations

import pytest

from jupyterhub_gpu import attempts
from jupyterhub_gpu.attempts import Attempts


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_window_slides(clock):
    tries = Attempts(2, 10.0, clock)
    for _ in range(2):
        assert tries.wait_s("ana") == 0
        tries.begin("ana")
        clock.now += 1
    assert tries.wait_s("ana") == 8  # the first of the two leaves the window then
    assert tries.wait_s("bo") == 0
    clock.now += 8
    assert tries.wait_s("ana") == 0


def test_undone_and_forgotten_attempts_do_not_count(clock):
    tries = Attempts(1, 10.0, clock)
    at = tries.begin("ana")
    assert tries.wait_s("ana") == 10
    tries.undo("ana", at)
    assert tries.wait_s("ana") == 0
    tries.begin("ana")
    tries.forget("ana")
    assert tries.wait_s("ana") == 0


def test_no_limit(clock):
    tries = Attempts(0, 10.0, clock)
    for _ in range(50):
        tries.begin("ana")
    assert tries.wait_s("ana") == 0


def test_memory_is_bounded(clock, monkeypatch):
    monkeypatch.setattr(attempts, "KEPT_MAX", 3)
    tries = Attempts(1, 10.0, clock)
    for name in ("a", "b", "c", "d"):
        tries.begin(name)
    assert [tries.wait_s(name) for name in ("a", "b", "c", "d")] == [0, 10, 10, 10]
    assert len(tries._times) == 3
