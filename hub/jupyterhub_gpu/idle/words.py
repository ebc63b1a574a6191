"""What people read of the idle rule: why a server lives on, and why one has ended. No I/O."""

from __future__ import annotations

from jupyterhub_gpu.lease import Lease
from jupyterhub_gpu.words import why_ended

from .rule import Verdict

CELL = "a cell is running"
TERMINAL = "a program runs in a terminal"
BACKGROUND = "a program runs in the background"

MINUTE, HOUR, DAY = 60, 3600, 86400


def length(seconds: float) -> str:
    """As in: 45 seconds, 60 minutes, 12 hours, 3 days. Rounded down."""
    for unit, size, from_s in (("day", DAY, 2 * DAY), ("hour", HOUR, 2 * HOUR)):
        if seconds >= from_s:
            return f"{int(seconds // size)} {unit}s"
    number, unit = (
        (int(seconds // MINUTE), "minute") if seconds >= MINUTE else (int(seconds), "second")
    )
    return f"{number} {unit}{'' if number == 1 else 's'}"


def idle_for(seconds: float, *, has_gpus: bool) -> str:
    return f"{'GPU idle' if has_gpus else 'idle'} for {length(max(0.0, seconds))}"


def why(verdict: Verdict, now: float, *, has_gpus: bool, unmeasured: str | None) -> str:
    """Why a server is in the state it is in."""
    if verdict.state == "exempt":
        return "your servers are not ended for being idle"
    if verdict.state == "unlimited":
        return verdict.busy or "this server is not ended for being idle"
    if verdict.state == "busy":
        return verdict.busy or ""
    if verdict.state == "unmeasured":
        more = f" ({unmeasured})" if unmeasured else ""
        what = "the GPU" if has_gpus else "your server"
        return f"what {what} does cannot be measured now{more}"
    idle = idle_for(now - verdict.active_at, has_gpus=has_gpus)
    if verdict.ends_why == "unknown":
        return f"{idle}; what else your server does is not known"
    return f"{idle}; kept, as you asked" if verdict.state == "kept" else idle


def ended(end: str, idle_s: float, lifetime_s: float, *, has_gpus: bool) -> str:
    """Why the rule ended a server: `end` of its verdict."""
    if end == "lifetime":
        return f"it had run for {length(lifetime_s)}, as long as its profile allows"
    idle = idle_for(idle_s, has_gpus=has_gpus)
    return f"{idle}, and it did not say what else it did" if end == "unknown" else idle


def past(lease: Lease) -> str:
    """Why a server ended that the rule has not ended."""
    return why_ended(lease) or "it was stopped"
