"""The table that people read: plain text that is Markdown too."""

import statistics
from collections.abc import Iterator, Sequence

from driver.peers import Peer
from driver.rounds import CONNECTIONS, Measured
from driver.targets import Target

BUSY_MAX = 0.15  # of all cores; what somebody else may use while it is measured


def rows_to_text(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """The first row is the head; so many columns are left, the others right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = [cell.ljust(width) if n < left else cell.rjust(width)
                 for n, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        return "| " + " | ".join(cells) + " |"

    rule = ["-" * width if n < left else "-" * (width - 1) + ":" for n, width in enumerate(widths)]
    return [line(rows[0]), line(rule), *(line(row) for row in rows[1:])]


def milliseconds(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f}" if microseconds < 10_000 else f"{microseconds / 1000:.0f}"


def loads(measured: Measured, peers: Sequence[Peer]) -> list[str]:
    rows = [["peer", "durable", "socket", "connections", "ops/s", "lowest-highest", "p50 ms",
             "p99 ms", "x Flask", "CPU us/op", "conflicts"]]  # fmt: skip
    for connections in CONNECTIONS:
        for peer in peers:
            runs = measured.loads[peer.key, connections]
            speeds = [one.per_second for one in runs]
            against = (f"{measured.ratio(peer.key, 'flask', connections):.1f}"
                       if measured.has("flask") else "-")  # fmt: skip
            anew = sum(one.conflicts for one in runs) / max(sum(one.operations for one in runs), 1)
            rows.append([
                peer.title, "yes" if peer.durable else "no", peer.transport, str(connections),
                f"{statistics.median(speeds):,.0f}", f"{min(speeds):,.0f}-{max(speeds):,.0f}",
                milliseconds(measured.median(peer.key, connections, "p50_us")),
                milliseconds(measured.median(peer.key, connections, "p99_us")),
                against, f"{statistics.median(measured.cpu_us[peer.key, connections]):.0f}",
                f"{anew:.1f}/op" if anew else "-",
            ])  # fmt: skip
    return rows_to_text(rows)


def disk(measured: Measured) -> str:
    rates = [one.per_second for one in measured.disk]
    return (f"disk: {statistics.median(rates):,.0f} flushes/s (fdatasync of a preallocated 4 KiB; "
            f"{min(rates):,.0f}-{max(rates):,.0f} over the rounds), p50 "
            f"{statistics.median(one.p50_us for one in measured.disk):.0f} us, p99 "
            f"{statistics.median(one.p99_us for one in measured.disk):.0f} us")  # fmt: skip


def noise(before: float, measured: Measured) -> list[str]:
    """What others took of the machine; where it was much, that the figures are worth little."""
    between = f"{min(measured.busy):.0%}-{max(measured.busy):.0%}"
    lines = [f"others: {before:.0%} of all cores busy before anything was started, {between} "
             "between the rounds, with all peers idle"]  # fmt: skip
    if max(before, *measured.busy) > BUSY_MAX:
        lines.append(f"NOTE: more than {BUSY_MAX:.0%}: no speed or time below is a result; "
                     "do it again on a quiet machine")  # fmt: skip
    return lines


def generator(measured: Measured) -> str:
    """How much of one core the load generator took at its fastest: it must not be the limit."""
    fastest = max((one for runs in measured.loads.values() for one in runs),
                  key=lambda one: one.per_second)  # fmt: skip
    share = fastest.cpu_seconds / (fastest.seconds + 0.3)
    return f"load generator: {share:.0%} of one core at its fastest ({fastest.per_second:,.0f}/s)"


def judged(targets: Iterator[Target]) -> list[str]:
    rows = [["verdict", "target", "wanted", "measured"]]
    rows += [[one.verdict, one.what, one.wanted, one.figure] for one in targets]
    return rows_to_text(rows, left=4)
