"""{base_url}gpuhub/…: status and keep (the page's way to the GPU status service), input (a person
is there) and activity (what the idle rule asks). None of them counts as activity itself.

Whoever may use this server may call them: jupyter_server's own log-in, authorizer and XSRF.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado import web

from .activity import Activity
from .processes import Looks
from .status_service import Answer, StatusService

BODY_BYTES_MAX = 1024
KEEP_S_MAX = 366 * 24 * 3600  # more is a slip; how far one may really go the hub decides


def add_handlers(server: ServerApp, environment: Mapping[str, str]) -> None:
    """The first look at the processes is taken here: what was there at the start is no job."""
    service = StatusService.of(environment)
    activity = Activity(server.kernel_manager, server.web_app.settings, Looks())
    base = url_path_join(server.base_url, "gpuhub")
    server.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, "status"), StatusHandler, {"service": service}),
            (url_path_join(base, "keep"), KeepHandler, {"service": service}),
            (url_path_join(base, "input"), InputHandler, {"activity": activity}),
            (url_path_join(base, "activity"), ActivityHandler, {"activity": activity}),
        ],
    )


class GpuhubHandler(APIHandler):
    """No answer is kept by a browser, and no call makes the server look used."""

    _track_activity = False
    auth_resource = "gpuhub"
    asked_often = True

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("Cache-Control", "no-store")

    def _log(self) -> None:
        """What is asked every few seconds stands in the log only when it fails."""
        if not self.asked_often or self.get_status() >= 400:
            super()._log()

    def answer(self, answer: Answer) -> None:
        self.set_status(answer.status)
        self.finish(json.dumps(answer.body))


class StatusHandler(GpuhubHandler):
    def initialize(self, service: StatusService) -> None:
        self.service = service

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.answer(await self.service.status())


class KeepHandler(GpuhubHandler):
    asked_often = False

    def initialize(self, service: StatusService) -> None:
        self.service = service

    @web.authenticated
    @authorized
    async def post(self) -> None:
        self.answer(await self.service.keep(self.asked_for()))

    def asked_for(self) -> int | None:
        """Seconds, if the body says so; 400 or 413 for anything else than {"for_s": N}."""
        body = self.request.body
        if len(body) > BODY_BYTES_MAX:
            raise web.HTTPError(413, "the body is too long")
        try:
            asked: Any = json.loads(body) if body.strip() else {}
        except ValueError:
            raise web.HTTPError(400, "the body is no JSON") from None
        if not isinstance(asked, dict) or asked.keys() - {"for_s"}:
            raise web.HTTPError(400, "the body may hold for_s, and nothing else")
        for_s = asked.get("for_s")
        if for_s is None:
            return None
        if isinstance(for_s, bool) or not isinstance(for_s, int) or not 0 < for_s <= KEEP_S_MAX:
            raise web.HTTPError(400, "for_s is a whole number of seconds above 0")
        return for_s


class InputHandler(GpuhubHandler):
    def initialize(self, activity: Activity) -> None:
        self.activity = activity

    @web.authenticated
    @authorized
    async def post(self) -> None:
        self.activity.last_input_at = datetime.now(timezone.utc)
        self.set_status(204)
        self.finish()


class ActivityHandler(GpuhubHandler):
    def initialize(self, activity: Activity) -> None:
        self.activity = activity

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.finish(json.dumps(await self.activity.tell()))
