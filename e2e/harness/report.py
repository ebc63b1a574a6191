"""Numbers that tests measure, shown at the end of the run and kept in OUTDIR/numbers.txt."""

_lines: list[str] = []


def say(line: str) -> None:
    _lines.append(line)


def number(what: str, value: float, unit: str) -> None:
    _lines.append(f"{what}: {value:.1f} {unit}")


def lines() -> list[str]:
    return list(_lines)
