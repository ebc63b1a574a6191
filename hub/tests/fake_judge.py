"""A small stand-in for the judge of idleness: people in memory, over a real unix socket.

`script` holds replies to give instead, in order: a (status, body) pair, bytes as they are, or
SILENT to say nothing. `seen` are the calls: method, path as it was sent, body.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

SILENT = object()


def at(seconds: float) -> str:
    """A time from now on, as the judge writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def gpu(index: int, *owners: str | None, **more: Any) -> dict[str, Any]:
    """One of the allocator's; an owner who may not be seen is None."""
    leases = [
        {
            "id": f"L-{index}-{i}",
            "state": "active",
            "mode": "shared",
            "since": at(-3600),
            "owner": owner and {"hub": "hub", "user": owner, "server": ""},
        }
        for i, owner in enumerate(owners)
    ]
    told = {
        "uuid": f"GPU-{index}",
        "index": index,
        "model": "NVIDIA A100-SXM4-80GB",
        "memory_mib": 81920,
        "slots": 1,
        "used": len(leases),
        "mode": "shared" if leases else "free",
        "state": "ok",
        "fault": None,
        "label": "",
        "host": "gpu1",
        "leases": leases,
        "conflicts": [],
        "foreign": [],
        "load": {"gpu_util": 0, "memory_util": 0, "memory_used_mib": 0},
    }
    return {**told, **more}


def server(name: str = "", *indices: int, **more: Any) -> dict[str, Any]:
    told = {
        "server": name,
        "profile": "one-gpu",
        "started_at": at(-7200),
        "gpus": [
            {"index": i, "model": "NVIDIA A100-SXM4-80GB", "uuid": f"GPU-{i}"} for i in indices
        ],
        "usage": None,
        "state": "idle",
        "why": "GPU idle for 12 minutes",
        "idle_for_s": 720,
        "limit_s": 3600,
        "ends_at": at(2880),
        "ends_in_s": 2880,
        "ends_why": "idle",
        "warning": None,
        "keep_until_max": at(80000),
        "kept_until": None,
        "keep_s": 3600,
        "lifetime_ends_at": None,
    }
    return {**told, **more}


class FakeJudge:
    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.people: dict[str, dict[str, Any]] = {}
        self.gpus: list[dict[str, Any]] = []
        self.script: list[Any] = []
        self.seen: list[tuple[str, str, Any]] = []
        self._runner: web.AppRunner | None = None

    async def start(self) -> FakeJudge:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.socket)).start()
        return self

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        self._runner = None

    def knows(self, name: str, *servers: dict[str, Any], history: Any = ()) -> None:
        self.people[name] = {"name": name, "servers": list(servers), "history": list(history)}

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.seen.append((request.method, request.raw_path, body))
        reply = self.script.pop(0) if self.script else self._answer(request, body)
        if reply is SILENT:
            await asyncio.sleep(3600)
        if isinstance(reply, bytes):
            return web.Response(body=reply)
        return web.Response(status=reply[0], text=json.dumps(reply[1]))

    def _answer(self, request: web.Request, body: Any) -> tuple[int, Any]:
        if request.path == "/gpus":
            return 200, {"gpus": self.gpus}
        _, _, name, *rest = request.path.split("/")
        person = self.people.get(name)
        if person is None:
            return 404, {"detail": "nobody of this name has a server"}
        if rest != ["keep"]:
            return 200, person
        for each in person["servers"]:
            if each["server"] == body["server"]:
                each |= {"state": "kept", "kept_until": at(body.get("for_s", each["keep_s"]))}
                return 200, each
        return 404, {"detail": "you have no such server"}
