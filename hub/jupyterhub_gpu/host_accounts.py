"""The host's accounts, read from its /etc (mounted read-only): who may log in at all.

Read anew at each question, because `useradd` and `passwd` put new files in place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
NO_LOGIN_SHELLS = ("nologin", "false")
DEFAULT_LIMITS = {"UID_MIN": 1000, "UID_MAX": 60000}


@dataclass(frozen=True)
class Account:
    """One line of passwd."""

    name: str
    uid: int
    gid: int
    shell: str


class HostAccounts:
    """Accounts of people: uid within UID_MIN..UID_MAX of login.defs, and a shell that logs in."""

    def __init__(self, etc: Path) -> None:
        self.etc = etc

    def find(self, typed: str) -> Account | None:
        """The account that `typed` means: exactly that name, else its lower case.

        Names of the host are case-sensitive: `Ana` and `ana` are two people where both exist.
        None if there is none, or if it is root's, a system's, or closed to log-in. Raises
        OSError if the host's files cannot be read.
        """
        people = self._people()
        name = typed.strip()
        return people.get(name) or people.get(name.lower())

    def groups(self, account: Account) -> list[str]:
        """Names of the host's groups that the account is in, sorted; its private group left out.

        Raises OSError if the host's file cannot be read.
        """
        found = set()
        for line in (self.etc / "group").read_text(errors="replace").splitlines():
            parts = line.split(":")
            if len(parts) != 4 or not NAME.fullmatch(parts[0]) or parts[0] == account.name:
                continue
            if parts[2] == str(account.gid) or account.name in parts[3].strip().split(","):
                found.add(parts[0])
        return sorted(found)

    def _people(self) -> dict[str, Account]:
        low, high = self._limits()
        found: dict[str, Account] = {}
        hidden: set[str] = set()
        for line in (self.etc / "passwd").read_text(errors="replace").splitlines():
            account = _parse(line)
            if account is None or account.name in found or account.name in hidden:
                continue  # the first entry of a name counts, as for the C library
            shell = account.shell.rsplit("/", 1)[-1]
            if low <= account.uid <= high and shell not in NO_LOGIN_SHELLS:
                found[account.name] = account
            else:
                hidden.add(account.name)
        return found

    def _limits(self) -> tuple[int, int]:
        limits = dict(DEFAULT_LIMITS)
        try:
            text = (self.etc / "login.defs").read_text(errors="replace")
        except FileNotFoundError:
            text = ""
        for line in text.splitlines():
            key, *rest = line.split("#", 1)[0].split() or [""]
            if key in limits and rest and rest[0].isdigit():
                limits[key] = int(rest[0])
        # uid 0 is root under any name, whatever login.defs says
        return max(limits["UID_MIN"], 1), limits["UID_MAX"]


def _parse(line: str) -> Account | None:
    parts = line.split(":")
    if len(parts) != 7 or not NAME.fullmatch(parts[0]) or not parts[2].isdigit():
        return None
    if not parts[3].isdigit():
        return None
    return Account(parts[0], uid=int(parts[2]), gid=int(parts[3]), shell=parts[6].strip())
