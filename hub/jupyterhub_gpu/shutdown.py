"""Whether the hub itself is ending: then a start that is cancelled is not the person's wish.

JupyterHub ends by cancelling every task of its loop, all in one go. So a task that nothing else
cancels tells the hub's end from a person's "stop".
"""

from __future__ import annotations

import asyncio
from typing import ClassVar


class Shutdown:
    """One sentinel per event loop, made when first expected."""

    _sentinel: ClassVar[asyncio.Task[None] | None] = None

    @classmethod
    def expect(cls) -> None:
        """Must have been called before the tasks whose cancellation is to be told apart."""
        loop = asyncio.get_running_loop()
        if cls._sentinel is None or cls._sentinel.get_loop() is not loop or cls._sentinel.done():
            cls._sentinel = loop.create_task(_forever(), name="gpuhub-shutdown")

    @classmethod
    def begun(cls) -> bool:
        """The hub is ending."""
        sentinel = cls._sentinel
        return sentinel is not None and (sentinel.done() or sentinel.cancelling() > 0)


async def _forever() -> None:
    await asyncio.Event().wait()
