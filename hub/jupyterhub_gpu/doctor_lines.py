"""Lines as `./gpuhub doctor` prints them (lib/verb_doctor.sh has the same)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """`kind`: ok, note, or WRONG with what to `do` about it."""

    kind: str
    name: str
    what: str
    do: str = ""

    def __str__(self) -> str:
        told = f"{self.kind:<6} {self.name:<16} {self.what}"
        return f"{told}\n{'':23} do: {self.do}" if self.do else told


def good(name: str, what: str) -> Line:
    return Line("ok", name, what)


def note(name: str, what: str) -> Line:
    return Line("note", name, what)


def wrong(name: str, what: str, do: str) -> Line:
    return Line("WRONG", name, what, do)
