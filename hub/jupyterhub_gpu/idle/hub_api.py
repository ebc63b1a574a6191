"""The hub's own REST API, as far as the judge needs it: who runs which servers, in which groups."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlparse

import aiohttp

from jupyterhub_gpu.bounded import read_bounded

TIMEOUT_S = 30.0
LIMIT_BYTES = 16 * 1024 * 1024
PAGE = 100
PAGES_MAX = 1000
PAGED = "application/jupyterhub-pagination+json"


class HubSilent(Exception):
    """The hub does not answer, or not as it must."""


@dataclass(frozen=True)
class Running:
    """One server that is ready. `started` as the hub writes it: it names this run of it."""

    user: str
    server: str
    started: str
    path: str
    profile: str | None  # as it was chosen

    @property
    def started_at(self) -> float:
        """By the wall clock."""
        return datetime.fromisoformat(self.started).timestamp()

    @classmethod
    def of(cls, user: str, model: Any) -> Running | None:
        """From a server's model; None: it is not ready, or on its way to somewhere else."""
        if not model.get("ready") or model.get("pending") or not model.get("started"):
            return None
        when = datetime.fromisoformat(model["started"])
        if when.tzinfo is None:
            raise ValueError(f"started: {when} has no time zone")
        chosen = (model.get("user_options") or {}).get("profile")
        return cls(
            user=user,
            server=str(model["name"]),
            started=str(model["started"]),
            path=urlparse(model["url"]).path,
            profile=chosen if isinstance(chosen, str) else None,
        )


@dataclass(frozen=True)
class Person:
    """A user of the hub, with the servers that are ready."""

    name: str
    groups: tuple[str, ...]
    servers: tuple[Running, ...]

    @classmethod
    def of(cls, model: Any) -> Person:
        """Raises HubSilent."""
        try:
            name = str(model["name"])
            found = [Running.of(name, each) for each in model.get("servers", {}).values()]
            return cls(name, tuple(model["groups"]), tuple(each for each in found if each))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise HubSilent(f"not a user's model: {error!r}") from error


class HubApi:
    """Called with the service's own token."""

    def __init__(self, url: str, token: str, timeout_s: float = TIMEOUT_S) -> None:
        self.url, self._token, self.timeout_s = url.rstrip("/"), token, timeout_s

    async def ready(self) -> list[Person]:
        """Everybody with a server that is ready. Raises HubSilent."""
        return [each async for each in self._pages() if each.servers]

    async def person(self, name: str) -> Person | None:
        """One user; None: there is no such user. Raises HubSilent."""
        async with self._session() as session:
            status, told = await self._get(session, f"/users/{quote(name, safe='')}", {})
        return None if status == 404 else Person.of(told)

    async def _pages(self) -> AsyncIterator[Person]:
        offset: int | None = 0
        async with self._session() as session:
            for _ in range(PAGES_MAX):
                query = {"state": "ready", "limit": str(PAGE), "offset": str(offset)}
                status, told = await self._get(session, "/users", query)
                if status != 200 or not isinstance(told, dict):
                    raise HubSilent(f"/users: {status}, no page")
                for each in told.get("items", ()):
                    yield Person.of(each)
                following = (told.get("_pagination") or {}).get("next")
                if not following:
                    return
                offset = int(following["offset"])
        raise HubSilent("too many pages of users")

    def _session(self) -> aiohttp.ClientSession:
        headers = {"Authorization": f"token {self._token}", "Accept": PAGED}
        timeout = aiohttp.ClientTimeout(total=self.timeout_s)
        return aiohttp.ClientSession(headers=headers, timeout=timeout)

    async def _get(
        self, session: aiohttp.ClientSession, path: str, query: dict[str, str]
    ) -> tuple[int, Any]:
        try:
            async with session.get(
                f"{self.url}{path}", params=query, allow_redirects=False
            ) as reply:
                if reply.status not in (200, 404):
                    raise HubSilent(f"{path}: {reply.status}")
                return reply.status, json.loads(await read_bounded(reply, LIMIT_BYTES))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise HubSilent(f"{path}: {error or type(error).__name__}") from error
