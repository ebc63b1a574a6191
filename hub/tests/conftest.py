"""A real JupyterHub in the test's own event loop, with allocator and engine faked at their edges.

On failure the state of both is printed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fake_allocator import FakeAllocator
from fake_engine import NETWORK, FakeEngine
from jupyterhub.app import JupyterHub
from jupyterhub.auth import DummyAuthenticator
from jupyterhub.proxy import Proxy
from traitlets.config import Config

from jupyterhub_gpu import TEMPLATES, GpuDockerSpawner, resume
from jupyterhub_gpu.allocator import AllocatorClient
from jupyterhub_gpu.deletion import StopServersFirst
from jupyterhub_gpu.leasing import Leasing
from jupyterhub_gpu.renaming import CarefulRename

TOKEN, OWN_TOKEN = "t" * 40, "o" * 40
PROFILES = [
    {"slug": "none", "display_name": "No GPU", "gpus": {"none": True}},
    {"slug": "one-gpu", "display_name": "1 GPU", "gpus": {"count": 1}, "default": True},
    {"slug": "two-gpus", "display_name": "2 GPUs", "gpus": {"count": 2}},
]


class NoProxy(Proxy):
    routes: dict[str, Any]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.should_start, self.routes = False, {}

    async def add_route(self, routespec: str, target: str, data: Any) -> None:
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec: str) -> None:
        self.routes.pop(routespec, None)

    async def get_all_routes(self) -> dict[str, Any]:
        return dict(self.routes)


class Anybody(StopServersFirst, CarefulRename, DummyAuthenticator):
    pass


class TestedHub(JupyterHub):
    __test__ = False

    def load_config_file(self, *args: Any, **kwargs: Any) -> None:
        pass

    def init_signal(self) -> None:
        pass

    def _stop_event_loop(self) -> None:
        pass

    def init_logging(self) -> None:
        super().init_logging()
        self.log.propagate = True


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Hub:
    """Verbs of a test: start, stop, cancel, pages."""

    def __init__(self, app: Any, url: str) -> None:
        self.app, self.url = app, url
        self.asking: list[asyncio.Future[Any]] = []

    async def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"token {TOKEN}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, f"{self.url}/hub/api{path}", json=body) as reply,
        ):
            told = await (reply.json(content_type=None) if reply.content_length else reply.text())
            return reply.status, told

    def path(self, user: str, server: str = "") -> str:
        return f"/users/{user}/servers/{server}" if server else f"/users/{user}/server"

    async def start(self, user: str, profile: str | None = None, server: str = "") -> int:
        """Start a server and wait for it; 201 when it is ready, else the status of the refusal."""
        status, told = await self.ask(user, {"profile": profile} if profile else None, server)
        assert status == 201, told
        return status

    async def ask(self, user: str, options: Any = None, server: str = "") -> tuple[int, Any]:
        await self.api("POST", f"/users/{user}")
        return await self.api("POST", self.path(user, server), options)

    async def stop(self, user: str, server: str = "") -> int:
        return (await self.api("DELETE", self.path(user, server)))[0]

    async def wait_in_line(self, user: str, profile: str | None = None, server: str = "") -> Any:
        """Ask for a server and return its spawner once it stands in line."""
        await self.api("POST", f"/users/{user}")
        options = {"profile": profile} if profile else None
        self.asking.append(
            asyncio.ensure_future(self.api("POST", self.path(user, server), options))
        )
        spawners = self.app.users[user].spawners
        await until(lambda: server in spawners and spawners[server].in_line)
        return spawners[server]

    async def resume(self) -> None:
        """What the thread does that starts with the hub."""
        client = AllocatorClient(self.app.config.GpuMixin.allocator_socket, patience_s=5.0)
        await resume.resume(client, f"{self.url}/hub/api", OWN_TOKEN)

    def spawner(self, user: str, server: str = "") -> Any:
        return self.app.users[user].spawners[server]

    async def log_in(self, user: str) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        async with session.get(f"{self.url}/hub/login") as reply:
            await reply.text()
        form = {"username": user, "password": "x", "_xsrf": self.xsrf(session)}
        async with session.post(f"{self.url}/hub/login?next=/hub/home", data=form) as reply:
            assert reply.status == 200, await reply.text()
        return session

    def xsrf(self, session: aiohttp.ClientSession) -> str:
        cookies = session.cookie_jar.filter_cookies(aiohttp.client.URL(f"{self.url}/hub/login"))
        return cookies["_xsrf"].value

    async def form(self, session: aiohttp.ClientSession, user: str, fields: Any = None) -> Any:
        """GET the start form, or POST it; (status, text)."""
        url = f"{self.url}/hub/spawn/{user}"
        if fields is None:
            async with session.get(url) as reply:
                return reply.status, await reply.text()
        async with session.post(f"{url}?_xsrf={self.xsrf(session)}", data=fields) as reply:
            return reply.status, await reply.text()


@pytest.fixture
async def allocator(tmp_path: Path) -> AsyncIterator[FakeAllocator]:
    fake = await FakeAllocator(tmp_path / "hub.sock").start()
    yield fake
    await fake.stop()


@pytest.fixture
def engine(allocator: FakeAllocator, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    fake = FakeEngine()
    fake.on_gone.append(allocator.gone)
    monkeypatch.setattr(GpuDockerSpawner, "_client", fake)
    monkeypatch.setattr(GpuDockerSpawner, "_executor", None)
    yield fake
    fake.close()
    assert fake.wrong == []


@pytest.fixture
def isolate() -> bool:
    """Whether servers get cells; tests of cells say yes."""
    return False


@pytest.fixture
async def hub_again(
    allocator: FakeAllocator, engine: FakeEngine, isolate: bool, tmp_path: Path
) -> AsyncIterator[Callable[..., Any]]:
    """Starts the hub, and again after an end as by SIGTERM: with the same database.

    With another `name` it is a hub of its own, beside the first.
    """
    hubs: dict[str, Hub] = {}

    async def start(name: str = "hub") -> Hub:
        if name in hubs:
            await end(hubs[name])
        config = settings(tmp_path, allocator, name)
        config.GpuMixin.isolate = isolate
        TestedHub.clear_instance()
        app = TestedHub.instance(config=config)
        await app.initialize([])
        await app.start()
        hubs[name] = Hub(app, config.JupyterHub.hub_bind_url)
        return hubs[name]

    yield start
    for each in hubs.values():
        close(each)
        each.app.db.close()


def settings(tmp_path: Path, allocator: FakeAllocator, name: str) -> Config:
    c = Config()
    c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{free_port()}"
    c.JupyterHub.bind_url = f"http://127.0.0.1:{free_port()}"
    c.JupyterHub.db_url = f"sqlite:///{tmp_path}/{name}.sqlite"
    c.JupyterHub.cookie_secret = b"c" * 32
    c.CryptKeeper.keys = [b"k" * 32]
    c.JupyterHub.proxy_class = NoProxy
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.authenticator_class = Anybody
    c.JupyterHub.spawner_class = GpuDockerSpawner
    c.JupyterHub.allow_named_servers = True
    c.JupyterHub.template_paths = [str(TEMPLATES)]
    c.JupyterHub.services = [{"name": "test", "api_token": TOKEN}, resume.service(OWN_TOKEN)]
    scopes = ["admin:users", "admin:servers", "admin:server_state", "list:users"]
    tester = {"name": "tester", "services": ["test"], "scopes": scopes}
    c.JupyterHub.load_roles = [tester, resume.role()]
    c.GpuMixin.hub_name = name
    c.GpuMixin.allocator_socket = str(allocator.socket.with_name(f"{name}.sock"))
    c.GpuMixin.profile_list = PROFILES
    c.GpuMixin.network_file = str(tmp_path / "network.json")
    c.GpuMixin.allocator_patience = 1.0
    c.GpuMixin.ending_timeout = 3
    c.GpuMixin.removal_timeout = 2
    c.DockerSpawner.network_name = NETWORK
    c.DockerSpawner.use_internal_ip = True
    c.DockerSpawner.pull_policy = "skip"
    c.DockerSpawner.name_template = "nb-{username}--{servername}"
    c.Spawner.http_timeout = 5
    c.Spawner.poll_interval = 1
    c.Spawner.consecutive_failure_limit = 0
    return c


def close(hub: Hub) -> None:
    hub.app.http_server.stop()
    for callback in hub.app._periodic_callbacks.values():
        callback.stop()
    for user in hub.app.users.values():
        for spawner in user.spawners.values():
            spawner.stop_polling()


async def end(hub: Hub) -> None:
    """As SIGTERM ends it: every task of the loop is cancelled."""
    close(hub)
    await hub.app.shutdown_cancel_tasks()
    hub.app.db.close()
    Leasing._background.clear()


@pytest.fixture
async def hub(hub_again: Callable[[], Any]) -> Hub:
    return await hub_again()


async def until(what: Callable[[], bool], limit_s: float = 8.0) -> None:
    """Wait until `what` holds."""
    deadline = asyncio.get_running_loop().time() + limit_s
    while not what():
        assert asyncio.get_running_loop().time() < deadline, "it never came true"
        await asyncio.sleep(0.02)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call" and report.failed:
        funcargs = getattr(item, "funcargs", {})
        if "engine" in funcargs:
            report.sections.append(("containers", str(funcargs["engine"].shown())))
        if "allocator" in funcargs:
            leases = funcargs["allocator"].leases.values()
            text = "\n".join(f"{x['id']} {x['owner']} {x['state']} {x['reason']}" for x in leases)
            report.sections.append(("leases", text))
    return report
