"""What is measured besides the peers: slow flushes, listeners, memory, restart. Of the allocator."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from driver import programs
from driver.allocator import Allocator
from driver.process import BenchError
from driver.rounds import WARM_UP

SLOWER_US = 1000
LISTENERS, STREAM = 500, "/v1/events"
MANY_GPUS, MANY_LEASES, RESTARTS = 10_000, 100_000, 3
MANY_SLOTS, SLOTS_MAX = 12, 64  # the latter is model::slots_max
FEWER_GPUS = 1024  # what model::gpus_max once was
FILL_SECONDS = 240.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class SlowFlush:
    flush_us: float     # of one, measured through the same library
    per_second: float   # at 64 connections
    gathered: float     # of what 64 connections could do if each flush served them all


@dataclass(frozen=True)
class WithListeners:
    quiet: float        # ops/s at 64 connections
    listened: float     # with all listeners
    cost: float         # 0..1
    heard_bytes: int    # by the listener that heard least


@dataclass(frozen=True)
class Many:
    gpus: int
    leases: int
    fill_per_second: float
    resident_mib: float  # the more of: when filled, after a restart
    restart_seconds: float


def slow_flush(place: Path, rounds: int, seconds: float) -> SlowFlush:
    env = programs.slow_flush(SLOWER_US)
    allocator = Allocator(place, env=env)
    try:
        allocator.start()
        flush, speed, gathered = [], [], []
        for _ in range(rounds):
            took = programs.flushes(place, 1, env).p50_us
            load = programs.load(allocator.target, 64, seconds, WARM_UP)
            flush.append(took)
            speed.append(load.per_second)
            gathered.append(load.per_second * took / 1e6 / 64)
    finally:
        allocator.close()
    middle = statistics.median
    return SlowFlush(middle(flush), middle(speed), middle(gathered))


def with_listeners(allocator: Allocator, rounds: int, seconds: float) -> WithListeners | str:
    """Quiet and listened to in turn; a text where the allocator has no event stream."""
    quiet, listened, costs, least = [], [], [], []
    for _ in range(rounds):
        without = programs.load(allocator.target, 64, seconds, WARM_UP).per_second
        try:
            with programs.listeners(allocator.admin, STREAM, LISTENERS) as heard:
                during = programs.load(allocator.target, 64, seconds, WARM_UP).per_second
        except BenchError as error:
            return f"GET {STREAM} does not stream: {error}"
        quiet.append(without)
        listened.append(during)
        costs.append(1 - during / without)
        least.append(heard[0].least_bytes)
    if min(least) < 1000:
        return f"GET {STREAM} told a listener only {min(least)} bytes under full load"
    middle = statistics.median
    return WithListeners(middle(quiet), middle(listened), middle(costs), min(least))


def many(place: Path, say: Say) -> Many:
    """Fill the books with leases, kill the allocator, see how long it takes to be back."""
    allocator = _start_large(place, say)
    try:
        speed = _fill(allocator, say)
        held = int(allocator.metric("gpuhub_leases"))
        resident = [allocator.process.resident_mib()]
        restarts = [_restart(allocator, held) for _ in range(RESTARTS)]
        resident.append(allocator.process.resident_mib())
    finally:
        allocator.close()
    return Many(allocator.gpus, held, speed, max(resident), statistics.median(restarts))


def _start_large(place: Path, say: Say) -> Allocator:
    """With as many GPUs as it takes: all that are promised, else what its limit once was."""
    allocator = Allocator(place / "promised", gpus=MANY_GPUS, slots=MANY_SLOTS)
    try:
        allocator.start()
    except BenchError as error:
        allocator.close()
        say(f"{MANY_GPUS} GPUs are refused: {str(error).splitlines()[-1]}")
        say(f"{FEWER_GPUS} instead")
        allocator = Allocator(place / "fewer", gpus=FEWER_GPUS, slots=SLOTS_MAX)
        allocator.start()
    return allocator


def _fill(allocator: Allocator, say: Say) -> float:
    """As many as there are slots get one GPU, the rest a lease of none. Asks per second. When the
    time is over there are fewer."""
    with_gpu = min(MANY_LEASES, allocator.gpus * allocator.slots)
    say(f"{with_gpu} leases of one GPU on {allocator.gpus} GPUs, {MANY_LEASES - with_gpu} of none")
    begun = time.monotonic()
    # Leases of none first: where the time is not enough, it is the decisions that take it.
    for leases, want in ((MANY_LEASES - with_gpu, '{"none":true}'), (with_gpu, '{"count":1}')):
        left = FILL_SECONDS - (time.monotonic() - begun)
        try:
            if leases:
                programs.fill(allocator.target, leases, want, left)
        except BenchError as error:
            say(f"stopped: {error}")
    return allocator.metric("gpuhub_leases") / (time.monotonic() - begun)


def _restart(allocator: Allocator, leases: int) -> float:
    """Seconds from the new process to ready, after a kill."""
    allocator.process.kill()
    begun = time.monotonic()
    allocator.start()
    took = time.monotonic() - begun
    if (now := int(allocator.metric("gpuhub_leases"))) != leases:
        raise BenchError(f"{leases} leases before the restart, {now} after it")
    return took
