"""A real hub with people's servers, a judge beside it, and a clock that the test moves.

The culler is the real one, over real HTTP: `tick` is one of its rounds. What each person's server
and GPU do is a `Doing`, which the test changes.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from conftest import PROFILES, TOKEN
from hub_with import start, stop
from jupyterhub_idle_culler import cull_idle

from jupyterhub_gpu.allocator import AllocatorClient
from jupyterhub_gpu.idle import configured
from jupyterhub_gpu.idle.clock import Clock
from jupyterhub_gpu.idle.doors import Doors
from jupyterhub_gpu.idle.hub_api import HubApi
from jupyterhub_gpu.idle.judge import Judge
from jupyterhub_gpu.idle.look import Look
from jupyterhub_gpu.idle.own_server import OwnServers
from jupyterhub_gpu.idle.store import Store
from jupyterhub_gpu.profiles import Profile
from jupyterhub_gpu.settings import Idle

JUDGE_TOKEN = "j" * 40
LIMIT_S, EVERY_S = 1200, 30
SKIP_S, STEP_S = 0.78 * LIMIT_S, 2 * EVERY_S
IDLE = Idle(
    enabled=True,
    gpu_limit_s=LIMIT_S,
    limit_s=2 * LIMIT_S,
    unknown_limit_s=4 * LIMIT_S,
    keep_s=LIMIT_S,
    keep_max_s=2 * LIMIT_S,
    look_every_s=EVERY_S,
    exempt_users=frozenset({"vip"}),
    exempt_groups=frozenset({"staff"}),
)


@dataclass
class Told:
    """As much of the settings as the judge reads."""

    idle: Idle = IDLE
    hub_name: str = "hub"
    profiles: tuple[Profile, ...] = field(
        default_factory=lambda: tuple(Profile.parse(each) for each in PROFILES)
    )


class Hands:
    """Moves both clocks; `set_by` moves the wall clock only."""

    def __init__(self) -> None:
        self.passed = self.set_by = 0.0

    def wall(self) -> float:
        return time.time() + self.passed + self.set_by

    def steady(self) -> float:
        return time.monotonic() + self.passed

    def stamp(self) -> str:
        return datetime.fromtimestamp(self.wall(), UTC).isoformat()


class Doing:
    """What one person's server and GPU are doing. Times are the steady clock's."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.gpu_busy, self.measured = False, "process"
        self.gpu_at = hands.steady()
        self.kernel, self.job, self.terminal = "idle", False, False
        self.extension = True
        self.answer: tuple[int, bytes] | None = None  # instead of all that
        self.asked: list[tuple[str, str]] = []
        self.stamp = hands.stamp()

    def touch(self) -> None:
        self.stamp = self.hands.stamp()

    def usage(self) -> dict[str, Any]:
        if self.gpu_busy:
            self.gpu_at = self.hands.steady()
        if self.measured == "none":
            return {"measured": "none", "why": "the driver is away"}
        idle_for_s = int(self.hands.steady() - self.gpu_at)
        return {"measured": self.measured, "why": None, "busy": self.gpu_busy} | {
            "idle_for_s": 0 if self.gpu_busy else idle_for_s,
            "utilisation": {"now": 0.5 if self.gpu_busy else 0.0},
        }

    def says(self, path: str, token: str) -> tuple[int, bytes]:
        at, _, query = path.partition("?")
        if at.endswith("/api"):  # the hub waits for the server
            return 200, b"{}"
        self.asked.append((path, token))
        if self.answer is not None:
            return self.answer
        kernels = [{"id": "k", "execution_state": self.kernel, "last_activity": self.stamp}]
        shells = [{"name": "1", "last_activity": self.stamp}] if self.terminal else []
        assert query == "no_track_activity=1"
        if at.endswith("/api/kernels"):
            return 200, json.dumps(kernels).encode()
        if at.endswith("/api/terminals"):
            return 200, json.dumps(shells).encode()
        if not at.endswith("/gpuhub/activity") or not self.extension:
            return 404, b"{}"
        told = {"version": 1, "kernels": kernels, "last_input_at": None, "jobs_busy": False}
        told["terminals"] = [each | {"job": self.job} for each in shells]
        return 200, json.dumps(told).encode()


class Scene:
    """Use `open` and `close`; or the fixture."""

    def __init__(self, tmp_path: Path, allocator: Any, engine: Any) -> None:
        self.folder, self.allocator, self.engine = tmp_path, allocator, engine
        self.hands, self.told, self.doing = Hands(), Told(), {}
        self.state = tmp_path / "idle.sqlite"
        self.servers = OwnServers(timeout_s=1.0)
        self.ends: list[str] = []

    async def open(self) -> Scene:
        self.app = await start(self.folder, self.allocator, self._configure)
        self.url = f"{self.app.own_url}/hub/api"
        await self._serve_engine()
        await self.servers.open()
        self.begin()
        return self

    async def close(self) -> None:
        await self.servers.close()
        self.judge.store.close()
        await self.runner.cleanup()
        stop(self.app)

    def _configure(self, c: Any) -> None:
        c.JupyterHub.services.append({"name": configured.SERVICE, "api_token": JUDGE_TOKEN})
        c.JupyterHub.load_roles.append(configured.role())
        c.JupyterHub.load_roles[0]["scopes"] += ["groups", "admin:groups"]
        c.JupyterHub.template_vars = configured.template_vars(self.state)
        c.GpuMixin.idle_file = str(self.state)
        c.GpuMixin.isolate = False

    async def _serve_engine(self) -> None:
        async def inspect(request: web.Request) -> web.Response:
            found = self.engine.containers.get(request.match_info["id"])
            return web.json_response(found or {}, status=200 if found else 404)

        app = web.Application()
        app.router.add_get("/containers/{id}/json", inspect)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.UnixSite(self.runner, str(self.folder / "engine.sock")).start()

    # --- verbs ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """A judge starts, as with a hub: it knows what is in its file."""
        clock = Clock(self.hands.wall, self.hands.steady)
        self.client = AllocatorClient(str(self.allocator.socket), patience_s=0.2)
        doors = Doors(str(self.folder / "engine.sock"))
        look = Look(self.told, self.client, doors, self.servers, clock)  # type: ignore[arg-type]
        hub = HubApi(self.url, JUDGE_TOKEN, timeout_s=5.0)
        self.judge = Judge(self.told, hub, look, Store(self.state), clock)  # type: ignore[arg-type]
        self.judge.start()

    def restart(self, away_s: float = 0.0) -> None:
        """As when the hub is killed, and comes back."""
        self.judge.store.still_alive(self.judge.clock)
        self.judge.store.close()
        self.hands.passed += away_s
        self.begin()

    async def run(self, user: str, profile: str = "one-gpu", server: str = "") -> Doing:
        """A person starts a server."""
        doing = self.doing[user] = Doing(self.hands)
        self.allocator.usage[user] = doing.usage
        self.engine.says[f"hub/{user}/{server}"] = doing.says
        await self.api("POST", f"/users/{user}")
        path = f"/users/{user}/servers/{server}" if server else f"/users/{user}/server"
        status, told = await self.api("POST", path, {"profile": profile})
        assert status == 201, told
        return doing

    async def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"token {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, self.url + path, json=body) as reply,
        ):
            text = await reply.text()
            return reply.status, json.loads(text) if text else None

    async def tick(self, after_s: float = EVERY_S) -> None:
        """One round of the real culler."""
        self.hands.passed += after_s
        before = self.runs()
        await cull_idle(
            url=self.url,
            api_token=JUDGE_TOKEN,
            inactive_limit=0,
            logger=logging.getLogger("culler"),
            cull_arbiter=self.judge.arbiter,
        )
        self.ends += sorted(before - self.runs())

    async def ticks(self, seconds: float) -> None:
        """So much time passes, in steps that are no outage; but at once up to the warnings."""
        passed = SKIP_S if seconds > SKIP_S else 0.0
        if passed:
            await self.tick(passed)
        while passed < seconds:
            step = min(STEP_S, seconds - passed)
            await self.tick(step)
            passed += step

    async def until_warned(self, user: str, which: str = "last") -> None:
        """From the start of that person's server."""
        if not self.judge.judged:
            await self.tick(SKIP_S)
        while self.verdict(user).warning != which:
            assert not self.ends
            await self.tick()

    async def until_end(self, limit_s: float) -> float | None:
        """Seconds until any server was ended; None: none was."""
        for number in range(1, int(limit_s / EVERY_S) + 1):
            await self.tick()
            if self.ends:
                return number * EVERY_S
        return None

    def runs(self) -> set[str]:
        """Whose servers run."""
        owners = (each["Config"]["Labels"] for each in self.engine.containers.values())
        return {each["gpuhub.owner"].removeprefix("hub/").rstrip("/") for each in owners}

    def verdict(self, user: str, server: str = "") -> Any:
        return self.judge.judged[user, server].verdict

    def set(self, **idle: Any) -> None:
        """Other settings: for the next judge."""
        self.told = replace(self.told, idle=replace(self.told.idle, **idle))
