"""What a start tells those who look on: each viewer gets what is new, and at first what counts now.

One story per spawner, in the hub's event loop; any number of viewers come and go.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class _Told:
    number: int
    event: dict[str, Any]
    passing: bool


class Story:
    """Events in order. One that is `passing` is dropped when the next is told: who comes later
    sees the present place in line, not all that led to it."""

    def __init__(self) -> None:
        self._told: list[_Told] = []
        self._count = 0
        self._news = asyncio.Event()

    @property
    def messages(self) -> list[str]:
        """What somebody who comes now would read."""
        return [each.event["message"] for each in self._told]

    def clear(self) -> None:
        """A new start: what was told of the last one is no longer shown to newcomers."""
        self._told = []

    def tell(
        self,
        message: str,
        *,
        html: str | None = None,
        progress: int | None = None,
        passing: bool = False,
    ) -> None:
        """Tell all viewers, unless it is what was told last. `html` must be escaped."""
        last = self._told[-1] if self._told else None
        if last and last.event["message"] == message:
            return
        if last and last.passing:
            self._told.pop()
        event: dict[str, Any] = {"message": message}
        if html is not None:
            event["html_message"] = html
        if progress is not None:
            event["progress"] = progress
        self._told.append(_Told(self._count, event, passing))
        self._count += 1
        self._news.set()
        self._news = asyncio.Event()

    async def view(self) -> AsyncIterator[dict[str, Any]]:
        """Never ends by itself; the hub stops asking when the start is over."""
        seen = -1
        while True:
            for each in [each for each in self._told if each.number > seen]:
                seen = each.number
                yield dict(each.event)
            if not self._told or self._told[-1].number <= seen:
                await self._news.wait()
