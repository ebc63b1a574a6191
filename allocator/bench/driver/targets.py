"""What the project promises, held against what was measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from driver.extras import Many, SlowFlush, WithListeners
from driver.rounds import Measured

FASTER = {"flask": 50, "sqlite": 40, "redis": 1.5, "etcd": 50}      # times, at 64 connections
SHORTER = {"flask": 40, "redis": 2}                                 # times, the p99 at 64
OF_DISK, OF_GATHERED = 0.65, 0.8
LISTENERS_COST_MAX, DECISION_MAX = 0.2, 5
SAMPLING_MAX = 0.01
RESTART_MAX_S, SMALL_MAX_MIB, MANY_MAX_MIB = 2, 20, 200
START_SHARE, START_MIN_S = 0.01, 1


@dataclass(frozen=True)
class Target:
    what: str
    wanted: str
    figure: str
    met: bool | None  # None: could not be measured; `figure` says why

    @property
    def verdict(self) -> str:
        return {True: "met", False: "NOT MET", None: "NOT MEASURED"}[self.met]


@dataclass
class Figures:
    """What was measured; None: not asked for. A text: why it could not be."""

    measured: Measured
    slow: SlowFlush | None = None
    listeners: WithListeners | str | None = None
    small_mib: float | None = None
    many: Many | str | None = None
    decisions: dict[str, float] | None = None
    sampling_us: float | None = None


def targets(figures: Figures, titles: dict[str, str]) -> Iterator[Target]:
    yield from _against_peers(figures.measured, titles)
    yield from _against_disk(figures)
    if figures.listeners is not None:
        yield _listeners(figures.listeners)
    yield from _at_size(figures)


def _against_peers(measured: Measured, titles: dict[str, str]) -> Iterator[Target]:
    for key, times in FASTER.items():
        if measured.has("gpuhub", key):
            ratio = measured.ratio("gpuhub", key, 64)
            yield Target(f"64 connections, ops/s against {titles[key]}", f">= {times:g}x",
                         f"{ratio:.1f}x", ratio >= times)  # fmt: skip
    for key, times in SHORTER.items():
        if measured.has("gpuhub", key):
            ratio = measured.ratio("gpuhub", key, 64, "p99_us")
            yield Target(f"64 connections, p99 against {titles[key]}", f"<= 1/{times}",
                         f"1/{1 / ratio:.1f}", ratio <= 1 / times)  # fmt: skip


def _against_disk(figures: Figures) -> Iterator[Target]:
    measured = figures.measured
    if measured.has("gpuhub"):
        pairs = zip(measured.loads["gpuhub", 1], measured.disk, strict=True)
        shares = sorted(load.per_second / disk.per_second for load, disk in pairs)
        share = shares[len(shares) // 2]
        yield Target("1 connection, ops/s against the disk's flushes", f">= {OF_DISK:g}",
                     f"{share:.2f}", share >= OF_DISK)  # fmt: skip
        # An ask (which says what to inject) and a bind, each at its worst but one in a hundred.
        part = 2 * measured.median("gpuhub", 1, "p99_us") / 1e6
        needed = part / START_SHARE
        yield Target("the allocator's part of a server's start (2 calls at p99)",
                     f"< 1 % of a start of {START_MIN_S} s",
                     f"{part * 1000:.2f} ms, 1 % of {needed:.2f} s", needed < START_MIN_S)  # fmt: skip
    if figures.slow:
        share = figures.slow.gathered
        yield Target(
            f"flushes of {figures.slow.flush_us / 1000:.2f} ms, 64 connections, "
            "ops/s against connections / flush time",
            f">= {OF_GATHERED:g}", f"{share:.2f} ({figures.slow.per_second:,.0f}/s)",
            share >= OF_GATHERED,
        )  # fmt: skip


def _listeners(heard: WithListeners | str) -> Target:
    what, wanted = "500 listeners on the event stream cost", f"<= {LISTENERS_COST_MAX:.0%}"
    if isinstance(heard, str):
        return Target(what, wanted, heard, None)
    return Target(what, wanted, f"{heard.cost:.0%} ({heard.quiet:,.0f}/s -> {heard.listened:,.0f}/s)",
                  heard.cost <= LISTENERS_COST_MAX)  # fmt: skip


def _at_size(figures: Figures) -> Iterator[Target]:
    if figures.decisions:
        small, large = figures.decisions.values()
        yield Target("a decision at 10,000 GPUs, 100,000 leases against one at 8 GPUs",
                     f"<= {DECISION_MAX}x", f"{large / small:.1f}x ({small:.2f} -> {large:.2f} us)",
                     large / small <= DECISION_MAX)  # fmt: skip
    if figures.sampling_us is not None:
        share = figures.sampling_us / 1e6
        yield Target("one look a second at 8 GPUs and 32 processes, of one core",
                     f"< {SAMPLING_MAX:.0%}", f"{share:.2%} ({figures.sampling_us:.0f} us)",
                     share < SAMPLING_MAX)  # fmt: skip
    if figures.small_mib is not None:
        yield Target("resident memory at 8 GPUs, after the load", f"< {SMALL_MAX_MIB} MiB",
                     f"{figures.small_mib:.1f} MiB", figures.small_mib < SMALL_MAX_MIB)  # fmt: skip
    if figures.many is None:
        return
    restart, memory = "restart with 100,000 leases", "resident memory at 10,000 GPUs, 100,000 leases"
    if isinstance(figures.many, str):
        yield Target(restart, f"< {RESTART_MAX_S} s", figures.many, None)
        yield Target(memory, f"< {MANY_MAX_MIB} MiB", figures.many, None)
        return
    many = figures.many
    size = f"{many.gpus:,} GPUs, {many.leases:,} leases"
    yield Target(restart, f"< {RESTART_MAX_S} s", f"{many.restart_seconds:.2f} s ({size})",
                 _at_least(many.restart_seconds < RESTART_MAX_S, many.leases >= 100_000))  # fmt: skip
    yield Target(memory, f"< {MANY_MAX_MIB} MiB", f"{many.resident_mib:.0f} MiB ({size})",
                 _at_least(many.resident_mib < MANY_MAX_MIB,
                           many.gpus >= 10_000 and many.leases >= 100_000))  # fmt: skip


def _at_least(good: bool, whole: bool) -> bool | None:
    """Good at a smaller size than was promised is no proof; bad already there is one."""
    return good if whole or not good else None
