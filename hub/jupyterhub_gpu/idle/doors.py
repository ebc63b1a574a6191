"""Where a person's server is, and with which token it may be asked: read from its container.

The hub has given the container both when it made it, and no process in it can change them. The
token is the server's own: it opens nothing but itself, so the server may well see it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlparse

import aiohttp

from jupyterhub_gpu.bounded import read_bounded
from jupyterhub_gpu.cell import ADDRESS
from jupyterhub_gpu.engine import env_of, labels_of
from jupyterhub_gpu.spawner import TOKEN

PROFILE = "gpuhub.profile"
URL = "JUPYTERHUB_SERVICE_URL"
TIMEOUT_S = 5.0
LIMIT_BYTES = 1024 * 1024


class NoDoor(Exception):
    """The container cannot be looked at, or does not say how its server is reached."""


@dataclass(frozen=True)
class Door:
    """How a server is asked. `profile`: with which one it was started."""

    address: str
    port: int
    token: str
    profile: str | None

    @classmethod
    def of(cls, container: dict[str, Any]) -> Door:
        """From an inspected container. Raises NoDoor."""
        labels, env = labels_of(container), env_of(container)
        address = labels.get(ADDRESS) or _network_address(container)
        port = urlparse(env.get(URL, "")).port
        token = env.get(TOKEN)
        if not address or not port or not token:
            raise NoDoor("the container does not tell address, port and token")
        return cls(address, port, token, labels.get(PROFILE))


def _network_address(container: dict[str, Any]) -> str:
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return next((str(each["IPAddress"]) for each in networks.values() if each.get("IPAddress")), "")


class Doors:
    """Asks the engine once for each container: what it tells does not change while it runs."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self._known: dict[str, Door] = {}

    async def find(self, container: str) -> Door:
        """Raises NoDoor."""
        if container not in self._known:
            self._known[container] = Door.of(await self._inspect(container))
        return self._known[container]

    def forget_all_but(self, containers: Collection[str]) -> None:
        self._known = {key: door for key, door in self._known.items() if key in containers}

    async def _inspect(self, container: str) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        connector = aiohttp.UnixConnector(path=self.socket)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.get(f"http://engine/containers/{container}/json") as reply,
            ):
                if reply.status != 200:
                    raise NoDoor(f"the engine answers {reply.status}")
                told = json.loads(await read_bounded(reply, LIMIT_BYTES))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise NoDoor(f"the engine does not tell: {error or type(error).__name__}") from error
        if not isinstance(told, dict):
            raise NoDoor("the engine does not tell of a container")
        return told
