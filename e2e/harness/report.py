"""What tests measure: kept in OUTDIR/numbers.txt by all workers, shown at the end of the run."""

import os
from pathlib import Path

OUT = Path(os.environ.get("E2E_OUT", "/out"))
NUMBERS = OUT / "numbers.txt"


def say(line: str) -> None:
    with NUMBERS.open("a") as file:
        file.write(line + "\n")


def number(what: str, value: float, unit: str) -> None:
    say(f"{what}: {value:.1f} {unit}")


def lines() -> list[str]:
    return NUMBERS.read_text().splitlines() if NUMBERS.exists() else []
