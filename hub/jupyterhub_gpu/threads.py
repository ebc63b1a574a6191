"""Calls that block, in threads: so many at once and no more, each for so long and no longer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Busy(Exception):
    """All threads are at work."""


class Threads:
    """A pool whose queue is bounded, by default empty: what hangs cannot pile up behind it."""

    def __init__(self, most: int, name: str, waiting: int = 0) -> None:
        self.most = most + waiting
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._at_work = 0

    async def run[T](self, call: Callable[[], T], limit_s: float, most: int | None = None) -> T:
        """What `call` returns. Raises Busy at once if `most` are at work or waiting; TimeoutError

        after `limit_s`, while the call goes on by itself and keeps its thread until it ends.
        """
        with self._lock:
            if self._at_work >= (self.most if most is None else most):
                raise Busy
            self._at_work += 1
        try:
            future = self._pool.submit(call)
        except BaseException:
            self._ended(None)
            raise
        future.add_done_callback(self._ended)
        return await asyncio.wait_for(asyncio.wrap_future(future), limit_s)

    def _ended(self, _: Future | None) -> None:
        with self._lock:
            self._at_work -= 1
