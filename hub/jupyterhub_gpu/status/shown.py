"""What the judge and the allocator tell, as the page shows it: in words, and only what is there.

Whatever is missing or not what it should be is left out: an older judge breaks no page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jupyterhub_gpu.times import time_of

type Told = Mapping[str, Any]

# classes of badges
GOOD, PLAIN, MARKED, NOTED = "gpus-good", "text-bg-secondary", "text-bg-primary", "text-bg-info"
WARNED, BAD = "text-bg-warning", "text-bg-danger"
# state -> what stands on the badge, and its class
STATES = {
    "busy": ("Working", GOOD),
    "idle": ("Idle", PLAIN),
    "kept": ("Kept", MARKED),
    "exempt": ("Not ended for idleness", NOTED),
    "unmeasured": ("Not measured", NOTED),
    "unlimited": ("No time limit", NOTED),
}
OTHER = "somebody else"
ENDINGS = {
    "idle": "because it is idle",
    "unknown": "because its GPUs are idle and it does not say what else it does",
    "lifetime": "because servers of this kind run no longer than that",
}
WARNINGS = {"first": "Warning", "last": "Last warning"}
GPU_STATES = {
    "missing": ("Missing", BAD),
    "faulty": ("Out of service", BAD),
    "draining": ("Closed for new servers", WARNED),
}


@dataclass(frozen=True)
class Moment:
    """A point in time: for the browser, which shows it in its own zone, and in words of UTC."""

    iso: str
    clock: str
    day: str

    @classmethod
    def of(cls, value: object) -> Moment | None:
        when = time_of(value)
        if when is None:
            return None
        return cls(
            when.isoformat(timespec="seconds").replace("+00:00", "Z"),
            f"{when:%H:%M} UTC",
            f"{when.day} {when:%b}, {when:%H:%M} UTC",
        )


@dataclass(frozen=True)
class Share:
    """Of how much how much is used, from 0 to 1, and in words."""

    value: float
    words: str


@dataclass(frozen=True)
class Server:
    """One of the caller's running servers."""

    key: str
    title: str
    profile: str
    gpus: str
    label: str
    colour: str
    why: str
    load: Share | None
    memory: Share | None
    started: Moment | None
    ends: Moment | None
    left_s: int
    left: str
    ends_why: str
    warning: str  # which of the two; empty: none
    kept_until: Moment | None
    keep: str  # what the button says; empty: Keep does nothing now
    keep_until_max: Moment | None
    lifetime: Moment | None

    @classmethod
    def of(cls, told: Told, machine: Iterable[Told]) -> Server:
        label, colour = STATES.get(str(told.get("state")), ("Running", NOTED))
        ends, left = Moment.of(told.get("ends_at")), number(told.get("ends_in_s"))
        warning = WARNINGS.get(str(told.get("warning")), "")
        most = Moment.of(told.get("keep_until_max"))
        lifetime = told.get("ends_why") == "lifetime"
        return cls(
            key=str(told.get("server") or ""),
            title=_title(told),
            profile=str(told.get("profile") or ""),
            gpus=_gpus(told),
            label=label,
            colour=WARNED if warning else colour,
            why=str(told.get("why") or ""),
            load=_load(told.get("usage")),
            memory=_memory(told, machine),
            started=Moment.of(told.get("started_at")),
            ends=ends if left is not None else None,
            left_s=int(left or 0),
            left=length(left or 0),
            ends_why=ENDINGS.get(str(told.get("ends_why")), ""),
            warning=warning,
            kept_until=Moment.of(told.get("kept_until")),
            keep=f"Keep for {length(number(told.get('keep_s')) or 0)}" if most else "",
            keep_until_max=most,
            lifetime=None if lifetime else Moment.of(told.get("lifetime_ends_at")),
        )


@dataclass(frozen=True)
class Gpu:
    """One GPU of the machine."""

    name: str
    model: str
    note: str
    label: str
    colour: str
    holders: str
    mine: bool
    load: Share | None
    memory: Share | None

    @classmethod
    def of(cls, told: Told, me: str) -> Gpu:
        owners = [each.get("owner") for each in _items(told, "leases")]
        names = [_holder(owner, me) for owner in owners]
        others = [each for each in _items(told, "foreign") if not each.get("watches")]
        holders = [*names, *("a container without a lease" for _ in _items(told, "conflicts"))]
        holders += ["a program outside of this hub" for _ in others]
        label, colour = _gpu_state(told, bool(holders))
        now = told.get("load") or {}
        return cls(
            name=f"GPU {told.get('index', '?')}",
            model=str(told.get("model") or ""),
            note=str(told.get("label") or ""),
            label=label,
            colour=colour,
            holders=", ".join(_counted(holders)),
            mine="you" in names,
            load=_share(number(now.get("gpu_util")), 100),
            memory=_mib(number(now.get("memory_used_mib")), number(told.get("memory_mib"))),
        )


@dataclass(frozen=True)
class Past:
    """One use of GPUs that is over, or goes on."""

    title: str
    gpus: str
    began: Moment | None
    length: str
    words: str

    @classmethod
    def of(cls, told: Told, now: datetime) -> Past:
        began, ended = time_of(told.get("granted_at")), time_of(told.get("ended_at"))
        lasted = ((ended or now) - began).total_seconds() if began else None
        return cls(
            title=_title(told),
            gpus=_gpus(told),
            began=Moment.of(told.get("granted_at")),
            length=length(lasted) if lasted is not None else "",
            words=str(told.get("words") or ("" if ended else "Goes on")),
        )


def number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < 1e12 else None


def length(seconds: float) -> str:
    """In words, never longer than it is: "45 s", "12 min", "2 h 5 min", "3 days 4 h"."""
    minutes = int(seconds) // 60
    hours, days = minutes // 60, minutes // (24 * 60)
    if days >= 2:
        return f"{days} days" + (f" {hours % 24} h" if hours % 24 else "")
    if hours:
        return f"{hours} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


def _title(told: Told) -> str:
    name = str(told.get("server") or "")
    return f"Server “{name}”" if name else "Your server"


def _gpus(told: Told) -> str:
    gpus = _items(told, "gpus")
    models = list(dict.fromkeys(str(gpu.get("model") or "") for gpu in gpus))
    indices = ", ".join(str(gpu.get("index", "?")) for gpu in gpus)
    if not gpus:
        return "No GPU"
    return f"GPU{'s' if len(gpus) > 1 else ''} {indices} · {', '.join(models)}"


def _load(usage: object) -> Share | None:
    rates = usage.get("utilisation") if isinstance(usage, dict) else None
    return _share(number(rates.get("now")), 1) if isinstance(rates, dict) else None


def _memory(told: Told, machine: Iterable[Told]) -> Share | None:
    usage = told.get("usage")
    used = number(usage.get("memory_used_mib")) if isinstance(usage, dict) else None
    mine = {gpu.get("uuid") for gpu in _items(told, "gpus")}
    sizes = [number(gpu.get("memory_mib")) or 0 for gpu in machine if gpu.get("uuid") in mine]
    return _mib(used, sum(sizes))


def _share(value: float | None, whole: float) -> Share | None:
    if value is None:
        return None
    part = min(value / whole, 1.0)
    return Share(round(part, 3), f"{part * 100:.0f} %")


def _mib(used: float | None, whole: float | None) -> Share | None:
    if used is None:
        return None
    if not whole:
        return Share(0, f"{used / 1024:.1f} GiB")
    return Share(round(min(used / whole, 1.0), 3), f"{used / 1024:.1f} of {whole / 1024:.0f} GiB")


def _holder(owner: object, me: str) -> str:
    name = owner.get("user") if isinstance(owner, dict) else None
    if not name:
        return OTHER
    return "you" if name == me else str(name)


def _counted(names: list[str]) -> list[str]:
    counts = {name: names.count(name) for name in names}
    return [_times(name, count) for name, count in counts.items()]


def _times(name: str, count: int) -> str:
    if count == 1:
        return name
    return f"{count} others" if name == OTHER else f"{name} ({count} times)"


def _gpu_state(told: Told, held: bool) -> tuple[str, str]:
    if known := GPU_STATES.get(str(told.get("state"))):
        return known
    used, slots = number(told.get("used")) or 0, number(told.get("slots")) or 1
    if not held and not used:
        return "Free", GOOD
    if slots > 1 and used < slots and told.get("mode") != "exclusive":
        return f"{used:.0f} of {slots:.0f} places taken", MARKED
    return "In use", PLAIN


def _items(told: Told, key: str) -> list[dict[str, Any]]:
    items = told.get(key)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
