"""A machine with systemd and no engine, on which `up` was the first thing that anybody did."""

import time
from dataclasses import dataclass
from pathlib import Path

from . import product, report
from .allocator import Allocator
from .testhost import TestHost
from .world import World

UNITS = ("docker.service", "docker.socket")


def shared_kernel() -> dict[str, str]:
    """What a systemd could change in the kernel that this machine, too, runs on: which cgroup
    controllers are in use, and in which hierarchy; the bounds on open files."""
    lines = Path("/proc/cgroups").read_text().splitlines()[1:]
    bounds = [Path("/proc/sys/fs", name) for name in ("nr_open", "file-max")]
    return {line.split()[0]: line.split()[1] for line in lines} | {
        bound.name: bound.read_text() for bound in bounds
    }


@dataclass(frozen=True)
class BareMachine:
    """The product as the first `up` left it, and what was said on the way."""

    world: World
    doctor_before: str
    first_up: str

    @classmethod
    def set_up(cls, host: TestHost) -> "BareMachine":
        product.install(host)
        doctor = product.gpuhub(host, "doctor", check=False).text
        begun = time.monotonic()
        first_up = product.gpuhub(host, "up").text
        report.number("up without an engine, images handed over", time.monotonic() - begun, "s")
        return cls(World(host, Allocator(host)), doctor, first_up)

    @property
    def host(self) -> TestHost:
        return self.world.host

    def gpuhub(self, *args: str, check: bool = True) -> str:
        """What `./gpuhub ARGS` says."""
        return product.gpuhub(self.host, *args, check=check).text

    def engine(self, question: str) -> list[str]:
        """systemd's answers about the engine's service and socket, `is-active` for example."""
        return self.host.exec("systemctl", question, *UNITS, check=False).out.split()

    def stop_engine(self) -> None:
        """As by an admin who wants it gone: it does not come by itself when somebody asks for it,
        and not at the next boot."""
        self.host.exec("systemctl", "disable", "--now", *UNITS)
