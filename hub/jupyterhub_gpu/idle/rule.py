"""The idle rule: evidence in, verdict out. Pure: no I/O, no clock, nothing kept.

Idle is a server on which no cell runs, no program in a terminal, nothing on its GPUs, and nobody
has touched anything for as long as its limit. What cannot be measured is never idle.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .deadline import End, Warned, approach

GPU_BUSY = "the GPU is busy"


@dataclass(frozen=True)
class Limits:
    """What holds for one server. `idle_s` None: never ended for idleness."""

    idle_s: float | None
    unknown_s: float
    lifetime_s: float | None
    keep_s: float
    keep_max_s: float


@dataclass(frozen=True)
class GpuUse:
    """What the allocator has measured. `active_at`: when the GPUs were busy last, at the latest."""

    measured: bool
    busy: bool = False
    active_at: float | None = None
    why: str | None = None


@dataclass(frozen=True)
class OwnWord:
    """What the person's own server says: a hint. `busy`: in words. `complete`: it tells all."""

    busy: str | None
    active_at: float | None
    complete: bool


@dataclass(frozen=True)
class Evidence:
    """What is known of a server now.

    `own` None: its server does not answer, refuses or talks nonsense. `held`: part of it is from
    a moment ago, because it could not be had anew; nothing ends by that. `trusted_from`: when the
    wall clock was set forward last; what a server did before may look too old when it is told.
    """

    started: float
    has_gpus: bool
    gpu: GpuUse
    own: OwnWord | None
    exempt: bool = False
    held: bool = False
    trusted_from: float | None = None


@dataclass(frozen=True)
class Memory:
    """What must outlive a restart, for one run of one server. Times are the judge's."""

    started: float | None = None
    active_at: float | None = None
    idle: Warned = field(default_factory=Warned)
    lifetime: Warned = field(default_factory=Warned)
    keep_until: float | None = None

    def after_outage(self, seconds: float, now: float) -> Memory:
        """As it counts after nobody could be warned, or keep anything, for so long until now.

        That time is taken from no warning: its period is neither lost nor begun anew.
        """
        moved = max(0.0, seconds)
        return replace(
            self,
            idle=self.idle.later_by(moved).not_after(now),
            lifetime=self.lifetime.later_by(moved).not_after(now),
        )

    def under_other_clock(self, ahead_s: float) -> Memory:
        """The same moments by a clock that is so much ahead."""
        times = (self.started, self.active_at, self.keep_until)
        started, active_at, keep_until = (None if at is None else at + ahead_s for at in times)
        idle, lifetime = self.idle.later_by(ahead_s), self.lifetime.later_by(ahead_s)
        return Memory(started, active_at, idle, lifetime, keep_until)


@dataclass(frozen=True)
class Verdict:
    """What follows. `end`: why it is to end now (idle, unknown, lifetime); None: it goes on.

    `ends_at` is when it ends if nothing happens, `keep_until_max` how far Keep can go now.
    """

    state: str
    busy: str | None
    active_at: float
    limit_s: float | None
    ends_at: float | None
    ends_why: str | None
    warning: str | None
    kept_until: float | None
    keep_until_max: float | None
    lifetime_ends_at: float | None
    end: str | None


def judge(evidence: Evidence, limits: Limits, memory: Memory, now: float) -> tuple[Verdict, Memory]:
    """The verdict, and what is to be remembered before anybody is told of it."""
    busy = _busy(evidence)
    # like the last sign of anything it only ever moves on: a clock set forward ages nobody
    before = evidence.trusted_from if memory.started is None else memory.started
    started = min(now, _latest(evidence.started, before))
    active_at = now if busy else _active_at(evidence, memory, started, now)
    idle = _idle(evidence, limits, memory, active_at, now, busy=bool(busy))
    life = None
    if limits.lifetime_s is not None and not evidence.exempt:
        life = approach(started + limits.lifetime_s, limits.lifetime_s, memory.lifetime, now)
    ends = [
        (end.at, why, end)
        for end, why in ((idle.end, idle.why), (life, "lifetime"))
        if end is not None
    ]
    first = min(ends, default=None, key=lambda each: each[0])
    due = [why for _, why, end in sorted(ends, key=lambda each: each[0]) if end.due]
    warned = [end.warned.name for _, _, end in ends]
    verdict = Verdict(
        state=idle.state,
        busy=busy,
        active_at=active_at,
        limit_s=idle.limit_s,
        ends_at=first[0] if first else None,
        ends_why=first[1] if first else None,
        warning=next((name for name in ("last", "first") if name in warned), None),
        kept_until=idle.kept_until,
        keep_until_max=idle.keep_until_max,
        lifetime_ends_at=life.at if life else None,
        end=due[0] if due else None,
    )
    remembered = Memory(
        started=started,
        active_at=active_at,
        idle=idle.end.warned if idle.end else Warned(),
        lifetime=life.warned if life else Warned(),
        keep_until=memory.keep_until if memory.keep_until and memory.keep_until > now else None,
    )
    return verdict, remembered


def _busy(evidence: Evidence) -> str | None:
    """What is certainly going on, in words."""
    if evidence.own is not None and evidence.own.busy:
        return evidence.own.busy
    return GPU_BUSY if evidence.gpu.measured and evidence.gpu.busy else None


def _active_at(evidence: Evidence, memory: Memory, started: float, now: float) -> float:
    """The last sign of anything. Never goes back: neither with a clock nor with a server's word."""
    gpu = evidence.gpu.active_at if evidence.gpu.measured else None
    own = evidence.own.active_at if evidence.own else evidence.trusted_from
    return min(now, _latest(started, memory.active_at, gpu, own))


def _latest(first: float, *others: float | None) -> float:
    return max([first, *(at for at in others if at is not None)])


@dataclass(frozen=True)
class _Idle:
    """The idle rule's part of a verdict. `end` None: nothing ends for idleness now."""

    state: str
    limit_s: float | None = None
    why: str = "idle"
    end: End | None = None
    kept_until: float | None = None
    keep_until_max: float | None = None


def _idle(
    evidence: Evidence,
    limits: Limits,
    memory: Memory,
    active_at: float,
    now: float,
    *,
    busy: bool,
) -> _Idle:
    if evidence.exempt:
        return _Idle("exempt")
    if limits.idle_s is None:
        return _Idle("unlimited")
    unknown = evidence.own is None or not evidence.own.complete
    limit_s = max(limits.idle_s, limits.unknown_s) if unknown and not busy else limits.idle_s
    if not busy and not evidence.gpu.measured:
        return _Idle("unmeasured")
    plain = active_at + limit_s
    cap = plain + limits.keep_max_s
    kept = min(memory.keep_until, cap) if memory.keep_until else None
    kept = kept if kept is not None and kept > plain else None
    deadline = plain if kept is None else kept
    if busy:
        return _Idle("busy", limit_s, kept_until=kept, keep_until_max=_further(cap, deadline))
    end = approach(deadline, limit_s, memory.idle, now)
    end = replace(end, due=end.due and not evidence.held)
    why = "unknown" if unknown else "idle"
    can_keep = _further(cap, end.at)
    return _Idle("kept" if kept else "idle", limit_s, why, end, kept, can_keep)


def _further(cap: float, than: float) -> float | None:
    return cap if cap > than else None


class CannotKeep(ValueError):
    """Keep would do nothing; in words for the person."""


def keep(verdict: Verdict, memory: Memory, now: float, for_s: float) -> Memory:
    """Keep the server for so long from now, as far as the cap allows. Raises CannotKeep.

    What is shorter than the time that is left anyway changes nothing.
    """
    if verdict.keep_until_max is None:
        raise CannotKeep(_why_not(verdict))
    until = min(now + for_s, verdict.keep_until_max)
    return replace(memory, keep_until=max(until, memory.keep_until or until))


def _why_not(verdict: Verdict) -> str:
    known = {
        "exempt": "your servers are not ended for being idle",
        "unlimited": "this server is not ended for being idle",
        "unmeasured": "nothing is ended for being idle now",
    }
    return known.get(verdict.state, "it cannot be kept any longer without being used")
