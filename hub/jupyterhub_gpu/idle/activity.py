"""What a person's own server says of itself, read with suspicion: a hint, never more. Pure.

Every time it tells is taken as an age between 0 and that of the server; a time well in the
future, and whatever else is not as it must be, makes the whole answer worth nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from . import words
from .rule import OwnWord

ITEMS_MAX = 1000
FUTURE_S = 60.0  # by so much its clock, which is this machine's, may seem to be ahead
STATES = frozenset(
    ("unknown", "starting", "idle", "busy", "terminating", "restarting", "autorestarting", "dead")
)

type FromWall = Callable[[float], float]  # the judge's time of a stamp of the wall clock


class Nonsense(ValueError):
    """The answer is not what it must be."""


class Reader:
    """Reads the answers of one server at `now`; what it stamped before `oldest` counts as then."""

    def __init__(self, oldest: float, now: float, from_wall: FromWall) -> None:
        self.oldest, self.now, self.from_wall = min(oldest, now), now, from_wall

    def extension(self, told: Any) -> OwnWord:
        """The answer of our server extension. Raises Nonsense."""
        _want(isinstance(told, dict) and told.get("version") == 1, "not version 1")
        busy, kernels_at = self._kernels(told.get("kernels"))
        terminals = _items(told.get("terminals"))
        jobs = [_flag(each.get("job")) for each in terminals]
        behind = _flag(told.get("jobs_busy"))
        busy = busy or (words.TERMINAL if True in jobs else None)
        busy = busy or (words.BACKGROUND if behind else None)
        touched = told.get("last_input_at")
        stamps = [*kernels_at, *self._stamps(terminals)]
        stamps += [] if touched is None else [self._stamp(touched)]
        hidden = None in jobs or (behind is None and bool(terminals))
        return OwnWord(busy, max(stamps, default=None), complete=not hidden)

    def plain(self, kernels: Any, terminals: Any) -> OwnWord:
        """Jupyter Server's own lists; it does not tell what its terminals do. Raises Nonsense."""
        busy, kernels_at = self._kernels(kernels)
        shells = _items(terminals)
        stamps = [*kernels_at, *self._stamps(shells)]
        return OwnWord(busy, max(stamps, default=None), complete=not shells)

    def _kernels(self, told: Any) -> tuple[str | None, list[float]]:
        kernels = _items(told)
        for each in kernels:
            _want(each.get("execution_state") in STATES, "not a kernel's state")
        # not "starting": a kernel to which nobody ever connects stays so
        running = any(each["execution_state"] == "busy" for each in kernels)
        return words.CELL if running else None, self._stamps(kernels)

    def _stamps(self, items: list[dict[str, Any]]) -> list[float]:
        return [self._stamp(each.get("last_activity")) for each in items]

    def _stamp(self, told: Any) -> float:
        _want(isinstance(told, str) and len(told) <= 40, "not a time")
        try:
            when = datetime.fromisoformat(told)
            _want(when.tzinfo is not None, "a time without its zone")
            at = self.from_wall(when.timestamp())
        except (ValueError, OverflowError) as error:
            raise Nonsense(f"{told!r} is not a time") from error
        _want(at <= self.now + FUTURE_S, "a time in the future")
        return min(max(at, self.oldest), self.now)


def parse(body: bytes) -> Any:
    """JSON. Raises Nonsense."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Nonsense("not JSON") from error


def _items(told: Any) -> list[dict[str, Any]]:
    _want(isinstance(told, list) and len(told) <= ITEMS_MAX, "not a list")
    _want(all(isinstance(each, dict) for each in told), "not a list of objects")
    return list(told)


def _flag(told: Any) -> bool | None:
    _want(told is None or isinstance(told, bool), "not true, false or null")
    return bool(told) if told is not None else None


def _want(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Nonsense(otherwise)
