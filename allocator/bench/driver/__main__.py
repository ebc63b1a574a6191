"""python3 -m driver: the whole bench, in the image of images/bench. See docs/performance.md."""

import argparse
import dataclasses
import json
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from driver import extras, peers, programs, rounds, table, targets
from driver.allocator import Allocator
from driver.process import BenchError

PEERS = (Allocator, peers.FlaskDev, peers.GunicornMemory, peers.GunicornSqlite, peers.Redis,
         peers.Etcd)  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--peers-only", action="store_true")
    parser.add_argument("--data", type=Path, default=Path("/data"), help="where stores are kept")
    parser.add_argument("--out", type=Path, help="folder for table.txt and figures.json")
    parser.add_argument("peers", nargs="*", metavar="PEER", help="some of them; else all")
    told = parser.parse_args()
    known = [one.key for one in PEERS]
    if unknown := sorted(set(told.peers) - set(known)):
        parser.error(f"there is no peer {', '.join(unknown)}; one of: {' '.join(known)}")
    return told


def say(text: str) -> None:
    print(f"  {text}", file=sys.stderr)


def machine(folder: Path) -> list[str]:
    model = next((line.split(":", 1)[1].strip() for line in
                  Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
                 platform.machine())  # fmt: skip
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    below = [m for m in mounts if folder.is_relative_to(m[1])]
    kind = max(below, key=lambda m: len(m[1]))[2]
    return [
        f"machine: {rounds.cores()} cores ({model}), Linux {platform.release()}, stores on {kind}",
        "versions: " + ", ".join(f"{name} {what}" if name != "python" else what
                                 for name, what in peers.versions().items()),
    ]  # fmt: skip


def measure(told: argparse.Namespace, folder: Path) -> tuple[targets.Figures, list[peers.Peer]]:
    chosen = [one for one in PEERS if not told.peers or one.key in told.peers]
    with ExitStack() as stack:
        started: list[peers.Peer] = []
        for make in chosen:
            peer = make(folder / make.key)
            stack.callback(peer.close)
            peer.start()
            started.append(peer)
        say("started: " + ", ".join(one.title for one in started))
        figures = targets.Figures(
            rounds.run(started, folder, told.rounds, told.seconds, say))
        if not told.peers_only and isinstance(started[0], Allocator):
            say(f"{extras.LISTENERS} listeners")
            figures.small_mib = started[0].process.resident_mib()
            figures.listeners = extras.with_listeners(started[0], told.rounds, told.seconds)
    if not told.peers_only:
        measure_more(told, folder, figures)
    return figures, started


def measure_more(told: argparse.Namespace, folder: Path, figures: targets.Figures) -> None:
    say(f"flushes {extras.SLOWER_US} us slower")
    figures.slow = extras.slow_flush(folder / "slow", told.rounds, told.seconds)
    say("decisions of the ledger alone")
    figures.decisions = programs.decisions(0.3)
    say("looks at what GPUs do")
    figures.sampling_us = programs.sampling(0.3)
    try:
        figures.many = extras.many(folder / "many", say)
    except BenchError as error:
        figures.many = str(error).splitlines()[0]


def keep(out: Path, lines: list[str], figures: targets.Figures) -> None:
    (out / "table.txt").write_text("\n".join(lines) + "\n")
    told = dataclasses.asdict(figures)
    loads = figures.measured.loads
    told["measured"]["cpu_us"] = {f"{key} {connections}": values for (key, connections), values
                                  in figures.measured.cpu_us.items()}  # fmt: skip
    told["measured"]["loads"] = {
        f"{key} {connections}": [dataclasses.asdict(one) for one in runs]
        for (key, connections), runs in loads.items()
    }
    (out / "figures.json").write_text(json.dumps(told, indent=1) + "\n")


def main() -> int:
    told = arguments()
    begun = time.monotonic()
    busy = rounds.busy_share(2)
    with tempfile.TemporaryDirectory(dir=told.data, prefix="b-") as made:
        folder = Path(made)
        head = machine(folder)
        try:
            figures, started = measure(told, folder)
        except BenchError as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    measured = figures.measured
    lines = [
        "Ask for one GPU or release it, 8 GPUs of 64 slots; "
        f"{told.rounds} rounds of {told.seconds:g} s each, in turn; medians",
        *head,
        *table.noise(busy, measured),
        table.disk(measured),
        table.generator(measured),
        "",
        *table.loads(measured, started),
        "",
        *table.judged(targets.targets(figures, {one.key: one.title for one in PEERS})),
        "",
        f"took {time.monotonic() - begun:.0f} s",
    ]
    print("\n".join(lines))
    if told.out:
        keep(told.out, lines, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
