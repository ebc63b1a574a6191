"""What people read: refusals, and why a server ended. Plain text, no I/O.

What they read while they wait in line is in line_words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from jupyterhub.spawner import SpawnException

from .allocator import (
    AllocatorDown,
    AllocatorError,
    Impossible,
    LeaseState,
    NoGpuFree,
    NotReady,
    Problem,
    QueueFull,
    StaleEpoch,
)
from .lease import BadLease, Holder, Lease

KILLED_EXIT_CODES = (137, 9)


class Refusal(SpawnException):
    """A start that is refused in words. Shown on the hub's pages and in the API's JSON.

    Counted as a failure by policy, not as an error of the hub. `reason` is a metric's label.
    """

    def __init__(self, message: str, *, reason: str, status_code: int) -> None:
        super().__init__(message, reason=reason, status_code=status_code)
        self.jupyterhub_message = message


def refuse(error: AllocatorError, asked_for: str) -> Refusal:
    """The allocator's refusal of a start, for the person who asked for `asked_for`."""
    if isinstance(error, NoGpuFree | QueueFull):
        line = _line_is_full(error.more) if isinstance(error, QueueFull) else ""
        text = f"No GPU is free for “{asked_for}” now.{line} {_held_by(error.more)}"
        return Refusal(text.strip(), reason=error.slug, status_code=409)
    if isinstance(error, Impossible):
        text = f"This machine cannot serve “{asked_for}”: {error.detail or error.title}"
        return Refusal(text, reason=error.slug, status_code=422)
    if isinstance(error, NotReady):
        text = f"GPUs cannot be given out right now: {error.detail or error.title}. Try again soon."
        return Refusal(text, reason=error.slug, status_code=503)
    if isinstance(error, LeaseState | StaleEpoch):
        text = "Your GPUs were taken back before the server could start. Please start it again."
        return Refusal(text, reason=error.slug, status_code=503)
    if isinstance(error, Problem):
        return Refusal(
            f"The allocator refused: {error.detail or error.title}",
            reason=error.slug,
            status_code=error.status,
        )
    text = "The allocator, which gives out the GPUs, does not answer. Try again in a minute."
    if not isinstance(error, AllocatorDown):
        text = f"{text} ({error})"
    return Refusal(text, reason="allocator-down", status_code=503)


def _line_is_full(more: dict[str, Any]) -> str:
    waiting = more.get("waiting")
    many = f": {waiting} wait already" if isinstance(waiting, int) and waiting > 0 else ""
    return f" The line is full{many}. Please try again later."


def _held_by(more: dict[str, Any]) -> str:
    """The holders of a problem document; what cannot be understood is left out."""
    told, hidden = more.get("holders"), more.get("hidden")
    holders = []
    for item in told if isinstance(told, list) else []:
        try:
            holders.append(Holder.parse(item))
        except BadLease:
            continue
    return holders_in_words(holders, hidden if isinstance(hidden, int) else 0)


def holders_in_words(holders: Sequence[Holder], hidden: int) -> str:
    """Who holds what, as far as the admin lets it be seen."""
    lines = [f"{gpus}: {' since '.join(filter(None, who))}" for gpus, *who in by_holder(holders)]
    if hidden > 0:
        lines.append(hidden_in_words(hidden, bool(lines)))
    return f"Held by: {'; '.join(lines)}." if lines else ""


def hidden_in_words(hidden: int, more: bool) -> str:
    """How many leases are not shown."""
    leases = "lease" if hidden == 1 else "leases"
    return f"{hidden} {'more ' if more else ''}{leases} of other people"


def by_holder(holders: Sequence[Holder]) -> list[tuple[str, str, str]]:
    """Per holder: the GPUs ("GPUs 0, 3"), who, since when (may be empty)."""
    gpus: dict[tuple[str, str], list[str]] = {}
    for holder in holders:
        who = holder.user or "somebody"
        if holder.server:
            who = f"{who} ({holder.server})"
        gpus.setdefault((who, moment(holder.since)), []).append(str(holder.index))
    return [
        (f"{'GPU' if len(indices) == 1 else 'GPUs'} {', '.join(indices)}", who, since)
        for (who, since), indices in gpus.items()
    ]


def moment(told: datetime | str | None) -> str:
    """A time (RFC 3339 if text) for people: the clock's today, else with its date. UTC."""
    if told is None:
        return ""
    try:
        when = (datetime.fromisoformat(told) if isinstance(told, str) else told).astimezone(UTC)
    except ValueError:
        return ""
    today = when.date() == datetime.now(UTC).date()
    return when.strftime("%H:%M UTC" if today else "%Y-%m-%d %H:%M UTC")


UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def span_in_words(seconds: int) -> str:
    """A time that somebody has set, exactly: in the largest unit of which it is a whole number."""
    size, unit = next(each for each in UNITS if seconds % each[0] == 0)
    number = seconds // size
    return f"{number} {unit}{'' if number == 1 else 's'}"


def last_end(leases: Iterable[Lease]) -> str:
    """Why this person's last server, or wait for one, ended by itself; else empty."""
    ended = [lease for lease in leases if lease.state == "ended" and lease.ended_at]
    if not ended:
        return ""
    last = max(ended, key=lambda lease: lease.ended_at or "")
    when = moment(last.ended_at)
    at = f" at {when}" if when else ""
    if last.reason == "expired" and last.granted_at is None:
        return (
            f"Your place in line ended{at}: you had waited as long as one may, or the hub was "
            "away for too long."
        )
    why = why_ended(last)
    return f"Your last server ended{at}: {why}." if why else ""


def why_ended(lease: Lease) -> str:
    """Why a server ended by itself or from outside; empty: somebody stopped it."""
    if lease.reason == "container_exited":
        return _exit_in_words(lease)
    known = {
        "container_gone": "its container was removed from outside the hub",
        "revoked": "an admin took its GPUs back",
    }
    return known.get(lease.reason or "", "")


def _exit_in_words(lease: Lease) -> str:
    code = f"(exit code {lease.exit_code})"
    if lease.oom_killed:
        return f"it ran out of memory {code}"
    if lease.exit_code in KILLED_EXIT_CODES:
        return f"it was killed {code}"
    if lease.exit_code == 0:
        return f"it shut itself down {code}"
    return f"it stopped by itself {code}"
