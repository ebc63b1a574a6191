"""The status service in the test's own process, beside a real hub, with a proxy that knows both."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import aiohttp
import conftest
from conftest import TestedHub, free_port
from fake_judge import FakeJudge
from jupyterhub import orm, roles
from jupyterhub.utils import url_path_join
from traitlets.config import Config

from jupyterhub_gpu import TEMPLATES
from jupyterhub_gpu.status import PREFIX, wiring
from jupyterhub_gpu.status.app import make_app, make_server

TOKEN = "5" * 64


class Front:
    """As the proxy: one origin, by the path to the hub or to the service."""

    def __init__(self, hub: str, status: str) -> None:
        self.hub, self.status = hub, status
        self.app = aiohttp.web.Application()
        self.app.router.add_route("*", "/{path:.*}", self._pass_on)

    async def _pass_on(self, request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        to = self.status if request.path.startswith("/services/") else self.hub
        left_out = ("host", "transfer-encoding", "content-length")
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in left_out]
        body = await request.read()
        async with (
            aiohttp.ClientSession(
                auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
            session.request(
                request.method,
                aiohttp.client.URL(f"{to}{request.raw_path}", encoded=True),
                headers=[*headers, ("Host", request.host)],
                data=body,
                allow_redirects=False,
            ) as reply,
        ):
            told = aiohttp.web.Response(status=reply.status, body=await reply.read())
            for key, value in reply.headers.items():
                if key.lower() not in ("transfer-encoding", "content-length"):
                    told.headers.add(key, value)
            return told


class World:
    """One origin with a hub and the status service; the judge is a stand-in."""

    def __init__(self, folder: Path, judge: FakeJudge) -> None:
        self.folder, self.judge = folder, judge
        self.app: Any = None
        self.server: Any = None
        self.runner: Any = None
        self.url = ""

    async def start(self, config: Config, *, tls: bool = False, serve: bool = True) -> World:
        """With `serve` off the service is away; `self.serve()` brings it."""
        port, hub = free_port(), config.JupyterHub.hub_bind_url
        config.JupyterHub.template_paths = [str(TEMPLATES)]
        wiring.add_to_hub(config, TOKEN)
        for each in config.JupyterHub.services:
            if each["name"] == "gpus":
                each["url"] = f"http://127.0.0.1:{port}"
        app = make_app(TOKEN, tls=tls, socket=str(self.judge.socket), hub_url=hub)
        self.server = make_server(app)
        self.port = port
        if serve:
            self.serve()
        TestedHub.clear_instance()
        self.app = TestedHub.instance(config=config)
        await self.app.initialize([])
        await self.app.start()
        self.runner = aiohttp.web.AppRunner(Front(hub, f"http://127.0.0.1:{port}").app)
        await self.runner.setup()
        front = free_port()
        await aiohttp.web.TCPSite(self.runner, "127.0.0.1", front).start()
        self.direct = f"http://127.0.0.1:{port}{PREFIX}"
        self.url = f"http://127.0.0.1:{front}"
        return self

    def serve(self) -> None:
        self.server.listen(self.port, address="127.0.0.1")

    async def stop(self) -> None:
        self.server.stop()
        await self.server.close_all_connections()
        await self.runner.cleanup()
        conftest.close(conftest.Hub(self.app, self.url))
        self.app.db.close()

    def hub(self) -> conftest.Hub:
        return conftest.Hub(self.app, self.app.config.JupyterHub.hub_bind_url)

    async def browser(self, name: str) -> Browser:
        return await Browser(self.url).log_in(name)

    def token(self, name: str, scopes: list[str] | None = None) -> str:
        """A token of a person's own."""
        person = orm.User.find(self.app.db, name)
        if person is None:
            person = orm.User(name=name)
            self.app.db.add(person)
            roles.assign_default_roles(self.app.db, person)
        return str(self.app.users[person].new_api_token(scopes=scopes))

    async def api(
        self, path: str, token: str | None = None, method: str = "GET", **more: Any
    ) -> tuple[int, Any, Any]:
        """As a program asks: by the service's own address."""
        headers = {"Authorization": f"token {token}"} if token else {}
        headers |= more.pop("headers", {})
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, f"{self.direct}{path}", headers=headers, allow_redirects=False, **more
            ) as reply,
        ):
            return reply.status, await reply.json(content_type=None), reply


class Browser:
    """One person's, by the proxy."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.xsrf = ""

    async def log_in(self, name: str) -> Browser:
        await self.get("/hub/login")
        form = {"username": name, "password": "x", "_xsrf": self.cookie("_xsrf", "/hub/login")}
        async with self.session.post(f"{self.url}/hub/login?next=/hub/home", data=form) as reply:
            assert reply.status == 200, await reply.text()
        return self

    async def open(self) -> str:
        """The page, by the hub's OAuth where that is needed."""
        status, text, reply = await self.get(PREFIX)
        assert (status, reply.url.path) == (200, PREFIX), text
        found = re.search(r'name="xsrf-token" content="([^"]+)"', text)
        assert found, text
        self.xsrf = found[1]
        return text

    async def get(self, path: str, **more: Any) -> tuple[int, str, Any]:
        async with self.session.get(url_path_join(self.url, path), **more) as reply:
            return reply.status, await reply.text(), reply

    async def fetch(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
        """As the page's script does it."""
        headers = {"X-XSRFToken": self.xsrf, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "x"}
        headers |= more.pop("headers", {})
        place = f"{self.url}{PREFIX}{path}"
        async with self.session.request(
            method, place, headers=headers, allow_redirects=False, **more
        ) as reply:
            return reply.status, await reply.json(content_type=None)

    def cookie(self, name: str, path: str = PREFIX) -> str:
        cookies = self.session.cookie_jar.filter_cookies(aiohttp.client.URL(self.url + path))
        return cookies[name].value

    async def close(self) -> None:
        await self.session.close()
