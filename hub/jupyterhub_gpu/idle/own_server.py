"""Asks a person's own server what it is doing: at its container, never through the proxy, which
would count that as activity. Bounded in time and size; no redirect is followed, nothing believed
that `activity` does not understand.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from jupyterhub_gpu.bounded import read_bounded

from .activity import Nonsense, Reader, parse
from .doors import Door
from .rule import OwnWord

TIMEOUT_S = 5.0
LIMIT_BYTES = 256 * 1024
AT_ONCE = 32
ASK_AGAIN_S = 600.0  # for the extension, where it was not there
MISSING = 404


class Silent(Exception):
    """It does not answer, or refuses."""


class OwnServers:
    """Asks many servers at once, but not all. Open it in the loop that asks, and close it."""

    def __init__(self, timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._without: dict[str, float] = {}  # token -> until when the extension is not asked for
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=AT_ONCE, force_close=True),
            timeout=aiohttp.ClientTimeout(total=self.timeout_s),
        )

    async def close(self) -> None:
        if self._session:
            await self._session.close()

    async def ask(self, door: Door, path: str, reader: Reader) -> OwnWord:
        """What the server at `path` says. Raises Silent or Nonsense."""
        async with self._gate:
            try:
                async with asyncio.timeout(self.timeout_s):
                    return await self._ask(door, path, reader)
            except TimeoutError as error:
                raise Silent("no answer in time") from error

    async def _ask(self, door: Door, path: str, reader: Reader) -> OwnWord:
        now = asyncio.get_running_loop().time()
        if self._without.get(door.token, 0.0) <= now:
            status, told = await self._get(door, f"{path}gpuhub/activity")
            if status != MISSING:
                return reader.extension(told)
            self._without = {key: at for key, at in self._without.items() if at > now}
            self._without[door.token] = now + ASK_AGAIN_S
        (known, kernels), (has_terminals, terminals) = await asyncio.gather(
            self._get(door, f"{path}api/kernels"), self._get(door, f"{path}api/terminals")
        )
        if known == MISSING:
            raise Nonsense("it knows of no kernels")
        return reader.plain(kernels, [] if has_terminals == MISSING else terminals)

    async def _get(self, door: Door, path: str) -> tuple[int, Any]:
        """200 with what it says, or 404 with nothing. Raises Silent or Nonsense."""
        if self._session is None:
            raise AssertionError("not open")
        url = f"http://{door.address}:{door.port}{path}?no_track_activity=1"
        headers = {"Authorization": f"token {door.token}"}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as reply:
                if reply.status == MISSING:
                    return MISSING, None
                if reply.status != 200:
                    raise Silent(f"it answers {reply.status}")
                return 200, parse(await read_bounded(reply, LIMIT_BYTES))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, Nonsense | TimeoutError):
                raise
            raise Silent(str(error) or type(error).__name__) from error
