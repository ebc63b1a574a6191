"""`python -m jupyterhub_gpu.login_test NAME`: what a log-in would come to, step by step.

The password comes on standard input, one line. Nobody is logged in, nothing is changed; the
directory counts the attempt as it counts any. 0: would enter; 1: would not; 2: could not be asked.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tornado import web

from .directory_visit import Visit
from .doctor_lines import Line, good, note, wrong
from .own_door import own_door
from .who_enters import administers, enters

NOT_ASKED = 2


def main(
    arguments: list[str], stdin: TextIO = sys.stdin, door: Callable[[], Any] = own_door
) -> int:
    parser = argparse.ArgumentParser(prog="login_test", description=__doc__)
    parser.add_argument("name")
    told = parser.parse_args(arguments)
    password = stdin.readline().rstrip("\r\n")
    lines = asyncio.run(explain(door(), told.name, password))
    for line in lines:
        print(line)
    if any(line.name == "asked" for line in lines):
        return NOT_ASKED
    return 1 if any(line.kind == "WRONG" for line in lines) else 0


async def explain(door: Any, typed: str, password: str) -> list[Line]:
    """Of any authenticator; a directory's log-in is told in more steps."""
    if getattr(door, "login_service", ""):
        return [
            wrong(
                "asked",
                f"people log in at {door.login_service}, not with a password here",
                "./gpuhub doctor looks whether that works",
            )
        ]
    try:
        if hasattr(door, "layout"):
            return await _by_directory(door, typed, password)
        return await _by_any(door, typed, password)
    except web.HTTPError as error:
        name = "asked" if error.status_code >= 500 else "password"
        words = getattr(error, "jupyterhub_message", None) or str(error)
        return [wrong(name, words, "see the lines of the log above")]


async def _by_any(door: Any, typed: str, password: str) -> list[Line]:
    found = await door.authenticate(None, {"username": typed, "password": password})
    if not found:
        return [wrong("password", "refused", "the line of the log above says why")]
    model = found if isinstance(found, dict) else {"name": found}
    name = door.normalize_username(model["name"])
    lines = [good("password", f"right; {name} to the hub")]
    return [*lines, *_rights(door, name, model)]


def _rights(door: Any, name: str, model: dict[str, Any]) -> Iterator[Line]:
    groups = model.get("groups") or []
    yield note("groups", ", ".join(groups) or "none")
    yield enters(door, name, groups)
    yield administers(door, name, groups)
    account = (model.get("auth_state") or {}).get("account")
    if account:
        yield note("account", f"uid {account['uid']}, gid {account['gid']}, {account['home']}")
    else:
        yield note("account", "no uid and gid: for kind = systemuser one must be mapped")


async def _by_directory(door: Any, typed: str, password: str) -> list[Line]:
    login = door.login_of(typed)
    if login is None:
        return [wrong("name", f"{typed[:64]!r} cannot be a name", "see docs/authentication.md")]
    if not password.strip():
        return [wrong("password", "empty: the directory is not even asked", "give one")]
    found: Visit = await door.ask(login, password)
    lines = list(_found(door, found))
    if found.verdict is None or not found.verdict.enters:
        return lines
    return [*lines, *_rights(door, door.normalize_username(found.name), door._model(found))]


def _found(door: Any, found: Visit) -> Iterator[Line]:
    where = f"below {door.layout.user_base}, {door.layout.user_filter}"
    if not found.dns:
        yield wrong(
            "found",
            f"nobody is called {found.login} {where}",
            "user_base and user_filter say who counts, name_attribute by what name",
        )
        return
    if len(found.dns) > 1:
        yield wrong(
            "found",
            f"several are called {found.login}: {'; '.join(found.dns)}",
            "narrow user_base or user_filter so that one is left",
        )
        return
    if found.name is None:
        yield wrong(
            "found",
            f"{found.dns[0]}, whose {door.layout.name} cannot be a hub's name",
            "a name has small letters a to z, digits and . _ - @",
        )
        return
    yield good("found", f"{found.dns[0]}; {found.name} to the hub")
    assert found.answer is not None  # noqa: S101
    assert found.verdict is not None  # noqa: S101
    said = f"{found.answer.code} {found.answer.message}".strip()
    if found.answer.ok:
        yield good("password", "right")
    elif found.verdict.told:
        yield wrong(
            "password",
            f"refused for the state of the account (the directory: {said})",
            "see account",
        )
    else:
        yield wrong("password", f"wrong (the directory: {said})", "try again")
    if found.verdict.state:
        yield wrong("account", str(found.verdict.state), "open it again in the directory")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
