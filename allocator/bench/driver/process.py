"""A process that the bench started: its log, its memory, and an end in any case."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path


class BenchError(Exception):
    """What could not be measured, in words for a person."""


def poll(what: str, good: Callable[[], bool], seconds: float, every: float = 0.02) -> None:
    """Look until it is good. Raises BenchError when the time is over."""
    deadline = time.monotonic() + seconds
    while not good():
        if time.monotonic() > deadline:
            raise BenchError(f"not in {seconds:g} s: {what}")
        time.sleep(every)


class Process:
    """A program with its output in a file. `close` ends it, whatever state it is in."""

    def __init__(
        self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self._it = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=log.parent, env={**os.environ, **(env or {})},
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._it.pid

    def await_ready(self, what: str, good: Callable[[], bool], seconds: float = 30) -> None:
        def look() -> bool:
            if self._it.poll() is not None:
                raise BenchError(f"{what}: ended with {self._it.returncode}\n{self.tail()}")
            try:
                return good()
            except (OSError, http.client.HTTPException):
                return False

        try:
            poll(what, look, seconds, every=0.002)
        except BenchError as error:
            raise BenchError(f"{error}\n{self.tail()}") from None

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def resident_mib(self) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise BenchError(f"process {self.pid} has no resident memory")

    def cpu_seconds(self) -> float:
        """Of it and its children that live, since they began."""
        return sum(_cpu_ticks(pid) for pid in _family(self.pid)) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        self._it.kill()
        self._it.wait(30)

    def close(self) -> None:
        if self._it.poll() is not None:
            return
        self._it.terminate()
        try:
            self._it.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        children = ""
        with suppress(OSError):  # a thread that has ended meanwhile
            children = (task / "children").read_text()
        for child in children.split():
            yield from _family(int(child))


def _cpu_ticks(pid: int) -> int:
    """User and system time; the fields stand behind the name, which may hold anything."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(60)
        self.sock.connect(self._path)


def call(path: Path, method: str, target: str, body: str | None = None) -> tuple[int, str]:
    """One request on a connection of its own: the answer's status and text."""
    with closing(_UnixConnection(path)) as connection:
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
