"""A small stand-in for the allocator: the same paths over a real unix socket, books in memory.

`running` names the containers that "run"; tests change it. `script` holds replies to give
instead, in order: a (status, body) pair, or DROP to cut the connection.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

DROP = object()


def problem(slug: str, status: int, detail: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
    title = slug.replace("-", " ")
    kind = f"urn:gpuhub:problem:{slug}"
    return status, {"type": kind, "title": title, "status": status, "detail": detail, **more}


def uuid_of(index: int) -> str:
    return f"GPU-51d00000-0000-4000-8000-0000{index:08x}"


class FakeAllocator:
    def __init__(self, socket: Path, gpus: int = 2, hub: str = "hub") -> None:
        self.socket = socket
        self.hub = hub
        self.gpus = gpus
        self.leases: dict[str, dict[str, Any]] = {}
        self.running: set[str] = set()
        self.script: list[Any] = []
        self.seen: list[tuple[str, str, Any]] = []
        self.runner: web.AppRunner | None = None

    async def start(self) -> FakeAllocator:
        app = web.Application(middlewares=[self._scripted])
        app.router.add_post("/v1/leases", self._ask)
        app.router.add_get("/v1/leases", self._list)
        app.router.add_get("/v1/leases/{id}", self._one)
        app.router.add_delete("/v1/leases/{id}", self._release)
        app.router.add_post("/v1/leases/{id}/bind", self._bind)
        app.router.add_get("/v1/gpus", self._gpus)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        await web.UnixSite(self.runner, str(self.socket)).start()
        return self

    async def stop(self) -> None:
        if self.runner:
            await self.runner.cleanup()
            self.socket.unlink(missing_ok=True)
            self.runner = None

    def state(self, user: str, server: str = "") -> list[str]:
        """The states of this person's leases, oldest first."""
        mine = {"hub": self.hub, "user": user, "server": server}
        return [lease["state"] for lease in self.leases.values() if lease["owner"] == mine]

    def end(self, lease: dict[str, Any], reason: str, code: int | None = None, oom: Any = None):
        now = datetime.now(UTC).isoformat()
        lease |= {"state": "ended", "reason": reason, "exit_code": code, "oom_killed": oom}
        lease |= {"ended_at": now, "inject": None}

    def settle(self) -> None:
        """What the events of the engine would do."""
        for lease in self.leases.values():
            gone = lease["container"] and lease["container"] not in self.running
            if lease["state"] == "ending" and gone:
                self.end(lease, "released")

    def holds(self, user: str, count: int, server: str = "", container: str | None = None) -> dict:
        lease = self._make(f"r-{len(self.leases)}", user, server, list(range(count)), "shared")
        if container:
            lease |= {"state": "active", "container": container}
            self.running.add(container)
        return lease

    # --- the API ------------------------------------------------------------------------------

    @web.middleware
    async def _scripted(self, request: web.Request, handler: Any) -> web.StreamResponse:
        raw = await request.text()
        body = json.loads(raw) if raw else None
        self.seen.append((request.method, request.path, body))
        if self.script:
            reply = self.script.pop(0)
            if reply is DROP:
                assert request.transport
                request.transport.close()
                return web.Response()
            if reply is not None:
                return self._reply(*reply)
        self.settle()
        return await handler(request)

    def _reply(self, status: int, body: Any) -> web.Response:
        kind = "application/problem+json" if status >= 400 else "application/json"
        headers = {"Retry-After": "1"} if status == 409 else {}
        return web.Response(
            status=status, text=json.dumps(body), content_type=kind, headers=headers
        )

    async def _ask(self, request: web.Request) -> web.Response:
        body = await request.json()
        user, server = body["owner"]["user"], body["owner"]["server"]
        for lease in self.leases.values():
            if lease["request_id"] == body["request_id"]:
                return self._reply(200, lease)
            if (lease["owner"]["user"], lease["owner"]["server"]) != (user, server):
                continue
            if lease["state"] == "ending":
                return self._reply(*problem("owner-ending", 409))
            if lease["state"] == "active":
                return self._reply(*problem("owner-active", 409, lease=lease))
            if lease["state"] == "granted":
                self.end(lease, "replaced")
        held = {gpu["index"]: lease for lease in self._live() for gpu in lease["gpus"]}
        free = [index for index in range(self.gpus) if index not in held]
        asked = body["gpus"]
        count = 0 if "none" in asked else self.gpus if "all" in asked else asked["count"]
        if count > self.gpus:
            return self._reply(*problem("impossible", 422, f"there are {self.gpus} GPUs"))
        if count > len(free):
            holders = [
                {"gpu": uuid_of(index), "index": index, "since": lease["created_at"]}
                | {key: lease["owner"][key] for key in ("user", "server")}
                for index, lease in sorted(held.items())
            ]
            return self._reply(*problem("no-gpu-free", 409, holders=holders, hidden=0))
        picked = free[:count]
        lease = self._make(body["request_id"], user, server, picked, body["mode"])
        return self._reply(201, lease)

    def _live(self) -> list[dict[str, Any]]:
        return [lease for lease in self.leases.values() if lease["state"] != "ended"]

    def _make(self, request_id: str, user: str, server: str, picked: list[int], mode: str) -> dict:
        ident = f"L-{len(self.leases):04d}"
        gpus = [
            {"uuid": uuid_of(i), "index": i, "model": "A100-40G", "memory_mib": 40960}
            for i in picked
        ]
        uuids = ",".join(gpu["uuid"] for gpu in gpus)
        labels = {"gpuhub.lease": ident, "gpuhub.owner": f"{self.hub}/{user}/{server}"}
        labels |= {"gpuhub.gpus": uuids, "gpuhub.mode": mode, "gpuhub.epoch": "E1"}
        environment = {"NVIDIA_VISIBLE_DEVICES": "void", "GPUHUB_GPUS": uuids}
        lease = {
            "id": ident,
            "request_id": request_id,
            "owner": {"hub": self.hub, "user": user, "server": server},
            "state": "granted",
            "reason": None,
            "exit_code": None,
            "oom_killed": None,
            "host": "h1",
            "gpus": gpus,
            "mode": mode,
            "container": None,
            "epoch": "E1",
            "created_at": datetime.now(UTC).isoformat(),
            "ended_at": None,
            "inject": {
                "driver": "devices" if gpus else "none",
                "host_config": {"DeviceRequests": [], "Devices": [], "Mounts": []},
                "environment": environment,
                "labels": labels,
            },
        }
        self.leases[ident] = lease
        return lease

    async def _list(self, request: web.Request) -> web.Response:
        want = request.query.get("state", "live")
        found = [
            lease
            for lease in self.leases.values()
            if (want == "all" or (lease["state"] == "ended") == (want == "ended"))
            and request.query.get("user", lease["owner"]["user"]) == lease["owner"]["user"]
            and request.query.get("server", lease["owner"]["server"]) == lease["owner"]["server"]
        ]
        return self._reply(200, {"leases": found})

    async def _one(self, request: web.Request) -> web.Response:
        lease = self.leases.get(request.match_info["id"])
        return self._reply(200, lease) if lease else self._reply(*problem("not-found", 404))

    async def _release(self, request: web.Request) -> web.Response:
        lease = self.leases.get(request.match_info["id"])
        if not lease:
            return self._reply(*problem("not-found", 404))
        if lease["state"] == "granted":
            self.end(lease, "cancelled")
        elif lease["state"] == "active":
            lease["state"] = "ending"
            self.settle()
        return self._reply(200, lease)

    async def _bind(self, request: web.Request) -> web.Response:
        lease = self.leases[request.match_info["id"]]
        body = await request.json()
        if body["epoch"] != lease["epoch"]:
            return self._reply(*problem("stale-epoch", 409))
        if lease["state"] != "granted" and lease["container"] != body["container"]:
            return self._reply(*problem("lease-state", 409))
        lease |= {"state": "active", "container": body["container"]}
        self.running.add(body["container"])
        return self._reply(200, lease)

    async def _gpus(self, request: web.Request) -> web.Response:
        held = {gpu["index"] for lease in self._live() for gpu in lease["gpus"]}
        told = [
            {"uuid": uuid_of(i), "index": i, "model": "A100-40G", "slots": 1, "state": "ok"}
            | {"used": int(i in held), "mode": "shared" if i in held else "free"}
            for i in range(self.gpus)
        ]
        return self._reply(200, {"gpus": told})
