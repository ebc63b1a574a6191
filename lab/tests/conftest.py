"""A real jupyter_server in-process with the extension on, and a small status service."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from tornado import web
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

pytest_plugins = ["pytest_jupyter.jupyter_server"]

SERVER: dict[str, Any] = {
    "server": "",
    "gpus": [{"index": 1, "model": "NVIDIA A100", "uuid": "GPU-1"}],
    "state": "idle",
    "why": "GPU idle for 12 minutes",
    "ends_in_s": 700,
    "warning": None,
}


class FakeService:
    """Answers what the test says, and writes down what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, Any] | None, str | None]] = []
        self.status = 200
        self.body: Any = {"name": "ana", "servers": [{**SERVER, "server": "other"}, SERVER]}
        self.kept: tuple[int, Any] = (200, {**SERVER, "kept_until": "2030-01-01T00:00:00Z"})
        self.wait_s = 0.0
        self.raw: bytes | None = None
        self.headers: dict[str, str] = {}
        self.url = ""

    async def start(self) -> None:
        socket, port = bind_unused_port()
        self.url = f"http://127.0.0.1:{port}/services/gpus"
        app = web.Application([(r"/services/gpus/(.*)", Door, {"service": self})])
        self.server = HTTPServer(app)
        self.server.add_socket(socket)

    async def stop(self) -> None:
        self.server.stop()
        await self.server.close_all_connections()


class Door(web.RequestHandler):
    def initialize(self, service: FakeService) -> None:
        self.service = service

    async def get(self, path: str) -> None:
        await self.answer(path, (self.service.status, self.service.body))

    async def post(self, path: str) -> None:
        await self.answer(path, self.service.kept)

    async def answer(self, path: str, answer: tuple[int, Any]) -> None:
        body = json.loads(self.request.body) if self.request.body else None
        token = self.request.headers.get("Authorization")
        self.service.seen.append((self.request.method or "", path, body, token))
        await asyncio.sleep(self.service.wait_s)
        self.set_status(answer[0])
        for name, value in self.service.headers.items():
            self.set_header(name, value)
        self.finish(self.service.raw if self.service.raw is not None else json.dumps(answer[1]))


@pytest.fixture
def jp_server_config() -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"gpuhub_jupyterlab": True, "jupyter_server_terminals": True}
        }
    }


@pytest.fixture
def service(jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[FakeService]:
    fake = FakeService()
    jp_asyncio_loop.run_until_complete(fake.start())
    yield fake
    jp_asyncio_loop.run_until_complete(fake.stop())


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, service: FakeService) -> None:
    monkeypatch.setenv("GPUHUB_STATUS_URL", service.url)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    monkeypatch.setenv("JUPYTERHUB_SERVER_NAME", "")


@pytest.fixture
def ask(jp_fetch: Any) -> Callable[..., Awaitable[tuple[int, Any]]]:
    """Ask the extension; no status is an exception."""

    async def ask(name: str, **options: Any) -> tuple[int, Any]:
        response = await jp_fetch("gpuhub", name, raise_error=False, **options)
        return response.code, json.loads(response.body) if response.body else None

    return ask


async def eventually(what: Callable[[], Awaitable[Any]], wanted: Any, within_s: float = 10) -> None:
    end = time.monotonic() + within_s
    while (last := await what()) != wanted:
        assert time.monotonic() < end, f"still {last}, not {wanted}"
        await asyncio.sleep(0.1)
