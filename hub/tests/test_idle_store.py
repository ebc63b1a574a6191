"""What the judge must not forget, across restarts, clocks and broken files."""

import sqlite3

import pytest

from jupyterhub_gpu.idle.clock import Clock
from jupyterhub_gpu.idle.deadline import Warned
from jupyterhub_gpu.idle.rule import Memory
from jupyterhub_gpu.idle.store import DAY_S, Ended, Run, Store, last_end

ANA = Run("ana", "", "2026-11-02T10:00:00Z")
FULL = Memory(1000.0, 2000.0, Warned(3000.0, 3100.0), Warned(3200.0, None), 9000.0)


class Time:
    """A wall clock and a steady one, both by hand."""

    def __init__(self):
        self.wall = self.steady = 4000.0

    def clock(self):
        self.steady = 0.0
        return Clock(lambda: self.wall, lambda: self.steady)

    def go(self, seconds):
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def path(tmp_path):
    return tmp_path / "idle.sqlite"


def test_all_of_it_comes_back(path):
    store = Store(path)
    assert store.remembered(ANA) is None
    store.remember([(ANA, FULL), (Run("bo", "x", "s"), Memory())], 4000.0)
    store.close()
    again = Store(path)
    assert again.remembered(ANA) == (FULL, 4000.0)
    assert again.remembered(Run("bo", "x", "s")) == (Memory(), 4000.0)


def test_a_server_started_anew_is_another(path):
    store = Store(path)
    store.remember([(ANA, FULL)], 4000.0)
    anew = Run("ana", "", "2026-11-02T11:00:00Z")
    assert store.remembered(anew) is None
    store.remember([(anew, Memory())], 4000.0)
    assert store.remembered(ANA) is None


def test_an_outage_is_taken_from_no_warning(path):
    time, store = Time(), Store(path)
    store.remember([(ANA, FULL)], 4000.0)
    store.still_alive(time.clock())
    time.go(500.0)
    assert store.after_outage(time.clock()) == 500.0
    memory, judged_at = store.remembered(ANA)
    assert (memory.idle, memory.lifetime) == (Warned(3500.0, 3600.0), Warned(3700.0, None))
    assert (memory.active_at, memory.keep_until, judged_at) == (2000.0, 9000.0, 4500.0)


def test_the_first_start_ever_has_no_outage(path):
    assert Store(path).after_outage(Time().clock()) == 0.0


def test_a_clock_that_was_set_while_it_ran_ages_nothing_at_the_next_start(path):
    time, store = Time(), Store(path)
    clock = time.clock()
    store.remember([(ANA, FULL)], 4000.0)
    time.wall += 10_000.0  # set forward
    store.still_alive(clock)
    assert store.after_outage(time.clock()) == 0.0
    memory, _ = store.remembered(ANA)
    assert memory.started == 11_000.0
    assert memory.idle == Warned(13_000.0, 13_100.0)


def test_a_clock_that_was_set_back_meanwhile_gives_all_the_time_again(path):
    time, store = Time(), Store(path)
    store.remember([(ANA, FULL)], 4000.0)
    store.still_alive(time.clock())
    time.wall -= 3000.0
    assert store.after_outage(time.clock()) == 0.0
    assert store.remembered(ANA)[0].idle == Warned(1000.0, 1000.0)


def test_the_last_end_is_shown_until_another_lease(path):
    store = Store(path)
    assert last_end(path, "ana", "") is None
    store.note_end(Ended(ANA, "L-1", 100.0, "idle", "GPU idle"))
    store.note_end(Ended(Run("ana", "x", "s"), "L-2", 200.0, "idle", "idle too"))
    assert last_end(path, "ana", "") == (100.0, "GPU idle")
    store.hide_ends([("ana", "", "L-1"), ("bo", "", "L-9")])
    assert last_end(path, "ana", "") == (100.0, "GPU idle")
    store.hide_ends([("ana", "", "L-3")])
    assert last_end(path, "ana", "") is None
    assert last_end(path, "ana", "x") == (200.0, "idle too")
    assert store.ends_of("ana") == {"L-1": "GPU idle", "L-2": "idle too"}


def test_an_end_that_was_none_is_withdrawn(path):
    store = Store(path)
    store.note_end(Ended(ANA, "L-1", 100.0, "idle", "GPU idle"))
    assert store.noted_end(ANA) == 100.0
    store.withdraw_end(ANA)
    assert (store.noted_end(ANA), last_end(path, "ana", "")) == (None, None)


def test_what_is_of_no_use_is_forgotten(path):
    store = Store(path)
    store.remember([(ANA, FULL)], 0.0)
    store.note_end(Ended(ANA, "L-1", 0.0, "idle", "GPU idle"))
    store.note_profiles({"L-1": "one"}, 0.0)
    store.forget(6 * DAY_S)
    assert store.remembered(ANA) is not None
    store.forget(100 * DAY_S)
    assert (store.remembered(ANA), store.ends_of("ana")) == (None, {})
    assert store.profile_of("L-1") is None


def test_a_broken_file_is_put_aside(path):
    path.write_bytes(b"no database" * 1000)
    store = Store(path)
    assert store.remembered(ANA) is None
    assert path.with_suffix(".broken").exists()


def test_the_pages_read_beside_it_and_after_it(path):
    store = Store(path)
    store.note_end(Ended(ANA, "L-1", 100.0, "idle", "GPU idle"))
    assert last_end(path, "ana", "") == (100.0, "GPU idle")
    store.close()
    assert last_end(path, "ana", "") == (100.0, "GPU idle")
    with pytest.raises(sqlite3.Error):
        last_end(path.with_name("none"), "ana", "")
