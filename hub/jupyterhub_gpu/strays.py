"""Containers that the hub gave up but could not stop: ended by a thread of their own.

A lease is given back before its container is stopped. If the engine fails then, the hub takes
the server as stopped, the lease stays `ending`, and nobody would stop the container.
"""

from __future__ import annotations

import asyncio
import logging
import threading

import docker

from .allocator import AllocatorClient, AllocatorError
from .engine import ENGINE_ERRORS, STOP_GRACE_S
from .lease import Lease

LOOK_EVERY_S = 20.0
AFTER_S = 60.0

log = logging.getLogger("jupyterhub_gpu.strays")


class Strays:
    """Remembers since when each lease is `ending`. One event loop's; time is passed in."""

    def __init__(self, after_s: float = AFTER_S) -> None:
        self.after_s = after_s
        self.since: dict[str, float] = {}

    def due(self, leases: list[Lease], now: float) -> list[Lease]:
        """Those whose container should long be gone."""
        ending = {lease.id: lease for lease in leases if lease.state == "ending"}
        self.since = {key: self.since.get(key, now) for key in ending}
        return [
            lease
            for key, lease in ending.items()
            if lease.container and now - self.since[key] >= self.after_s
        ]


def start_strays(socket: str) -> threading.Thread:
    """Look for strays for as long as the process lives."""
    thread = threading.Thread(
        target=lambda: asyncio.run(_look_forever(socket)), name="strays", daemon=True
    )
    thread.start()
    return thread


async def _look_forever(socket: str) -> None:
    client, strays = AllocatorClient(socket), Strays()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        try:
            live = await client.leases("live", patience_s=0.0)
            for lease in strays.due(live, asyncio.get_running_loop().time()):
                log.warning("Lease %s is ending but its container runs: stopping it", lease.id)
                await asyncio.to_thread(end_container, lease)
        except (AllocatorError, *ENGINE_ERRORS) as error:
            log.warning("Strays could not be ended: %s", error)


def end_container(lease: Lease) -> None:
    """Stop and remove the container of a lease, if it is a notebook's. Raises ENGINE_ERRORS."""
    engine = docker.APIClient(version="auto")
    try:
        found = engine.inspect_container(lease.container)
        labels = found["Config"]["Labels"] or {}
        if labels.get("gpuhub.lease") != lease.id or labels.get("gpuhub.notebook") != "1":
            log.error("Container %s is not lease %s's notebook: left", lease.container, lease.id)
            return
        engine.stop(lease.container, timeout=STOP_GRACE_S)
        engine.remove_container(lease.container, v=True, force=True)
    except docker.errors.NotFound:
        return
    finally:
        engine.close()
