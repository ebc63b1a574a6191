"""The groups that a person of a directory is in, direct and nested.

Active Directory finds them itself by a matching rule. Elsewhere we walk up: groups that name the
person, then groups that name those, within bounds, each once (groups may go round in circles).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from .directory_answers import Entry, escape
from .directory_names import lies_under, rdn_of, same_dn
from .directory_presets import IN_CHAIN, Layout
from .directory_session import Session

GROUPS_MAX = 500
DEPTH_MAX = 10
BATCH = 20  # groups asked about in one search
NAME_MAX = 255


@dataclass(frozen=True)
class Group:
    """A group; `gid` None: not one of Unix."""

    name: str
    gid: int | None
    dn: str


def groups_of(session: Session, layout: Layout, person: Entry) -> list[Group]:
    """At most GROUPS_MAX, sorted by name; a name is there once. Raises Away."""
    found = _by_rule if layout.nested_by_rule else _by_walking
    groups: dict[str, Group] = {}
    own = {(name.lower(), person.number("gidNumber")) for name in person.texts(layout.name)}
    for group in found(session, layout, person):
        if group.gid is not None and (group.name.lower(), group.gid) in own:
            continue  # the group that is his alone, as on Debian
        if 0 < len(group.name) <= NAME_MAX and group.name.isprintable():
            known = groups.get(group.name)
            groups[group.name] = group if known is None or known.gid is None else known
    return sorted(groups.values(), key=lambda group: group.name)


def _by_rule(session: Session, layout: Layout, person: Entry) -> list[Group]:
    primary = _primary(session, layout, person)
    members = [person.dn, *(group.dn for group in primary)]
    rule = "".join(f"(member:{IN_CHAIN}:={escape(dn)})" for dn in members)
    nested = _search(session, layout, f"(&(objectClass=group)(|{rule}))")
    return [*(one for one in primary if lies_under(one.dn, layout.group_base)), *nested]


def _primary(session: Session, layout: Layout, person: Entry) -> list[Group]:
    """Active Directory's primary group (`Domain Users`), which nobody is a `member` of."""
    sid = next(iter(person.attributes.get("objectsid", [])), b"")
    number = person.number("primaryGroupID")
    if len(sid) < 12 or number is None or not 0 <= number < 2**32:
        return []
    group_sid = sid[:-4] + number.to_bytes(4, "little")
    return _search(session, layout, f"(objectSid={escape(group_sid)})", base=layout.base)


def _by_walking(session: Session, layout: Layout, person: Entry) -> list[Group]:
    found: dict[str, Group] = {}
    level = _direct(session, layout, person)
    for _ in range(DEPTH_MAX):
        new = {same_dn(group.dn): group for group in level}
        fresh = [group for dn, group in new.items() if dn not in found]
        found |= new
        if not fresh or len(found) >= GROUPS_MAX:
            break
        level = [
            group
            for batch in itertools.batched(fresh, BATCH, strict=False)
            for group in _search(session, layout, _naming(group.dn for group in batch))
        ]
    return list(itertools.islice(found.values(), GROUPS_MAX))


def _direct(session: Session, layout: Layout, person: Entry) -> list[Group]:
    """Who names the person; and what the person's memberOf says, which may be nested already."""
    names = "".join(f"(memberUid={escape(name)})" for name in person.texts(layout.name))
    gid = person.number("gidNumber")
    if gid is not None:
        names += f"(&(objectClass=posixGroup)(gidNumber={gid}))"
    told = [
        Group(dict(rdn_of(dn)).get(layout.group_name.lower(), ""), None, dn)
        for dn in person.texts("memberOf")
        if lies_under(dn, layout.group_base)
    ]
    return [*told[:GROUPS_MAX], *_search(session, layout, f"(|{_naming([person.dn])}{names})")]


def _naming(dns: Iterable[str]) -> str:
    parts = [f"(member={escape(dn)})(uniqueMember={escape(dn)})" for dn in dns]
    return f"(|{''.join(parts)})"


def _search(session: Session, layout: Layout, what: str, base: str | None = None) -> list[Group]:
    name = layout.group_name
    found = session.search(base or layout.group_base, what, [name, "gidNumber"], most=GROUPS_MAX)
    return [
        Group(
            dict(rdn_of(entry.dn)).get(name.lower()) or entry.text(name),
            entry.number("gidNumber"),
            entry.dn,
        )
        for entry in found
    ]
