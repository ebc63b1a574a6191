"""Why somebody may enter or may not, and why he administers the hub or does not: for an admin."""

from __future__ import annotations

from collections.abc import Collection

from .doctor_lines import Line, good, note, wrong
from .entrance import Entrance


def enters(door: Entrance, name: str, groups: Collection[str]) -> Line:
    """By the rules of `Entrance`; a subclass's own rule is told as what it says."""
    told = {"groups": list(groups)}
    allowed = door.check_allowed(name, told)
    if name in door.blocked_users:
        return wrong("enters", "no: named in blocked_users", "take the name out there")
    if not allowed:
        return _not_allowed(door, groups)
    shared = sorted(set(groups) & door.allowed_groups)
    if name in door.allowed_users:
        return good("enters", "yes: named in allowed_users")
    if shared:
        return good("enters", f"yes: member of {', '.join(shared)}, of allowed_groups")
    return good("enters", "yes: everybody may whom this method lets through")


def _not_allowed(door: Entrance, groups: Collection[str]) -> Line:
    if not door.restricted:
        return wrong("enters", "no: nobody is allowed", "set allowed_groups or allowed_users")
    almost = [
        (group, wanted)
        for group in groups
        for wanted in door.allowed_groups
        if group.lower() == wanted.lower()
    ]
    if almost:
        group, wanted = almost[0]
        return wrong(
            "enters",
            f"no: the group is {group}, not {wanted}",
            f'write "{group}" in allowed_groups',
        )
    names = ", ".join(sorted(door.allowed_groups)) or "none"
    return wrong(
        "enters",
        f"no: neither named in allowed_users nor in a group of allowed_groups ({names})",
        "put the person into one of these groups, or name him in allowed_users",
    )


def administers(door: Entrance, name: str, groups: Collection[str]) -> Line:
    shared = sorted(set(groups) & door.admin_groups)
    if name in door.admin_users:
        return note("admin", "yes: named in hub.admins")
    if shared:
        return note("admin", f"yes: member of {', '.join(shared)}, of admin_groups")
    return note("admin", "no")
