"""Deleting a user ends all of his servers first, named ones and pending starts too.

JupyterHub stops only the default server and then refuses with an error while others run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.utils import maybe_future
from tornado import web

SETTLE_S = 60.0
LOOK_EVERY_S = 0.1


class StopServersFirst(Authenticator):
    """Mixin for any authenticator."""

    async def delete_user(self, user: Any) -> None:
        """Raises HTTPError 503, and the user stays, if a server cannot be ended."""
        for name, spawner in list(user.spawners.items()):
            if spawner.active:
                await self._end(user, name, spawner)
        await maybe_future(super().delete_user(user))

    async def _end(self, user: Any, name: str, spawner: Any) -> None:
        if spawner.pending == "spawn" and spawner._spawn_future:
            spawner._spawn_future.cancel()
        await _until(lambda: not spawner.pending)
        if not spawner.active and not spawner.server:
            return
        proxy = user.settings.get("proxy")
        if proxy is not None:
            await proxy.delete_user(user, name)
        await user.stop(name)
        if spawner.active:
            self.log.error("Server %r of %s could not be ended", name, user.name)
            raise web.HTTPError(503, "A server of this user could not be stopped. Try again.")


async def _until(settled: Callable[[], bool]) -> None:
    now = asyncio.get_running_loop().time
    deadline = now() + SETTLE_S
    while not settled():
        if now() > deadline:
            raise web.HTTPError(503, "A server of this user is still busy. Try again.")
        await asyncio.sleep(LOOK_EVERY_S)
