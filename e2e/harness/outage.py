"""What can be wrong with a server that the hub asks, and how a refused log-in is watched."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from . import report
from .authority import Authority
from .directory import Server
from .hub import Refused
from .lone_hub import LoneHub

LIMIT_S = 10.0  # until the page says what is wrong
HEALTH_S = 2.5  # a hub that itself waited for a server would be mute for five
OTHER = Authority("Another CA")

type Fault = Callable[[Server, Authority], AbstractContextManager[None]]
# How it is made; what the page then says of the server.
FAULTS: dict[str, tuple[Fault, str]] = {
    "down": (lambda server, _: server.is_down(), "cannot be reached"),
    "silent": (lambda server, _: server.is_silent(), "does not answer"),
    "wrong CA": (lambda server, ca: server.shows(OTHER.sign(server.alias), ca), "is not trusted"),
    "wrong name": (
        lambda server, ca: server.shows(ca.sign("other.example.org"), ca),
        "is for another name",
    ),
    "expired": (
        lambda server, ca: server.shows(ca.sign(server.alias, expired=True), ca),
        "has expired",
    ),
}


class Watch:
    """Asks for /hub/health, one time after the other, while something else goes on."""

    def __init__(self, hub: LoneHub) -> None:
        self.hub = hub
        self.answers: list[tuple[int, float]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            begun = time.monotonic()
            status = self.hub.health().status_code
            self.answers.append((status, time.monotonic() - begun))
            if self._end.wait(0.05):
                return

    @property
    def slowest_s(self) -> float:
        return max(seconds for _, seconds in self.answers)


def refused_in_time(hub: LoneHub, what: str, ask: Callable[[], object]) -> str:
    """What the page says, within the limit, while the hub goes on as ever."""
    begun = time.monotonic()
    with Watch(hub) as watch, pytest.raises(Refused) as words:
        ask()
    took_s = time.monotonic() - begun
    if took_s > 1.0:
        report.number(f"log-in refused, {what}", took_s, "s")
        report.number("  slowest /hub/health meanwhile", watch.slowest_s * 1000, "ms")
    assert took_s < LIMIT_S
    assert {status for status, _ in watch.answers} == {200}
    assert watch.slowest_s < HEALTH_S, watch.answers
    return str(words.value)
