"""The Unix account of a person of a directory: what a container needs to run as that person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .directory_answers import Entry
from .directory_groups import Group
from .directory_presets import Layout

ID_MAX = 2**32 - 2  # 2**32 - 1 means "no id" to the kernel


def account_of(person: Entry, layout: Layout, groups: Iterable[Group]) -> dict[str, Any] | None:
    """As auth_state["account"]; None if the directory has no uid and gid for the person.

    Never root's: a 0 in a directory is a mistake, or worse.
    """
    uid, gid = person.number("uidNumber"), person.number("gidNumber")
    if not _is_id(uid) or not _is_id(gid):
        return None
    return {
        "uid": uid,
        "gid": gid,
        "groups": [{"name": one.name, "gid": one.gid} for one in groups if _is_id(one.gid)],
        "home": person.text(layout.home) or None,
        "shell": person.text("loginShell") or None,
    }


def _is_id(number: int | None) -> bool:
    return number is not None and 0 < number <= ID_MAX
