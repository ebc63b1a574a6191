"""What people type as their name, and the one name that the hub knows them by.

Strict before anything is asked: no name reaches a filter that could not be a hub's name.
"""

from __future__ import annotations

import re

from .directory_answers import Entry
from .directory_presets import Layout

TYPED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,127}")
NAME = re.compile(r"[a-z0-9_][a-z0-9_.@-]{0,63}")
AVA = re.compile(r"\s*([A-Za-z0-9.-]+)\s*=((?:\\.|[^\\,+])*)([,+]|$)")


def login_of(typed: str, domains: tuple[str, ...], pattern: re.Pattern[str] = TYPED) -> str | None:
    """`typed` without spaces around it and without a domain that is ours, in lower case.

    The same for all ways to write one person's name. None: cannot be anybody's.
    """
    name = typed.strip(" ")
    if not pattern.fullmatch(name) or not name.isprintable():
        return None
    name = name.lower()
    before, backslash, after = name.partition("\\")
    if backslash:
        return _plain(after) if before in domains else None
    user, at, domain = name.rpartition("@")
    if at and domain in domains:
        return _plain(user)
    return name


def _plain(name: str) -> str | None:
    return name if name and "\\" not in name and "@" not in name else None


def name_of(entry: Entry, layout: Layout) -> str | None:
    """The hub's name of a person: the name attribute in lower case. None: it does not fit.

    Of several values the one in the DN counts, so that one person never has two names.
    """
    values = sorted({value.lower() for value in entry.texts(layout.name)})
    if len(values) > 1:
        values = [one for one in values if one == _in_rdn(entry.dn, layout.name)]
    if len(values) != 1 or not NAME.fullmatch(values[0]):
        return None
    return values[0]


def _in_rdn(dn: str, attribute: str) -> str | None:
    """The value of `attribute` in the first part of the DN, in lower case."""
    return next((value.lower() for kind, value in rdn_of(dn) if kind == attribute.lower()), None)


def rdn_of(dn: str) -> list[tuple[str, str]]:
    """The first part of a DN, `uid=a+cn=b`, as pairs without escapes; attributes in lower case."""
    pairs: list[tuple[str, str]] = []
    at = 0
    while part := AVA.match(dn, at):
        pairs.append((part[1].lower(), _unescaped(part[2])))
        if part[3] != "+":
            break
        at = part.end()
    return pairs


def _unescaped(value: str) -> str:
    raw = re.sub(
        rb"\\([0-9a-fA-F]{2}|.)",
        lambda found: bytes.fromhex(found[1].decode()) if len(found[1]) == 2 else found[1],
        value.strip().encode(),
    )
    return raw.decode(errors="replace")


def lies_under(dn: str, base: str) -> bool:
    """Whether `dn` is `base` or below it."""
    return f",{same_dn(dn)}".endswith(f",{same_dn(base)}")


def same_dn(dn: str) -> str:
    """For comparing: without capitals and spaces that mean nothing."""
    return re.sub(r"\s*([,=+])\s*", r"\1", dn.strip().lower())
