"""What people read: refusals, and why a server ended. Plain text, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
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
    StaleEpoch,
)
from .lease import Lease

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
    if isinstance(error, NoGpuFree):
        text = f"No GPU is free for “{asked_for}” now. {holders_in_words(error.more)}"
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


def holders_in_words(more: dict[str, Any]) -> str:
    """Who holds what, as far as the admin lets it be seen."""
    holders = more.get("holders")
    gpus_by_holder: dict[str, list[str]] = {}
    for item in holders or []:
        if isinstance(item, dict):
            gpus_by_holder.setdefault(_holder(item), []).append(str(item.get("index", "?")))
    lines = [
        f"{'GPU' if len(gpus) == 1 else 'GPUs'} {', '.join(gpus)}: {who}"
        for who, gpus in gpus_by_holder.items()
    ]
    hidden = more.get("hidden")
    if isinstance(hidden, int) and hidden > 0:
        others = "lease" if hidden == 1 else "leases"
        lines.append(f"{hidden} {'more ' if lines else ''}{others} of other people")
    return f"Held by: {'; '.join(lines)}." if lines else ""


def _holder(told: dict[str, Any]) -> str:
    who = told.get("user") or "somebody"
    if told.get("server"):
        who = f"{who} ({told['server']})"
    since = moment(told.get("since"))
    return f"{who} since {since}" if since else who


def moment(told: object) -> str:
    """An RFC 3339 time for people: the clock's time today, else with its date. UTC."""
    if not isinstance(told, str):
        return ""
    try:
        when = datetime.fromisoformat(told).astimezone(UTC)
    except ValueError:
        return ""
    today = when.date() == datetime.now(UTC).date()
    return when.strftime("%H:%M UTC" if today else "%Y-%m-%d %H:%M UTC")


def last_end(leases: Iterable[Lease]) -> str:
    """Why this person's last server ended, if it ended by itself; else empty."""
    ended = [lease for lease in leases if lease.state == "ended" and lease.ended_at]
    if not ended:
        return ""
    last = max(ended, key=lambda lease: lease.ended_at or "")
    why = _why(last)
    when = moment(last.ended_at)
    return f"Your last server ended{f' at {when}' if when else ''}: {why}." if why else ""


def _why(lease: Lease) -> str:
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
