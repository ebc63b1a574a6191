"""A person's account on the system: what the log-in found out, checked, for `systemuser`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

ID_MAX = 2**31 - 1
GROUPS_MAX = 4096
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,254}")


class NoAccount(ValueError):
    """There is no account that a container could run as. The text is for the person."""


@dataclass(frozen=True)
class Account:
    """Numbers and home of one person, as the directory or the host tells them; never root's."""

    name: str
    uid: int
    gid: int
    groups: tuple[tuple[str, int], ...]  # all supplementary ones: name, gid
    home: str
    shell: str = "/bin/bash"

    @classmethod
    def parse(cls, name: str, told: object, homes: str) -> Account:
        """From auth_state["account"]; `homes`: the folder below which homes lie.

        Raises NoAccount.
        """
        if not isinstance(told, Mapping):
            raise NoAccount(
                "Your account has no uid, so no container can run as you. Ask an admin."
            )
        uid, gid = _ident(told.get("uid"), "uid"), _ident(told.get("gid"), "gid")
        return cls(
            name=name,
            uid=uid,
            gid=gid,
            groups=tuple(_groups(told.get("groups"))),
            home=_home(told.get("home") or f"{homes}/{name}", homes),
            shell=_shell(told.get("shell")),
        )


def _ident(told: object, what: str) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not 1 <= told <= ID_MAX:
        raise NoAccount(f"The {what} of your account, {told!r}, cannot be used. Ask an admin.")
    return told


def _groups(told: object) -> list[tuple[str, int]]:
    """Those that make sense; gid 0 is nobody's supplementary group in a container."""
    found = []
    for each in told if isinstance(told, list | tuple) else ():
        name, gid = (each.get("name"), each.get("gid")) if isinstance(each, Mapping) else ("", 0)
        if isinstance(gid, int) and 1 <= gid <= ID_MAX and not isinstance(gid, bool):
            found.append((name if isinstance(name, str) and NAME.fullmatch(name) else "", gid))
    return found[:GROUPS_MAX]


def _home(told: object, homes: str) -> str:
    """A folder below `homes`, plain: nothing else of the host is ever mounted as one."""
    path = PurePosixPath(str(told))
    odd = ".." in path.parts or any(ord(char) < 32 or char in ":{}" for char in str(told))
    if odd or not path.is_absolute() or PurePosixPath(homes) not in path.parents:
        raise NoAccount(f"Your home, {told}, does not lie in {homes}. Ask an admin.")
    return str(path)


def _shell(told: object) -> str:
    plain = isinstance(told, str) and re.fullmatch(r"/[A-Za-z0-9_./-]{1,200}", told)
    return str(told) if plain else "/bin/bash"


def passwd_with(text: str, account: Account) -> str:
    """An image's passwd with the person in front: so names are known in terminals and by ssh."""
    line = f"{account.name}:x:{account.uid}:{account.gid}::{account.home}:{account.shell}"
    return _with([line], text)


def group_with(text: str, account: Account) -> str:
    """An image's group file with the person's groups in front; one without a name is his own."""
    lines, seen = [], set()
    named = dict(account.groups)
    own = next((name for name, gid in account.groups if gid == account.gid and name), account.name)
    for name, gid in [(own, account.gid), *named.items()]:
        if name and name not in seen and NAME.fullmatch(name):
            seen.add(name)
            lines.append(f"{name}:x:{gid}:{account.name if gid != account.gid else ''}")
    return _with(lines, text)


def _with(lines: list[str], text: str) -> str:
    names = {line.partition(":")[0] for line in lines}
    kept = [line for line in text.splitlines() if line.partition(":")[0] not in names]
    return "\n".join([*lines, *kept]) + "\n"
