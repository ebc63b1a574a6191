"""A hub that starts takes up again what waited, or was just granted, when the one before it ended.

JupyterHub itself forgets a pending start: to it the server "stopped while the hub was down". The
allocator still knows the place in line. So the start is asked for again, by the hub's own REST
API as anybody would, with the options that the person had chosen; the spawner then finds the
place (see `Leasing.take_lease`). Runs once, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp

from .allocator import AllocatorClient, AllocatorError
from .lease import BEFORE_START, Lease, Owner

SERVICE = "gpuhub-resume"
SCOPES = ("read:servers", "start:servers")
LIMIT_S = 300.0  # a place that nobody renewed for so long is lost anyway
PAUSE_S = 0.2  # soon, so that a page that comes back finds its start under way
AT_ONCE = 10
CALL_S = 3.0  # a start that waits is answered late; it goes on without its caller

log = logging.getLogger("jupyterhub_gpu.resume")


def start_resume(socket: str, api_url: str, token: str) -> threading.Thread:
    """Take up what was left, as soon as hub and allocator answer."""
    client = AllocatorClient(socket, patience_s=LIMIT_S)
    thread = threading.Thread(
        target=lambda: asyncio.run(resume(client, api_url, token)), name="resume", daemon=True
    )
    thread.start()
    return thread


async def resume(client: AllocatorClient, api_url: str, token: str) -> None:
    """Ask this hub to start the servers of all leases that have no container yet."""
    try:
        left = [lease for lease in await client.leases("live") if lease.state in BEFORE_START]
    except AllocatorError as error:
        log.warning("What was left in line could not be looked up: %s", error)
        return
    headers = {"Authorization": f"token {token}"}
    timeout = aiohttp.ClientTimeout(total=CALL_S)
    gate = asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        await asyncio.gather(*(_take_up(session, api_url, lease, gate) for lease in left))


async def _take_up(
    session: aiohttp.ClientSession, api_url: str, lease: Lease, gate: asyncio.Semaphore
) -> None:
    now = asyncio.get_running_loop().time
    deadline = now() + LIMIT_S
    while now() < deadline:
        async with gate:
            done = await _try(session, api_url, lease.owner)
        if done:
            log.warning("Start of %s (lease %s): %s", server_path(lease.owner), lease.id, done)
            return
        await asyncio.sleep(PAUSE_S)
    log.error("Start of %s was not taken up again", server_path(lease.owner))


async def _try(session: aiohttp.ClientSession, api_url: str, owner: Owner) -> str:
    """What has come of it; empty: not yet, try again."""
    url = f"{api_url}{server_path(owner)}"
    try:
        async with session.get(url) as reply:
            if reply.status != HTTPStatus.OK:
                return f"{reply.status} {await reply.text()}"
            model = await reply.json()
        if model.get("ready") or model.get("pending") == "spawn":
            return "is under way already"
        if model.get("pending"):
            return ""  # the hub still looks at what the one before it left
        return await _start(session, url)
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        log.debug("The hub does not answer yet: %s", error)
        return ""


async def _start(session: aiohttp.ClientSession, url: str) -> str:
    try:
        async with session.post(url) as reply:
            if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
                return ""
            good = reply.status < HTTPStatus.BAD_REQUEST
            return "taken up again" if good else f"{reply.status} {await reply.text()}"
    except TimeoutError:
        return "taken up again"


def server_path(owner: Owner) -> str:
    """The hub's API path of an owner's server."""
    user = quote(owner.user, safe="")
    if owner.server:
        return f"/users/{user}/servers/{quote(owner.server, safe='')}"
    return f"/users/{user}/server"


def service(token: str) -> dict[str, Any]:
    """The hub's own service whose token may start servers."""
    return {"name": SERVICE, "api_token": token}


def role() -> dict[str, Any]:
    """What that service may do."""
    return {"name": SERVICE, "services": [SERVICE], "scopes": list(SCOPES)}
