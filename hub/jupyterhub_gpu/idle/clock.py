"""The judge's time: seconds like the wall clock's, but a jump of the wall clock does not move it.

What passes while nobody judges is told by the wall clock alone; what that may do is limited where
stored stamps are read again (`Memory.after_outage`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

JUMP_S = 1.0


class Clock:
    """The wall clock as it stood when this was made, moved on by the steady clock."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._base = self._ahead = wall() - steady()
        self.trusted_from: float | None = None  # what was stamped earlier may look too old

    def now(self) -> float:
        return self._base + self._steady()

    def check(self) -> None:
        """Call often: notices that the wall clock was set forward since the last call."""
        ahead = self._wall() - self._steady()
        if ahead - self._ahead > JUMP_S:
            self.trusted_from = self.now()
        self._ahead = ahead

    def from_wall(self, stamp: float) -> float:
        """The judge's time of what the wall clock stamped: as long ago as the wall clock says."""
        return self.now() - (self._wall() - stamp)

    def to_wall(self, when: float) -> float:
        """What the wall clock shows, or will, at a moment of the judge's time."""
        return self._wall() + (when - self.now())
