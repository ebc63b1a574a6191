"""LDIF text, safe for whatever stands in a name."""

import base64
import re

type Values = str | bytes | int | list[str]

_SAFE = re.compile(r"[!-9;=-~][ -~]*(?<! )")  # RFC 2849; no `:`, `<` or blank where it counts


def dn_value(text: str) -> str:
    """An attribute's value as a DN spells it (RFC 4514)."""
    escaped = re.sub(r'[,+"\\<>;=]', lambda found: "\\" + found[0], text)
    return "\\" + escaped if escaped[:1] in ("#", " ") else escaped


def filter_value(text: str) -> str:
    """A value as a search filter spells it (RFC 4515)."""
    return re.sub(r"[\0()*\\]", lambda found: f"\\{ord(found[0]):02x}", text)


def line(name: str, value: str | bytes | int) -> str:
    if isinstance(value, bytes):
        return f"{name}:: {base64.b64encode(value).decode()}"
    text = str(value)
    if _SAFE.fullmatch(text):
        return f"{name}: {text}"
    return f"{name}:: {base64.b64encode(text.encode()).decode()}"


def _lines(values: dict[str, Values]) -> list[str]:
    return [
        line(name, one)
        for name, value in values.items()
        for one in (value if isinstance(value, list) else [value])
    ]


def add(dn: str, values: dict[str, Values]) -> str:
    """A new entry."""
    return "\n".join([line("dn", dn), "changetype: add", *_lines(values), "", ""])


def change(dn: str, how: str, values: dict[str, Values]) -> str:
    """`how` is add, delete or replace; an empty list of values deletes all of them."""
    parts = [line("dn", dn), "changetype: modify"]
    for name, value in values.items():
        parts += [f"{how}: {name}", *_lines({name: value}), "-"]
    return "\n".join([*parts, "", ""])
