"""Processes of this container, read from /proc: what a person left running.

A look reads at most PROCESSES_MAX processes (about 25 µs each) and never waits. What it cannot
read it says, as None: nobody is to lose work because a file was not there.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

PROCESSES_MAX = 1000
LOOK_S_MIN = 4.0  # within it the last answer stands: a share of less time is noise
SHARE_MIN = 0.01  # of one core
GONE, STOPPED = "ZXx", "Tt"


class Process(NamedTuple):
    pid: int
    parent: int
    session: int
    state: str
    started: int  # with the pid: who it is, also when pids are used again
    cpu_s: float  # its own, and that of children it has waited for


class Snapshot(NamedTuple):
    at: float
    processes: Mapping[int, Process]
    whole: bool  # False: there were more than PROCESSES_MAX


def take(proc: Path = Path("/proc"), clock: Callable[[], float] = time.monotonic) -> Snapshot:
    """Raises OSError where /proc cannot be read at all."""
    at = clock()
    pids = [int(name) for name in os.listdir(proc) if name.isdigit()]  # noqa: PTH208
    found = (read(proc, pid) for pid in pids[:PROCESSES_MAX])
    processes = {one.pid: one for one in found if one}
    if not processes:
        raise OSError(f"{proc} shows no processes")
    return Snapshot(at, processes, len(pids) <= PROCESSES_MAX)


def read(proc: Path, pid: int) -> Process | None:
    """None: it has gone meanwhile, or what is there is no process."""
    try:
        with open(f"{proc}/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            text = file.read()
        # The name before the last bracket may hold anything, brackets and blanks too.
        word = text[text.rindex(")") + 2 :].split()
        ticks = sum(int(number) for number in word[11:15])
        return Process(
            pid=pid,
            parent=int(word[1]),
            session=int(word[3]),
            state=word[0],
            started=int(word[19]),
            cpu_s=ticks / TICKS,
        )
    except (OSError, ValueError, IndexError):
        return None


TICKS = os.sysconf("SC_CLK_TCK")


def children(of: int, snapshot: Snapshot) -> list[Process]:
    return [one for one in snapshot.processes.values() if one.parent == of]


def has_job(fd: int, shell: int, snapshot: Snapshot | None) -> bool | None:
    """Does the shell on this terminal run something? A stopped job (Ctrl-Z) runs nothing.

    `fd` is the terminal's master. None: it cannot be told.
    """
    try:
        foreground = os.tcgetpgrp(fd)
        group = os.getpgid(shell)
    except OSError:
        return None
    if foreground not in (0, group):
        return True
    if snapshot is None:
        return None
    if any(one.state not in GONE + STOPPED for one in children(shell, snapshot)):
        return True
    return False if snapshot.whole and foreground else None


class Looks:
    """Compares each look with the one before. Not thread-safe."""

    def __init__(self, look: Callable[[], Snapshot] = take, server: int | None = None) -> None:
        self._look = look
        self._server = server or os.getpid()
        self._last: Snapshot | None = None
        self._busy: bool | None = None
        self.snapshot: Snapshot | None = None  # the newest, for has_job
        try:
            self._last = self._look()
            self._busy = False
        except OSError:
            pass

    def busy(self, known: Iterable[int]) -> bool | None:
        """Has anything that a person left running used a core since the last look?

        `known` are kernels and terminals' shells, who answer for themselves; what they started
        counts. So do orphans. This server, what it was started by and its helpers do not.
        """
        try:
            now = self.snapshot = self._look()
        except OSError:
            self.snapshot = self._last = self._busy = None
            return None
        if self._last is None:
            self._last = now
            return None
        if now.at - self._last.at >= LOOK_S_MIN:
            self._busy = self._compare(self._last, now, set(known))
            self._last = now
        return self._busy

    def _compare(self, before: Snapshot, now: Snapshot, known: set[int]) -> bool | None:
        passed_s = now.at - before.at
        ours = known | self._own(now)
        for one in now.processes.values():
            if one.pid in ours or one.state in GONE:
                continue
            then = before.processes.get(one.pid)
            same = then is not None and then.started == one.started
            used_s = one.cpu_s - (then.cpu_s if then and same else 0.0)
            if used_s >= max(passed_s * SHARE_MIN, 2 / TICKS):
                return True
        return False if now.whole and before.whole else None

    def _own(self, now: Snapshot) -> set[int]:
        """The server, those above it, and its helpers (language servers, git, …)."""
        own = {self._server}
        at = now.processes.get(self._server)
        session = at.session if at else 0
        while at and at.parent and at.parent not in own:
            own.add(at.parent)
            at = now.processes.get(at.parent)
        for one in children(self._server, now):
            # As process 1 it is given every orphan; those have the session of who started them.
            if self._server != 1 or one.session == session:
                own.add(one.pid)
        return own
