"""The measuring programs, each called for one measurement: gpuhub_bench, and those by Google
Benchmark."""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from driver.process import BenchError

BENCH = "gpuhub_bench"
LEDGER_BENCH = "ledger_bench"
USAGE_BENCH = "usage_bench"
SLOW_FLUSH = "/usr/local/lib/libslow_flush.so"


@dataclass(frozen=True)
class Load:
    """One run of the load generator."""

    operations: int
    seconds: float
    per_second: float
    p50_us: float
    p99_us: float
    max_us: float
    cpu_seconds: float  # of the generator; this and what follows: of the whole run
    all: int            # operations
    conflicts: int
    reconnects: int


@dataclass(frozen=True)
class Flushes:
    """How often the disk flushes 4 KiB, one after the other."""

    per_second: float
    p50_us: float
    p99_us: float


@dataclass(frozen=True)
class Heard:
    bytes: int
    least_bytes: int


def slow_flush(microseconds: int) -> dict[str, str]:
    """The environment in which each flush takes so much longer."""
    return {"LD_PRELOAD": SLOW_FLUSH, "SLOW_FLUSH_US": str(microseconds)}


def _run(command: Sequence[str], seconds: float, env: dict[str, str] | None = None) -> dict:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=False,
            env={**os.environ, **(env or {})},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BenchError(f"not in {seconds:g} s: {' '.join(command)}") from None
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}\n{done.stderr.strip()}")
    return json.loads(done.stdout)


def load(target: Sequence[str], connections: int, seconds: float, warm_up: float) -> Load:
    """Drive a peer for `seconds` after `warm_up`. Afterwards nothing is held."""
    command = [BENCH, "load", *target, f"--connections={connections}",
               f"--measured-ms={seconds * 1000:.0f}", f"--warm-up-ms={warm_up * 1000:.0f}"]  # fmt: skip
    return Load(**_run(command, seconds + warm_up + 60))


def fill(target: Sequence[str], leases: int, want: str, seconds: float) -> Load:
    """Ask for so many leases, each for an owner of its own, and keep them."""
    command = [BENCH, "load", *target, "--connections=64", f"--operations={leases}",
               f"--want={want}", "--keep"]  # fmt: skip
    return Load(**_run(command, seconds))


def flushes(folder: Path, seconds: float, env: dict[str, str] | None = None) -> Flushes:
    command = [BENCH, "disk", f"--folder={folder}", f"--measured-ms={seconds * 1000:.0f}"]
    return Flushes(**_run(command, seconds + 60, env))


@contextmanager
def listeners(socket: Path, target: str, count: int) -> Iterator[list[Heard]]:
    """So many clients hear the stream meanwhile; what they heard is in the list afterwards."""
    heard: list[Heard] = []
    with subprocess.Popen(
        [BENCH, "listen", f"--socket={socket}", f"--target={target}", f"--count={count}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as it:  # fmt: skip
        try:
            if it.stdout.readline() != "listening\n":
                raise BenchError(it.stderr.read().strip())
            yield heard
            out, err = it.communicate(timeout=60)
            if it.returncode != 0:
                raise BenchError(err.strip())
            heard.append(Heard(**json.loads(out)))
        finally:
            it.kill()


def decisions(seconds: float) -> dict[str, float]:
    """Microseconds of one decision (ask and release) of the ledger alone, by its size."""
    return _cpu_times(LEDGER_BENCH, seconds)


def sampling(seconds: float) -> float:
    """Microseconds of CPU of one look at what 8 GPUs and 32 processes on them do."""
    (time,) = _cpu_times(USAGE_BENCH, seconds).values()
    return time


def _cpu_times(program: str, seconds: float) -> dict[str, float]:
    command = [program, "--benchmark_format=json", f"--benchmark_min_time={seconds:g}s",
               "--benchmark_repetitions=5", "--benchmark_report_aggregates_only=true"]  # fmt: skip
    told = _run(command, 600)["benchmarks"]
    medians = [one for one in told if one["aggregate_name"] == "median"]
    return {one["run_name"]: one["cpu_time"] for one in medians}
