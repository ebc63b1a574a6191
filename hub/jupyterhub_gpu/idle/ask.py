"""For an admin: what the judge thinks of each running server, as a table (`./gpuhub idle [NAME]`).

Run in the hub's container: python -m jupyterhub_gpu.idle.ask [NAME]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from jupyterhub_gpu.status.judge import Judge, JudgeAway, JudgeRefuses

from . import SOCKET, words

TIMEOUT_S = 20.0
HEAD = ("SERVER", "PROFILE", "GPUS", "STATE", "IDLE", "LIMIT", "ENDS IN", "WHY")


def table(servers: Sequence[dict[str, Any]]) -> str:
    """In columns, one line for each server."""
    rows = [HEAD, *(_row(each) for each in servers)]
    wide = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, wide, strict=True)).rstrip()
        for row in rows
    )


def _row(told: dict[str, Any]) -> tuple[str, ...]:
    warned = f", warned ({told['warning']})" if told["warning"] else ""
    return (
        f"{told['user']}/{told['server']}",
        told["profile"] or "-",
        ",".join(str(gpu["index"]) for gpu in told["gpus"]) or "-",
        told["state"] + warned,
        _length(told["idle_for_s"]),
        _length(told["limit_s"]),
        _length(told["ends_in_s"]) + (" (lifetime)" if told["ends_why"] == "lifetime" else ""),
        told["why"],
    )


def _length(seconds: int | None) -> str:
    return "-" if seconds is None else words.length(seconds)


def main(arguments: Sequence[str]) -> int:
    """0; 1: NAME has no server; 2: the judge does not tell."""
    try:
        servers = asyncio.run(Judge(SOCKET, TIMEOUT_S).servers())
    except (JudgeAway, JudgeRefuses) as error:
        print(f"What is idle is not told now: {error}", file=sys.stderr)
        return 2
    named = [each for each in servers if not arguments or each["user"] == arguments[0]]
    if arguments and not named:
        print(f"{arguments[0]} has no running server.", file=sys.stderr)
        return 1
    print(table(named) if named else "No server runs.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
