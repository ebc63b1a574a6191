"""The allocator's REST API over its unix socket, as seen by one hub.

Every call is idempotent (asks carry a request_id), so calls are repeated within `patience_s`
while the allocator restarts. Nothing here knows JupyterHub.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

import aiohttp

from .bounded import read_bounded
from .lease import BadLease, Lease

PROBLEM_PREFIX = "urn:gpuhub:problem:"
RETRY_PAUSE_S = 0.5
LIMIT_BYTES = 8 * 1024 * 1024


class AllocatorError(Exception):
    """Base of all that goes wrong between hub and allocator."""


class AllocatorDown(AllocatorError):
    """No answer, or none that can be understood."""


@dataclass(eq=False)
class Problem(AllocatorError):
    """A refusal (RFC 9457). `slug` is the end of its type; `more` holds the extensions."""

    slug: str
    status: int
    title: str
    detail: str
    more: dict[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None
    kinds: ClassVar[dict[str, type[Problem]]] = {}

    def __init_subclass__(cls, slug: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        Problem.kinds[slug] = cls

    def __str__(self) -> str:
        return f"{self.slug}: {self.detail or self.title}"


class NoGpuFree(Problem, slug="no-gpu-free"):
    """None fits now: `more["holders"]` says who holds what, `more["hidden"]` how many others."""


class QueueFull(Problem, slug="queue-full"):
    """None fits now and as many wait as may: as NoGpuFree, and `more["waiting"]` counts them."""


class OwnerActive(Problem, slug="owner-active"):
    """This owner's older lease is active; `more["lease"]` is that lease."""


class OwnerEnding(Problem, slug="owner-ending"):
    """This owner's older lease waits for its container's end."""


class LeaseState(Problem, slug="lease-state"):
    """The lease is not, or no longer, in a state that allows this."""


class StaleEpoch(Problem, slug="stale-epoch"):
    """The lease was granted by a store that is lost."""


class NotFound(Problem, slug="not-found"):
    """No such lease or GPU."""


class Impossible(Problem, slug="impossible"):
    """This machine can never serve the request."""


class NotReady(Problem, slug="not-ready"):
    """The allocator is up but grants nothing yet."""


class TooManyRequests(Problem, slug="too-many-requests"):
    """The allocator is busy; the same call is good a moment later."""


PASSING = (AllocatorDown, NotReady, TooManyRequests)  # over by itself: the same call again


class AllocatorClient:
    """One hub's client. Safe for many tasks of one event loop; holds no connection open."""

    def __init__(self, socket: str, *, timeout_s: float = 10.0, patience_s: float = 15.0) -> None:
        self.socket = socket
        self.timeout_s = timeout_s
        self.patience_s = patience_s

    async def ask(self, request: dict[str, Any], patience_s: float | None = None) -> Lease:
        """Ask for a lease: granted or, with `wait`, queued.

        The same `request_id` gives the same lease, whatever has become of it.
        """
        return _lease(await self.call("POST", "/v1/leases", request, patience_s=patience_s))

    async def bind(self, lease: Lease, container: str) -> Lease:
        """Name the container that will use the lease, before it starts."""
        body = {"container": container, "epoch": lease.epoch}
        return _lease(await self.call("POST", f"/v1/leases/{lease.id}/bind", body))

    async def release(self, lease_id: str, patience_s: float | None = None) -> Lease:
        """Say that the lease is not needed; it ends when its container is gone."""
        path = f"/v1/leases/{lease_id}"
        return _lease(await self.call("DELETE", path, patience_s=patience_s))

    async def lease(self, lease_id: str, patience_s: float | None = None) -> Lease:
        """One lease. Raises NotFound."""
        path = f"/v1/leases/{lease_id}"
        return _lease(await self.call("GET", path, patience_s=patience_s))

    async def next_revision(self, known: Lease, wait_s: int) -> Lease:
        """The lease when it differs from `known`; as it is after `wait_s` (1 to 50) at the latest.

        Raises NotFound.
        """
        query = {"wait": str(wait_s), "revision": known.revision}
        path = f"/v1/leases/{known.id}"
        return _lease(await self.call("GET", path, query=query, wait_s=wait_s))

    async def renew(self, lease_id: str) -> Lease:
        """Say that the client of a queued lease is still there. Raises NotFound."""
        return _lease(await self.call("POST", f"/v1/leases/{lease_id}/renew"))

    async def leases(
        self,
        state: str,
        user: str | None = None,
        server: str | None = None,
        patience_s: float | None = None,
        *,
        limit: int | None = None,
    ) -> list[Lease]:
        """This hub's leases; `state` is live, ended or all. None: of any user or server.

        With `limit` so many at the most, those asked for last.
        """
        asked = {"state": state, "user": user, "server": server}
        asked["limit"] = None if limit is None else str(limit)
        query = {key: value for key, value in asked.items() if value is not None}
        told = await self.call("GET", "/v1/leases", query=query, patience_s=patience_s)
        return [_lease(item) for item in _list(told, "leases")]

    async def gpus_for(self, user: str, groups: str, patience_s: float | None = None) -> Any:
        """The inventory as the allocator answers it, with as much of who holds what as this
        person may see; `groups` separated by commas."""
        query = {"user": user, "groups": groups}
        return await self.call("GET", "/v1/gpus", query=query, patience_s=patience_s)

    async def gpus(self, patience_s: float | None = None) -> list[dict[str, Any]]:
        """The inventory with slots and use."""
        told = await self.call("GET", "/v1/gpus", patience_s=patience_s)
        return _list(told, "gpus")

    async def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        query: dict[str, str] | None = None,
        patience_s: float | None = None,
        wait_s: float = 0.0,
    ) -> Any:
        """One call, repeated while the allocator is down, not ready or busy, for `patience_s`.

        `wait_s` is how long the answer may be held back on purpose. Raises Problem or
        AllocatorDown.
        """
        now = asyncio.get_running_loop().time
        deadline = now() + (self.patience_s if patience_s is None else patience_s)
        while True:
            try:
                return await self._call_once(method, path, body, query, wait_s)
            except PASSING as error:
                pause = getattr(error, "retry_after_s", None) or RETRY_PAUSE_S
                if now() + pause > deadline:
                    raise
                await asyncio.sleep(pause)

    async def _call_once(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        query: dict[str, str] | None,
        wait_s: float,
    ) -> Any:
        timeout = aiohttp.ClientTimeout(total=self.timeout_s + wait_s)
        connector = aiohttp.UnixConnector(path=self.socket)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(
                    method, f"http://allocator{path}", json=body, params=query
                ) as reply,
            ):
                raw = await read_bounded(reply, LIMIT_BYTES)
                status, retry_after = reply.status, reply.headers.get("Retry-After")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise AllocatorDown(f"{self.socket}: {error or type(error).__name__}") from error
        try:
            told = json.loads(raw)
        except ValueError as error:
            raise AllocatorDown(f"{method} {path}: status {status}, not JSON") from error
        if status >= HTTPStatus.BAD_REQUEST:
            raise _problem(told, status, retry_after)
        return told


def _problem(told: object, status: int, retry_after: str | None) -> AllocatorError:
    if not isinstance(told, dict) or not isinstance(told.get("type"), str):
        return AllocatorDown(f"status {status} without a problem document")
    slug = told["type"].removeprefix(PROBLEM_PREFIX)
    fixed = ("type", "status", "title", "detail")
    return Problem.kinds.get(slug, Problem)(
        slug=slug,
        status=status,
        title=str(told.get("title", "")),
        detail=str(told.get("detail", "")),
        more={key: value for key, value in told.items() if key not in fixed},
        retry_after_s=float(retry_after) if retry_after and retry_after.isdigit() else None,
    )


def _lease(told: object) -> Lease:
    try:
        return Lease.parse(told)
    except BadLease as error:
        raise AllocatorDown(str(error)) from error


def _list(told: object, key: str) -> list[dict[str, Any]]:
    items = told.get(key) if isinstance(told, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise AllocatorDown(f"the answer has no list of {key}")
    return items
