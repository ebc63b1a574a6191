"""A real hub for log-in pages, with an authenticator of the test's choice; a browser's verbs."""

from __future__ import annotations

from typing import Any

import aiohttp
from conftest import TestedHub, close, settings


async def start(tmp_path: Any, allocator: Any, configure: Any) -> Any:
    """The running app; `configure(c)` names the authenticator. Ended by `stop`."""
    config = settings(tmp_path, allocator, "hub")
    config.Authenticator.enable_auth_state = True
    configure(config)
    TestedHub.clear_instance()
    app = TestedHub.instance(config=config)
    await app.initialize([])
    await app.start()
    app.own_url = config.JupyterHub.hub_bind_url
    return app


def stop(app: Any) -> None:
    app.app = app
    close(app)
    app.db.close()


class Browser:
    """One person's."""

    def __init__(self, app: Any) -> None:
        self.url = f"{app.own_url}/hub"
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def __aenter__(self) -> Browser:
        await self.get("/login")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, **more: Any) -> Any:
        async with self._session.get(self.url + path, **more) as reply:
            return reply.status, await reply.text(), reply

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        cookies = self._session.cookie_jar.filter_cookies(aiohttp.client.URL(self.url + "/login"))
        data = form | {"_xsrf": cookies["_xsrf"].value}
        async with self._session.post(self.url + path, data=data) as reply:
            return reply.status, await reply.text()

    async def log_in(self, name: str, password: str) -> tuple[int, str]:
        return await self.post("/login?next=/hub/home", username=name, password=password)
