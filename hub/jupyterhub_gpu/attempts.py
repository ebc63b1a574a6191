"""How many log-ins may fail, per name and per address, before more of them are refused."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

KEPT_MAX = 20_000  # names and addresses remembered at once; the longest unused are forgotten


class Attempts:
    """Attempts within a sliding window, by key. An attempt counts from its begin, not its end:

    a thousand at once are no way around the limit.
    """

    def __init__(
        self, most: int, window_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.most = most
        self.window_s = window_s
        self._now = now
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Seconds until `key` may try again; 0: now."""
        times = self._recent(key)
        if not self.most or len(times) < self.most:
            return 0.0
        return times[-self.most] + self.window_s - self._now()

    def begin(self, key: str) -> float:
        """Note an attempt; what is returned names it to `undo`."""
        times = self._recent(key)
        at = self._now()
        times.append(at)
        while len(times) > max(self.most, 1):
            times.popleft()
        self._times[key] = times
        self._times.move_to_end(key)
        while len(self._times) > KEPT_MAX:
            self._times.popitem(last=False)
        return at

    def undo(self, key: str, at: float) -> None:
        """The attempt was none: it succeeded, or could not be decided."""
        times = self._times.get(key)
        if times and at in times:
            times.remove(at)
        if not times:
            self._times.pop(key, None)

    def forget(self, key: str) -> None:
        """All is well with `key`."""
        self._times.pop(key, None)

    def _recent(self, key: str) -> deque[float]:
        times = self._times.get(key, deque())
        oldest = self._now() - self.window_s
        while times and times[0] <= oldest:
            times.popleft()
        return times
