"""A small stand-in for the allocator: the same paths over real unix sockets, books in memory.

`running` names the containers that "run"; tests change it. `script` holds replies to give
instead, in order: a (status, body) pair, or DROP to cut the connection. The line is first come,
first served; `estimate` and `why` are what is told of each place in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

DROP = object()
BEFORE_START = ("queued", "granted")


def problem(slug: str, status: int, detail: str = "", **more: Any) -> tuple[int, dict[str, Any]]:
    title = slug.replace("-", " ")
    kind = f"urn:gpuhub:problem:{slug}"
    return status, {"type": kind, "title": title, "status": status, "detail": detail, **more}


def uuid_of(index: int) -> str:
    return f"GPU-51d00000-0000-4000-8000-0000{index:08x}"


def now_text(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


class FakeAllocator:
    def __init__(self, socket: Path, gpus: int = 2, hub: str = "hub") -> None:
        self.socket = socket
        self.hub = hub
        self.gpus = gpus
        self.leases: dict[str, dict[str, Any]] = {}
        self.running: set[str] = set()
        self.script: list[Any] = []
        self.seen: list[tuple[str, str, Any]] = []
        self.queue_max = 100
        self.queue_enabled = True
        self.renew_timeout_s = 300.0
        self.longest_wait_s: float | None = 24 * 3600.0
        self.estimate: dict[str, int] | None = None
        self.why = "no GPU is free"
        self.usage: dict[str, Any] = {}  # user -> what tells of the usage of his leases
        self.renewed: dict[str, str] = {}
        self.shown_to: list[dict[str, str]] = []  # for whom the inventory was asked
        self.runners: list[web.AppRunner] = []
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._made = 0

    async def start(self) -> FakeAllocator:
        await self.listen(self.socket, self.hub)
        return self

    async def listen(self, socket: Path, hub: str) -> None:
        """One more hub's socket to the same books."""
        app = web.Application(middlewares=[self._scripted])
        app.router.add_post("/v1/leases", self._ask)
        app.router.add_get("/v1/leases", self._list)
        app.router.add_get("/v1/leases/{id}", self._one)
        app.router.add_delete("/v1/leases/{id}", self._release)
        app.router.add_post("/v1/leases/{id}/bind", self._bind)
        app.router.add_post("/v1/leases/{id}/renew", self._renew)
        app.router.add_get("/v1/gpus", self._gpus)
        app[HUB] = hub
        self.runners.append(web.AppRunner(app, shutdown_timeout=0.1))
        await self.runners[-1].setup()
        await web.UnixSite(self.runners[-1], str(socket)).start()

    async def stop(self) -> None:
        for runner in self.runners:
            await runner.cleanup()
        self.socket.unlink(missing_ok=True)
        self.runners = []

    # --- what tests do and see ------------------------------------------------------------------

    def state(self, user: str, server: str = "", hub: str | None = None) -> list[str]:
        """The states of this person's leases, oldest first."""
        mine = {"hub": hub or self.hub, "user": user, "server": server}
        return [lease["state"] for lease in self.leases.values() if lease["owner"] == mine]

    def state_count(self, state: str) -> int:
        return sum(1 for lease in self.leases.values() if lease["state"] == state)

    def last(self, user: str, server: str = "") -> dict[str, Any]:
        """This person's newest lease."""
        mine = {"user": user, "server": server}
        return [x for x in self.leases.values() if mine.items() <= x["owner"].items()][-1]

    def asks(self) -> list[dict[str, Any]]:
        """What was asked, in order."""
        return [body for method, path, body in self.seen if (method, path) == ASK]

    def end(self, lease: dict[str, Any], reason: str, code: int | None = None, oom: Any = None):
        lease |= {"state": "ended", "reason": reason, "exit_code": code, "oom_killed": oom}
        lease |= {"ended_at": now_text(), "inject": None}
        self.serve()

    def settle(self) -> None:
        """What the events of the engine would do."""
        for lease in self.leases.values():
            gone = lease["container"] and lease["container"] not in self.running
            if lease["state"] == "ending" and gone:
                self.end(lease, "released")

    def gone(self, container: str) -> None:
        """The engine, from a thread of its own, says that a container is gone."""
        self.running.discard(container)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.settle)

    def change(self, **what: Any) -> None:
        """Change what is told of the line, and wake those who look."""
        for key, value in what.items():
            setattr(self, key, value)
        self._wake()

    def holds(self, user: str, count: int, server: str = "", container: str | None = None) -> dict:
        """A lease of somebody who is not at this hub's door now."""
        owner = {"hub": self.hub, "user": user, "server": server}
        lease = self._make(f"r-{self._made}", owner, {"count": count}, "shared")
        self._grant(lease, list(range(count)))
        if container:
            lease |= {"state": "active", "container": container}
            self.running.add(container)
        return lease

    def waits(self, user: str, wants: dict[str, Any], request_id: str, server: str = "") -> dict:
        """A lease in line, as a hub before this one has left it."""
        lease = self._make(
            request_id, {"hub": self.hub, "user": user, "server": server}, wants, "shared"
        )
        self.serve()
        return lease

    def forget(self) -> None:
        """The store is lost, and the line with it."""
        self.leases = {key: x for key, x in self.leases.items() if x["state"] != "queued"}
        self._wake()

    # --- the books ------------------------------------------------------------------------------

    def serve(self) -> None:
        """Grant from the head of the line what fits now."""
        open_to = self.gpus
        for lease in self._line():
            free, count = self._free(), self._count(lease["wants"])
            if self._blocked(lease) or count > min(len(free), open_to):
                open_to = 0  # nobody passes, but for those who want none
            else:
                self._grant(lease, free[:count])
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _live(self) -> list[dict[str, Any]]:
        return [lease for lease in self.leases.values() if lease["state"] != "ended"]

    def _line(self) -> list[dict[str, Any]]:
        return [lease for lease in self.leases.values() if lease["state"] == "queued"]

    def _held(self) -> dict[int, dict[str, Any]]:
        return {gpu["index"]: lease for lease in self._live() for gpu in lease["gpus"]}

    def _free(self) -> list[int]:
        held = self._held()
        return [index for index in range(self.gpus) if index not in held]

    def _count(self, wants: dict[str, Any]) -> int:
        return 0 if "none" in wants else self.gpus if "all" in wants else wants["count"]

    def _blocked(self, lease: dict[str, Any]) -> bool:
        return any(
            each is not lease and each["owner"] == lease["owner"] and each["state"] == "ending"
            for each in self._live()
        )

    def _holders(self) -> list[dict[str, Any]]:
        return [
            {"gpu": uuid_of(index), "index": index, "since": lease["created_at"]}
            | {key: lease["owner"][key] for key in ("user", "server")}
            for index, lease in sorted(self._held().items())
        ]

    def _make(
        self, request_id: str, owner: dict[str, str], wants: dict[str, Any], mode: str
    ) -> dict[str, Any]:
        ident = f"L-{self._made:04d}"
        self._made += 1
        lease = {
            "id": ident,
            "request_id": request_id,
            "owner": owner,
            "state": "queued",
            "wants": wants,
            "mode": mode,
            "reason": None,
            "exit_code": None,
            "oom_killed": None,
            "host": "h1",
            "gpus": [],
            "container": None,
            "epoch": "E1",
            "created_at": now_text(),
            "granted_at": None,
            "ended_at": None,
            "inject": None,
        }
        self.renewed[ident] = now_text(self.renew_timeout_s)
        self.leases[ident] = lease
        return lease

    def _grant(self, lease: dict[str, Any], picked: list[int]) -> None:
        gpus = [
            {"uuid": uuid_of(i), "index": i, "model": "A100-40G", "memory_mib": 40960}
            | {"fault": None}
            for i in picked
        ]
        uuids = ",".join(str(gpu["uuid"]) for gpu in gpus)
        owner = lease["owner"]
        labels = {
            "gpuhub.lease": lease["id"],
            "gpuhub.owner": f"{owner['hub']}/{owner['user']}/{owner['server']}",
            "gpuhub.gpus": uuids,
            "gpuhub.mode": lease["mode"],
            "gpuhub.epoch": "E1",
        }
        inject = {
            "driver": "devices" if gpus else "none",
            "host_config": {"DeviceRequests": [], "Devices": [], "Mounts": []},
            "environment": {"NVIDIA_VISIBLE_DEVICES": "void", "GPUHUB_GPUS": uuids},
            "labels": labels,
        }
        lease |= {"state": "granted", "gpus": gpus, "inject": inject, "granted_at": now_text()}

    def shown(self, lease: dict[str, Any]) -> dict[str, Any]:
        """As the API tells it."""
        queue = None
        if lease["state"] == "queued":
            line = self._line()
            longest = self.longest_wait_s
            queue = {
                "position": line.index(lease) + 1,
                "of": len(line),
                "expires_at": None if longest is None else now_text(longest),
                "renew_by": self.renewed[lease["id"]],
                "why": self.why,
                "estimate": self.estimate,
                "holders": self._holders(),
                "hidden": 0,
            }
        told = {**lease, "queue": queue}
        stable = json.dumps(
            {**told, "queue": queue and {**queue, "expires_at": None, "renew_by": None}}
        )
        told["revision"] = hashlib.sha256(stable.encode()).hexdigest()[:12]
        measure = self.usage.get(lease["owner"]["user"])
        measured = measure is not None and lease["state"] == "active" and lease["gpus"]
        return told | {"usage": measure() if measured else None}

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

    def _mine(self, request: web.Request) -> list[dict[str, Any]]:
        """The leases that this socket's hub may see."""
        hub = request.app[HUB]
        return [lease for lease in self.leases.values() if lease["owner"]["hub"] == hub]

    def _named(self, request: web.Request) -> dict[str, Any]:
        for lease in self._mine(request):
            if lease["id"] == request.match_info["id"]:
                return lease
        _, body = problem("not-found", 404)
        raise web.HTTPNotFound(text=json.dumps(body), content_type="application/problem+json")

    async def _ask(self, request: web.Request) -> web.Response:
        body = await request.json()
        owner = {"hub": request.app[HUB], **{key: body["owner"][key] for key in ("user", "server")}}
        for lease in list(self.leases.values()):
            if lease["request_id"] == body["request_id"]:
                if lease["owner"] != owner:
                    return self._reply(*problem("request-reused", 409))
                return self._reply(200, self.shown(lease))
        refused = self._refuse(owner, body)
        if refused:
            return self._reply(*refused)
        for lease in self._live():
            if lease["owner"] == owner and lease["state"] in BEFORE_START:
                self.end(lease, "replaced")
        lease = self._make(body["request_id"], owner, body["gpus"], body["mode"])
        self.serve()
        return self._reply(201 if lease["state"] == "granted" else 202, self.shown(lease))

    def _refuse(self, owner: dict[str, str], body: dict[str, Any]) -> Any:
        own = {lease["state"]: lease for lease in self._live() if lease["owner"] == owner}
        count = self._count(body["gpus"])
        waits = self.queue_enabled and body.get("wait", False)
        if count > self.gpus:
            return problem("impossible", 422, f"there are {self.gpus} GPUs")
        if "active" in own:
            return problem("owner-active", 409, lease=self.shown(own["active"]))
        if "ending" in own and not waits:
            return problem("owner-ending", 409)
        free = len(self._free()) + sum(len(own[x]["gpus"]) for x in BEFORE_START if x in own)
        more = {"holders": self._holders(), "hidden": 0}
        if not waits:
            return problem("no-gpu-free", 409, **more) if count > free else None
        others = [lease for lease in self._line() if lease["owner"] != owner]
        full = len(others) >= self.queue_max and (others or count > free)
        return problem("queue-full", 409, waiting=len(others), **more) if full else None

    async def _list(self, request: web.Request) -> web.Response:
        want = request.query.get("state", "live")
        found = [
            self.shown(lease)
            for lease in self._mine(request)
            if (want == "all" or (lease["state"] == "ended") == (want == "ended"))
            and request.query.get("user", lease["owner"]["user"]) == lease["owner"]["user"]
            and request.query.get("server", lease["owner"]["server"]) == lease["owner"]["server"]
        ]
        return self._reply(200, {"leases": found})

    async def _one(self, request: web.Request) -> web.Response:
        known = request.query.get("revision")
        deadline = asyncio.get_running_loop().time() + int(request.query.get("wait", "0"))
        while known is not None and self.shown(self._named(request))["revision"] == known:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left)
        return self._reply(200, self.shown(self._named(request)))

    async def _release(self, request: web.Request) -> web.Response:
        lease = self._named(request)
        if lease["state"] in BEFORE_START:
            self.end(lease, "cancelled")
        elif lease["state"] == "active":
            lease["state"] = "ending"
            self.settle()
        return self._reply(200, self.shown(lease))

    async def _renew(self, request: web.Request) -> web.Response:
        lease = self._named(request)
        self.renewed[lease["id"]] = now_text(self.renew_timeout_s)
        return self._reply(200, self.shown(lease))

    async def _bind(self, request: web.Request) -> web.Response:
        lease = self._named(request)
        body = await request.json()
        if body["epoch"] != lease["epoch"]:
            return self._reply(*problem("stale-epoch", 409))
        if lease["state"] != "granted" and lease["container"] != body["container"]:
            return self._reply(*problem("lease-state", 409))
        lease |= {"state": "active", "container": body["container"]}
        self.running.add(body["container"])
        return self._reply(200, self.shown(lease))

    async def _gpus(self, request: web.Request) -> web.Response:
        held = self._held()
        self.shown_to.append(dict(request.query))
        told = [
            {"uuid": uuid_of(i), "index": i, "model": "A100-40G", "slots": 1, "state": "ok"}
            | {"used": int(i in held), "mode": "shared" if i in held else "free"}
            for i in range(self.gpus)
        ]
        return self._reply(200, {"gpus": told})


ASK = ("POST", "/v1/leases")
HUB = web.AppKey("hub", str)
