"""Asks the log-in helper: is this name's password right, who is it, may he still enter.

The helper (`gpuhub-login`) knows the host's accounts, so that the hub need not. One connection per
question, one line of JSON each way; what it answers is parsed as strictly as it parses questions.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LINE_MAX = 8 * 1024 * 1024  # an account has at most 65,536 groups
NAME_MAX, PASSWORD_MAX = 256, 1025  # one more than the helper takes: cut off it stays too long
CHECKS, LOOKS = 24, 8  # at once; together as many as the helper serves
NO_ANSWER = frozenset({"unavailable", "busy", "bad-request"})
OUTCOMES = NO_ANSWER | {"ok", "wrong", "not-allowed", "expired", "must-change", "locked"}
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
ID_MAX = 2**32 - 2  # the last one means nobody to the kernel


class NoAnswer(Exception):
    """The helper did not say anything about anybody. The text is for the log."""


@dataclass(frozen=True)
class Account:
    """An account of the host or of its domain; `groups` are all of it, as name and gid."""

    name: str
    uid: int
    gid: int
    groups: tuple[tuple[str, int], ...]
    home: str
    shell: str

    @property
    def group_names(self) -> list[str]:
        """Sorted, without the private group, which is called like the account."""
        return sorted({name for name, _ in self.groups if name and name != self.name})

    def state(self) -> dict[str, Any]:
        """As it stands in auth_state["account"]."""
        groups = [{"name": name, "gid": gid} for name, gid in self.groups]
        return {
            "name": self.name,
            "uid": self.uid,
            "gid": self.gid,
            "groups": groups,
            "home": self.home,
            "shell": self.shell,
        }


@dataclass(frozen=True)
class Answer:
    """What the helper found out. `account` is there if and only if the outcome is `ok`."""

    outcome: str
    detail: str
    account: Account | None = None


class LoginHelper:
    """The helper behind one socket. Many may ask at once; some then wait, within the time limit."""

    def __init__(self, socket: str | Path, timeout_s: float) -> None:
        self.socket = str(socket)
        self.timeout_s = timeout_s
        self._checks = asyncio.Semaphore(CHECKS)
        self._looks = asyncio.Semaphore(LOOKS)  # refusals are slow: nobody's look waits for them

    async def check(self, name: str, password: str) -> Answer:
        """Is the password right, and may he enter? Raises NoAnswer."""
        request = {"op": "check", "name": name[:NAME_MAX], "password": password[:PASSWORD_MAX]}
        return await self._ask(self._checks, request)

    async def look(self, name: str) -> Answer:
        """Who is he, and may he still enter? Raises NoAnswer."""
        return await self._ask(self._looks, {"op": "look", "name": name[:NAME_MAX]})

    async def _ask(self, room: asyncio.Semaphore, request: dict[str, str]) -> Answer:
        try:
            async with asyncio.timeout(self.timeout_s), room:
                line = await self._talk(request)
        except TimeoutError as error:
            raise NoAnswer(f"no answer within {self.timeout_s:g} s") from error
        except (OSError, ValueError) as error:
            raise NoAnswer(f"{self.socket}: {error}") from error
        answer = parse(line)
        if answer.outcome in NO_ANSWER:
            raise NoAnswer(f"{answer.outcome}: {answer.detail}")
        return answer

    async def _talk(self, request: dict[str, str]) -> bytes:
        reader, writer = await asyncio.open_unix_connection(self.socket, limit=LINE_MAX)
        try:
            line = json.dumps(request, ensure_ascii=False) + "\n"
            writer.write(line.encode("utf-8", "replace"))
            return await reader.readline()
        finally:
            writer.close()


def parse(line: bytes) -> Answer:
    """Raises NoAnswer if it is not what a helper of this version says."""
    try:
        if not line.endswith(b"\n"):
            raise ValueError("cut off")
        told = json.loads(line)
        expected = {"outcome", "detail"} | ({"account"} if told["outcome"] == "ok" else set())
        if set(told) != expected or told["outcome"] not in OUTCOMES:
            raise ValueError("unexpected fields, or an unknown outcome")
        account = _account(told["account"]) if "account" in told else None
        return Answer(told["outcome"], _text(told["detail"]), account)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = type(error).__name__
        raise NoAnswer(f"the helper's answer was not understood ({what}: {error})") from error


def _account(told: Any) -> Account:
    if set(told) != {"name", "uid", "gid", "groups", "home", "shell"}:
        raise ValueError("unexpected fields of an account")
    if not NAME.fullmatch(_text(told["name"])):
        raise ValueError("a name that is none")
    groups = told["groups"]
    if not isinstance(groups, list) or any(set(each) != {"name", "gid"} for each in groups):
        raise ValueError("groups that are none")
    return Account(
        name=told["name"],
        uid=_ident(told["uid"], least=1),
        gid=_ident(told["gid"]),
        groups=tuple((_text(group["name"]), _ident(group["gid"])) for group in groups),
        home=_text(told["home"]),
        shell=_text(told["shell"]),
    )


def _text(told: Any) -> str:
    if not isinstance(told, str):
        raise TypeError("expected a string")
    return told


def _ident(told: Any, least: int = 0) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not least <= told <= ID_MAX:
        raise ValueError("a number out of range")
    return told
