"""Looks at a made-up /proc: what counts, who is left out, and what cannot be told."""

import os
import time
from pathlib import Path

import pytest

from gpuhub_jupyterlab.processes import Looks, Process, Snapshot, has_job, read, take

INIT, SERVER, KERNEL, HELPER, JOB = 1, 10, 20, 30, 40


def process(pid: int, parent: int, cpu_s: float = 0.0, **more: object) -> Process:
    values = {"session": pid, "state": "S", "started": 1, **more}
    return Process(pid=pid, parent=parent, cpu_s=cpu_s, **values)  # type: ignore[arg-type]


class Table:
    """Verbs over processes; each `look` is 10 s after the one before."""

    def __init__(self, server: int = SERVER) -> None:
        self.at, self.whole = 0.0, True
        self.all: dict[int, Process] = {}
        self.put(process(INIT, 0))
        self.put(process(SERVER, INIT if server != INIT else 0))
        self.put(process(KERNEL, server))
        self.put(process(HELPER, server, session=server))
        self.server = server
        self.looks = Looks(self.snapshot, server=server)

    def snapshot(self) -> Snapshot:
        if not self.all:
            raise OSError
        return Snapshot(self.at, dict(self.all), self.whole)

    def put(self, one: Process) -> None:
        self.all[one.pid] = one

    def uses(self, pid: int, cpu_s: float) -> None:
        one = self.all[pid]
        self.put(one._replace(cpu_s=one.cpu_s + cpu_s))

    def look(self, after: float = 10.0) -> bool | None:
        self.at += after
        return self.looks.busy([KERNEL])


@pytest.mark.parametrize("pid", [INIT, SERVER, KERNEL, HELPER])
def test_server_helpers_and_kernels_are_left_out(pid: int) -> None:
    table = Table()
    table.uses(pid, 9)
    assert table.look() is False


@pytest.mark.parametrize("parent", [INIT, KERNEL, HELPER])
def test_what_they_started_counts(parent: int) -> None:
    table = Table()
    table.put(process(JOB, parent, cpu_s=0.5))
    assert table.look() is True
    assert table.look() is False, "it has stopped computing"


def test_one_percent_of_a_core() -> None:
    table = Table()
    table.put(process(JOB, INIT))
    table.look()
    table.uses(JOB, 0.09)
    assert table.look() is False
    table.uses(JOB, 0.1)
    assert table.look() is True


def test_a_pid_used_again_is_another_process() -> None:
    table = Table()
    table.put(process(JOB, INIT, cpu_s=50))
    table.look()
    table.put(process(JOB, INIT, cpu_s=5, started=2))
    assert table.look() is True


def test_a_dead_one_does_nothing() -> None:
    table = Table()
    table.put(process(JOB, INIT, cpu_s=5, state="Z"))
    assert table.look() is False


def test_looks_too_near_give_the_last_answer() -> None:
    table = Table()
    assert table.look(after=1) is False
    table.put(process(JOB, INIT, cpu_s=5))
    assert table.look(after=1) is False
    assert table.look(after=3) is True
    assert table.look(after=1) is True


def test_unreadable_is_said_and_never_taken_for_idle() -> None:
    table = Table()
    kept, table.all = table.all, {}
    assert table.look() is None
    table.all = kept
    assert table.look() is None, "nothing to compare with"
    assert table.look() is False


def test_too_many_to_read() -> None:
    table = Table()
    table.whole = False
    assert table.look() is None
    table.put(process(JOB, INIT, cpu_s=5))
    assert table.look() is True


def test_as_process_one_the_server_is_given_the_orphans() -> None:
    table = Table(server=INIT)
    table.put(process(JOB, INIT, cpu_s=5, session=777))
    assert table.look() is True
    table.uses(HELPER, 5)
    assert table.look() is False


def test_names_may_hold_anything(tmp_path: Path) -> None:
    numbers = " ".join(["7", "70", "71", *"0" * 7, "100", "50", "25", "25", *"0" * 4, "99"])
    (tmp_path / "70").mkdir()
    (tmp_path / "70" / "stat").write_text(f"70 (a) b (c) R {numbers} 0 0")
    found = read(tmp_path, 70)
    hertz = os.sysconf("SC_CLK_TCK")
    assert found == Process(70, 7, 71, "R", 99, 200 / hertz)
    (tmp_path / "71").mkdir()
    (tmp_path / "71" / "stat").write_text("nonsense")
    assert read(tmp_path, 71) is None
    assert read(tmp_path, 72) is None
    assert take(tmp_path).processes == {70: found}
    with pytest.raises(OSError, match="no processes"):
        take(tmp_path / "71")


def test_200_processes_take_less_than_10_ms(tmp_path: Path) -> None:
    text = Path("/proc/self/stat").read_text(encoding="utf-8")
    for pid in range(1000, 1200):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "stat").write_text(text)
    best = min(timed(tmp_path) for _ in range(20))
    print(f"200 processes: {best * 1000:.1f} ms")
    assert best < 0.010


def timed(proc: Path) -> float:
    start = time.perf_counter()
    take(proc)
    return time.perf_counter() - start


def test_job_of_no_terminal_cannot_be_told(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file:
        assert has_job(file.fileno(), os.getpid(), None) is None
    assert has_job(-1, os.getpid(), None) is None
