"""The one way to wait: look again until it is good, with a deadline and what was last seen."""

import time
from collections.abc import Callable


class TooLate(AssertionError):
    """The deadline passed; the text says what was waited for and what was seen last."""


def poll[T](
    what: str,
    look: Callable[[], T],
    good: Callable[[T], object] = bool,
    seconds: float = 30,
    every: float = 0.1,
) -> T:
    """Return the first `look()` that is `good`. Raises TooLate after `seconds`.

    An exception of `look` counts as a look that was not good, and is shown if it was the last.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            seen: object = look()
            if good(seen):  # type: ignore[arg-type]
                return seen  # type: ignore[return-value]
        except Exception as wrong:
            seen = wrong
        if time.monotonic() >= deadline:
            raise TooLate(f"{what}: not within {seconds:g} s; last seen: {str(seen)[:2000]}")
        time.sleep(every)
