"""One log-in, or one look at a person, as asked of a directory: step by step.

The log-in and `login_test` both go by what stands here; nothing here decides who may enter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from .directory_answers import Answer, Entry
from .directory_groups import Group, groups_of
from .directory_names import name_of
from .directory_presets import Layout
from .directory_session import Session
from .directory_state import Verdict, state_of, verdict

DNS_TOLD = 2  # as many entries are asked for: more than one is one too many


@dataclass(frozen=True)
class Asked:
    """Who is looked for. `who`: the filter; `more`: attributes that somebody wants besides."""

    login: str
    who: str
    password: str | None = None  # None: the account alone is looked at
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Visit:
    """What was found out; what comes after the step that failed is empty."""

    login: str
    dns: tuple[str, ...] = ()  # none: nobody of that name; two: which of them?
    person: Entry | None = None
    name: str | None = None  # None: the directory's name cannot be a hub's name
    answer: Answer | None = None  # to the password
    verdict: Verdict | None = None
    groups: list[Group] = field(default_factory=list)


def visit(session: Session, layout: Layout, asked: Asked) -> Visit:
    """Who is it, is the password right, which groups. Raises directory.Away."""
    login = asked.login
    attributes = list(dict.fromkeys([*layout.attributes, *asked.more]))
    what = f"(&{layout.user_filter}{asked.who})"
    found = session.search(layout.user_base, what, attributes, most=DNS_TOLD)
    dns = tuple(entry.dn for entry in found)
    if len(found) != 1:
        return Visit(login, dns)
    person = found[0]
    name = name_of(person, layout)
    if name is None:
        return Visit(login, dns, person)
    now, answer = datetime.now(UTC), None
    if asked.password is None:
        state = state_of(person, now)
        outcome = Verdict(enters=state is None, state=state)
    else:
        answer = session.try_password(person.dn, asked.password)
        outcome = verdict(answer, person, now)
        if not answer.ok:
            return Visit(login, dns, person, name, answer, outcome)
    groups = groups_of(session, layout, person)
    return Visit(login, dns, person, name, answer, outcome, groups)
