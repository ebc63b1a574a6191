"""What is asked of a directory server and what it answers, as plain data. Nothing here asks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .trust import Fault

SUCCESS, SIZE_LIMIT, NO_SUCH_OBJECT, BAD_CREDENTIALS = 0, 4, 32, 49
PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789=,_.@-")


class Kind(StrEnum):
    """Why the directory cannot be asked, to be read after "the directory"."""

    UNREACHABLE = "cannot be reached"
    SILENT = "does not answer"
    UNTRUSTED = f"cannot be asked: its certificate {Fault.UNTRUSTED}"
    OTHER_NAME = f"cannot be asked: its certificate {Fault.OTHER_NAME}"
    EXPIRED = f"cannot be asked: its certificate {Fault.EXPIRED}"
    NO_TLS = "cannot be asked: it does not speak TLS with this hub"
    ACCOUNT = "refuses the hub's own account"
    QUESTION = "refuses what the hub asks"


class Away(Exception):
    """The directory cannot be asked. `kind` is for people, `reason` for the admin's log."""

    def __init__(self, kind: Kind, server: str, reason: str) -> None:
        super().__init__(f"{server}: {kind}: {reason}")
        self.kind = kind
        self.server = server
        self.reason = reason


@dataclass(frozen=True)
class Where:
    """The servers and how to speak with them. `ldaps`: TLS from the start, else StartTLS."""

    servers: tuple[str, ...]
    port: int
    ldaps: bool
    timeout_s: float
    account: str | None  # of the hub, to look people up; None: anonymous
    password: str | None
    tls: dict[str, Any] = field(default_factory=dict)  # ldap3.Tls's: ca_certs_file, …


@dataclass(frozen=True)
class Entry:
    """One entry; attributes by lower-case name, as bytes."""

    dn: str
    attributes: dict[str, list[bytes]]

    def texts(self, name: str) -> list[str]:
        """Its values that are text."""
        found = []
        for value in self.attributes.get(name.lower(), []):
            with contextlib.suppress(UnicodeDecodeError):
                found.append(value.decode())
        return found

    def text(self, name: str) -> str:
        """The first value; empty if there is none."""
        return next(iter(self.texts(name)), "")

    def number(self, name: str) -> int | None:
        """The first value if it is a number."""
        with contextlib.suppress(ValueError):
            return int(self.text(name))
        return None


@dataclass(frozen=True)
class Answer:
    """What a server said to a name and a password."""

    code: int
    message: str
    policy: int | None = None  # slapd's ppolicy: its error, if it told one

    @property
    def ok(self) -> bool:
        return self.code == SUCCESS


def escape(value: str | bytes) -> str:
    """`value` for a filter, with everything that is not plainly harmless as hexadecimal."""
    raw = value.encode() if isinstance(value, str) else value
    return "".join(chr(byte) if byte in PLAIN else f"\\{byte:02x}" for byte in raw)
