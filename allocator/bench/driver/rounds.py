"""All peers in turn, several rounds: what one peer gets of the machine's moods, the others get too."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from driver import programs
from driver.peers import Peer
from driver.programs import Flushes, Load

CONNECTIONS = (1, 16, 64)
WARM_UP = 0.3


@dataclass
class Measured:
    """What all rounds gave, in the order of the rounds."""

    disk: list[Flushes] = field(default_factory=list)
    loads: dict[tuple[str, int], list[Load]] = field(default_factory=dict)
    cpu_us: dict[tuple[str, int], list[float]] = field(default_factory=dict)  # the peer's, per op
    busy: list[float] = field(default_factory=list)  # of the machine while all peers were idle

    def median(self, key: str, connections: int, what: str) -> float:
        return statistics.median(getattr(one, what) for one in self.loads[key, connections])

    def ratio(self, key: str, other: str, connections: int, what: str = "per_second") -> float:
        """The median over the rounds of `key` against `other`."""
        pairs = zip(self.loads[key, connections], self.loads[other, connections], strict=True)
        return statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)

    def has(self, *keys: str) -> bool:
        return all((key, CONNECTIONS[-1]) in self.loads for key in keys)


def busy_share(seconds: float) -> float:
    """How much of all cores somebody used for so long: 0 to 1. The host's, also in a container."""

    def look() -> tuple[int, int]:
        fields = [int(n) for n in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]  # idle, iowait

    total, idle = look()
    time.sleep(seconds)
    total_after, idle_after = look()
    return 1 - (idle_after - idle) / max(total_after - total, 1)


def run(
    peers: Sequence[Peer], folder: Path, rounds: int, seconds: float, say: Callable[[str], None]
) -> Measured:
    measured = Measured()
    for number in range(1, rounds + 1):
        say(f"round {number} of {rounds}")
        measured.busy.append(busy_share(1))
        measured.disk.append(programs.flushes(folder, seconds))
        for connections in CONNECTIONS:
            for peer in peers:
                before = peer.process.cpu_seconds()
                one = programs.load(peer.target, connections, seconds, WARM_UP)
                took = (peer.process.cpu_seconds() - before) * 1e6 / one.all
                measured.loads.setdefault((peer.key, connections), []).append(one)
                measured.cpu_us.setdefault((peer.key, connections), []).append(took)
    return measured


def cores() -> int:
    return len(os.sched_getaffinity(0))
