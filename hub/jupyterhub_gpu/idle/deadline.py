"""A deadline and its two warnings. Pure: time is passed in, nothing is remembered here.

A server ends no sooner than its deadline, and never before both warnings have had their time:
a fifth of the limit after the first, a twentieth after the last.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_SHARE, LAST_SHARE = 0.20, 0.05  # of the limit, left before the deadline


@dataclass(frozen=True)
class Warned:
    """When the two warnings were given; None: not, or not any more."""

    first_at: float | None = None
    last_at: float | None = None

    def later_by(self, seconds: float) -> Warned:
        """As if they had been given so much later."""
        return Warned(
            *(None if at is None else at + seconds for at in (self.first_at, self.last_at))
        )

    def not_after(self, now: float) -> Warned:
        """As stored under a clock that has been set back since: given now at the latest."""
        return Warned(
            *(None if at is None else min(at, now) for at in (self.first_at, self.last_at))
        )

    @property
    def name(self) -> str | None:
        """Which one counts: first, last or none."""
        if self.last_at is not None:
            return "last"
        return None if self.first_at is None else "first"


@dataclass(frozen=True)
class End:
    """When it ends if nothing happens, what was warned of, and whether that moment has come."""

    at: float
    warned: Warned
    due: bool


def approach(deadline: float, limit_s: float, warned: Warned, now: float) -> End:
    """The end that belongs to a deadline; warnings that are due now are given.

    A warning whose time has not come (again: somebody was active, or asked to keep it) is void.
    """
    first_s, last_s = FIRST_SHARE * limit_s, LAST_SHARE * limit_s
    between_s = first_s - last_s
    first = warned.first_at if now >= deadline - first_s else None
    if first is None and now >= deadline - first_s:
        first = now
    first_from = max(now, deadline - first_s) if first is None else first
    last_from = max(deadline - last_s, first_from + between_s)
    last = warned.last_at if first is not None and now >= deadline - last_s else None
    if last is None and first is not None and now >= last_from:
        last = now
    at = max(
        deadline, first_from + first_s, (max(now, last_from) if last is None else last) + last_s
    )
    due = first is not None and last is not None and now >= at
    return End(at, Warned(first, last), due)
