"""`python -m jupyterhub_gpu.directory_check`: `doctor`'s look at the directory or the provider.

Prints doctor's lines. Nothing is changed; no password of a person is needed. 0: nothing wrong.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import ldap3

from .directory import Directory
from .directory_answers import Away, Kind, escape
from .directory_groups import groups_of
from .directory_names import name_of
from .directory_session import Session, Talk
from .directory_state import state_of
from .doctor_lines import Line, good, note, wrong
from .own_door import own_door
from .who_enters import enters

LIMIT_S = 8.0
EXAMPLES = 50  # of these the first that could log in is shown
REMEDIES = {
    Kind.UNREACHABLE: "check servers and port in [auth.directory], name service and firewall",
    Kind.SILENT: "look at the server's load and at firewalls between",
    Kind.UNTRUSTED: "ca_file must have the CA that signed it",
    Kind.OTHER_NAME: "write the server in [auth.directory] by a name of its certificate",
    Kind.EXPIRED: "renew the server's certificate; look at the clock here, too",
    Kind.NO_TLS: 'tls = "starttls" goes with port 389, tls = "ldaps" with 636',
    Kind.ACCOUNT: "check account and password_file in [auth.directory], then ./gpuhub up",
    Kind.QUESTION: "check the bases and user_filter, and what the account may read",
}


def main(door: Callable[[], Any] = own_door) -> int:
    own = door()
    lines: list[Line] = []
    if hasattr(own, "layout"):
        lines = check(own)
    elif hasattr(own, "issuer"):
        from .oidc_check import check_provider  # noqa: PLC0415

        lines = asyncio.run(check_provider(own))
    for line in lines:
        print(line)
    return 1 if any(line.kind == "WRONG" for line in lines) else 0


def check(door: Any) -> list[Line]:
    """Each server by itself; then, of the first good one, what the hub is going to ask."""
    lines, well = [], None
    for server in door.directory.where.servers:
        own = Directory(replace(door.directory.where, servers=(server,)))
        try:
            ends = own.ask(Talk(LIMIT_S), lambda session: session.certificate_ends())
            lines.append(good("directory", f"{server} takes the account; certificate until {ends}"))
            well = well or own
        except Away as away:
            lines.append(_away(away))
    return [*lines, *_asked(door, well)] if well else lines


def _away(away: Away) -> Line:
    return wrong("directory", f"{away.server} {away.kind}: {away.reason}", REMEDIES[away.kind])


def _asked(door: Any, directory: Directory) -> list[Line]:
    try:
        return directory.ask(Talk(LIMIT_S), lambda session: list(_questions(door, session)))
    except Away as away:
        return [_away(away)]


def _questions(door: Any, session: Session) -> Iterator[Line]:
    there = True
    for key in ("user_base", "group_base"):
        base = getattr(door.layout, key)
        if session.search(base, "(objectClass=*)", [], most=1, scope=ldap3.BASE):
            yield good(key, base)
        else:
            there = False
            yield wrong(
                key,
                f"{base} is not there, or the account may not read it",
                f"correct base or {key} in [auth.directory]",
            )
    if not there:
        return
    for name in sorted(door.allowed_groups | door.admin_groups):
        yield _group(door, session, name)
    yield from _example(door, session)


def _group(door: Any, session: Session, name: str) -> Line:
    key = door.layout.group_name
    what = f"({key}={escape(name)})"
    found = session.search(door.layout.group_base, what, [key], most=2)
    if not found:
        return wrong(
            "group",
            f"{name} is not below {door.layout.group_base}",
            "correct the name in [auth], or group_base",
        )
    if len(found) > 1:
        return wrong(
            "group",
            f"{name} is there twice: {found[0].dn}; {found[1].dn}",
            "set group_base so that one is left: a namesake lets people in",
        )
    spelt = found[0].text(key)
    if spelt != name and name not in found[0].texts(key):
        return wrong("group", f"{name} is written {spelt} in the directory", f'write "{spelt}"')
    return good("group", f"{name} is {found[0].dn}")


def _example(door: Any, session: Session) -> Iterator[Line]:
    layout = door.layout
    what = f"(&{layout.user_filter}({layout.name}=*))"
    found = session.search(layout.user_base, what, layout.attributes, most=EXAMPLES)
    if not found:
        yield wrong(
            "person",
            f"nobody below {layout.user_base} matches {what}",
            "correct user_base or user_filter, or let the account read people",
        )
        return
    now = datetime.now(UTC)
    usable = [one for one in found if name_of(one, layout) and state_of(one, now) is None]
    person = (usable or found)[0]
    name = name_of(person, layout)
    if name is None:
        yield wrong(
            "person",
            f"for example {person.dn}: its {layout.name} cannot be a hub's name",
            "set name_attribute: a name has letters a to z, digits and . _ - @",
        )
        return
    state = state_of(person, now)
    yield good("person", f"for example {name}, {person.dn}{f'; {state}' if state else ''}")
    groups = [group.name for group in groups_of(session, layout, person)]
    yield note("groups", f"of {name}: {', '.join(groups) or 'none'}")
    line = enters(door, name, groups)
    yield note(line.name, f"{name}: {line.what}")


if __name__ == "__main__":
    sys.exit(main())
