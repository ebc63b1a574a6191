"""What the judge tells others of servers, as JSON. Times are computed when it is told. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from jupyterhub_gpu.lease import Lease

from . import words
from .clock import Clock
from .judge import Judged

HISTORY_MAX = 20


def server(judged: Judged, clock: Clock) -> dict[str, Any]:
    """One server that runs."""
    verdict, lease, now = judged.verdict, judged.seen.lease, clock.now()
    ends_at = verdict.ends_at
    told = verdict.state in ("idle", "kept", "busy")
    return {
        "server": judged.running.server,
        "profile": judged.profile,
        "started_at": judged.running.started,
        "gpus": _gpus(lease, "index", "model", "uuid") if lease else [],
        "usage": lease.usage.told if lease and lease.usage else None,
        "state": verdict.state,
        "why": words.why(
            verdict, now, has_gpus=judged.seen.has_gpus, unmeasured=judged.evidence.gpu.why
        ),
        "idle_for_s": _whole(now - verdict.active_at) if told and not verdict.busy else None,
        "limit_s": _whole(verdict.limit_s),
        "ends_at": _moment(ends_at, clock),
        "ends_in_s": None if ends_at is None else _whole(ends_at - now),
        "ends_why": verdict.ends_why,
        "warning": verdict.warning,
        "keep_until_max": _moment(verdict.keep_until_max, clock),
        "kept_until": _moment(verdict.kept_until, clock),
        "keep_s": _whole(judged.limits.keep_s),
        "lifetime_ends_at": _moment(verdict.lifetime_ends_at, clock),
    }


def history(
    leases: Iterable[Lease], ends: Mapping[str, str], profiles: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """What a person's servers held, newest first. `ends`: what the rule has ended, in words."""
    had = [lease for lease in leases if lease.state == "ended" and lease.granted_at]
    had.sort(key=lambda lease: lease.ended_at or "", reverse=True)
    return [
        {
            "server": lease.owner.server,
            "profile": profiles.get(lease.id),
            "gpus": _gpus(lease, "index", "model"),
            "granted_at": lease.granted_at,
            "ended_at": lease.ended_at,
            "reason": lease.reason,
            "words": ends.get(lease.id) or words.past(lease),
        }
        for lease in had[:HISTORY_MAX]
    ]


def _gpus(lease: Lease, *keys: str) -> list[dict[str, Any]]:
    return [{key: getattr(gpu, key) for key in keys} for gpu in lease.gpus]


def _moment(when: float | None, clock: Clock) -> str | None:
    """RFC 3339, UTC."""
    if when is None:
        return None
    told = datetime.fromtimestamp(clock.to_wall(when), UTC)
    return told.isoformat(timespec="seconds").replace("+00:00", "Z")


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(0, int(seconds))
