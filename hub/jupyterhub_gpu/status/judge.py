"""The judge of idleness, asked over its unix socket. Knows nothing of who asks this service."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from ..bounded import read_bounded

LIMIT_S = 5.0
LIMIT_BYTES = 4 * 1024 * 1024
PASSED_ON = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


class JudgeAway(Exception):
    """No answer, none in time, or none that can be understood."""


@dataclass(eq=False)
class JudgeRefuses(Exception):
    """It says no: 400, 404 or 409, and why."""

    status: int
    detail: str


@dataclass(frozen=True)
class Person:
    """What the judge knows of one person."""

    servers: list[dict[str, Any]]
    history: list[dict[str, Any]]


class Judge:
    """Safe for many tasks of one event loop; holds no connection open."""

    def __init__(self, socket: str, limit_s: float = LIMIT_S) -> None:
        self.socket, self.limit_s = socket, limit_s

    async def person(self, name: str) -> Person:
        """Servers and history; of somebody it does not know: none. Raises JudgeAway."""
        try:
            told = await self._call("GET", _path_of(name))
        except JudgeRefuses as refusal:
            if refusal.status == HTTPStatus.NOT_FOUND:
                return Person([], [])
            raise
        if told.get("name") != name:
            raise JudgeAway("the answer is about somebody else")
        return Person(_list(told, "servers"), _list(told, "history"))

    async def servers(self) -> list[dict[str, Any]]:
        """Everybody's servers, each with its `user`; for an admin. Raises JudgeAway."""
        return _list(await self._call("GET", "/servers"), "servers")

    async def keep(self, name: str, server: str, for_s: int | None) -> dict[str, Any]:
        """Keep one of a person's servers; what it is then. Raises JudgeRefuses or JudgeAway."""
        body: dict[str, Any] = {"server": server}
        if for_s is not None:
            body["for_s"] = for_s
        return await self._call("POST", f"{_path_of(name)}/keep", body)

    async def gpus(self, name: str, groups: list[str]) -> list[dict[str, Any]]:
        """The machine's GPUs, with the names that this person may see. Raises JudgeAway."""
        # A name with a comma would read as two groups, and one of them might see more.
        told = ",".join(group for group in groups if "," not in group)
        query = urlencode({"user": name, "groups": told}, quote_via=quote)
        return _list(await self._call("GET", f"/gpus?{query}"), "gpus")

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=self.limit_s)
        connector = aiohttp.UnixConnector(path=self.socket)
        url = URL(f"http://judge{path}", encoded=True)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(method, url, json=body, allow_redirects=False) as reply,
            ):
                raw, status = await read_bounded(reply, LIMIT_BYTES), reply.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise JudgeAway(f"{self.socket}: {error or type(error).__name__}") from error
        try:
            told = json.loads(raw)
        except ValueError as error:
            raise JudgeAway(f"status {status}, not JSON") from error
        if not isinstance(told, dict):
            raise JudgeAway(f"status {status}, not an object")
        if status in PASSED_ON:
            raise JudgeRefuses(status, str(told.get("detail") or "It is not possible.")[:500])
        if status != HTTPStatus.OK:
            raise JudgeAway(f"status {status}")
        return told


def _path_of(name: str) -> str:
    if name.strip(".") == "":  # a path would be read as another one
        raise JudgeRefuses(HTTPStatus.NOT_FOUND, "Nobody can have this name.")
    return f"/people/{quote(name, safe='')}"


def _list(told: dict[str, Any], key: str) -> list[dict[str, Any]]:
    items = told.get(key)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise JudgeAway(f"the answer has no list of {key}")
    return items
