"""The judge's small HTTP API, on a unix socket that only root may use.

For the status service, which has found out who asks: nobody's right is checked here.
"""

from __future__ import annotations

import json
import logging
import os
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tornado import web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket

from jupyterhub_gpu.allocator import AllocatorClient, AllocatorError, Problem

from . import KEEP_MOST_S, view
from .hub_api import HubSilent
from .judge import Ending, Judge
from .rule import CannotKeep

BODY_BYTES, HEAD_BYTES = 4096, 64 * 1024
NAME_MAX = 1024
PATIENCE_S = 1.0
HISTORY_READ = 100  # some of them were never granted, and are not shown

log = logging.getLogger("jupyterhub_gpu.idle")


class Refused(web.HTTPError):
    """`detail` is for the one who asked."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.detail = detail


class Handler(web.RequestHandler):
    """JSON in and out; what goes wrong is `{"detail"}`."""

    def initialize(self, judge: Judge, allocator: AllocatorClient) -> None:
        self.judge, self.allocator = judge, allocator

    def tell(self, told: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(told))

    def write_error(self, status_code: int, **more: Any) -> None:
        error = (more.get("exc_info") or (None, None))[1]
        detail = getattr(error, "detail", None)
        self.tell({"detail": detail or HTTPStatus(status_code).phrase})

    def check_name(self, told: object, what: str) -> str:
        if not isinstance(told, str) or len(told) > NAME_MAX or not told.isprintable():
            raise Refused(HTTPStatus.BAD_REQUEST, f"{what} is not a name")
        return told

    def name(self, quoted: str) -> str:
        if quoted in (".", ".."):  # which a URL cannot name
            raise Refused(HTTPStatus.NOT_FOUND, "no such person")
        return self.check_name(quoted, "the person")


class People(Handler):
    """GET /people/NAME: a person's servers and history."""

    async def get(self, quoted: str) -> None:
        name = self.name(quoted)
        try:
            found = await self.judge.servers_of(name)
        except HubSilent as error:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the hub does not answer") from error
        if found is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such person")
        servers = [view.server(each, self.judge.clock) for each in found]
        self.tell({"name": name, "servers": servers, "history": await self._history(name)})

    async def _history(self, name: str) -> list[dict[str, Any]]:
        """Empty where the allocator does not answer."""
        try:
            leases = await self.allocator.leases(
                "ended", name, patience_s=PATIENCE_S, limit=HISTORY_READ
            )
        except AllocatorError as error:
            log.warning("No history of %s: %s", name, error)
            return []
        store = self.judge.store
        profiles = {lease.id: store.profile_of(lease.id) for lease in leases}
        return view.history(leases, store.ends_of(name), profiles)


class Servers(Handler):
    """GET /servers: everybody's, by name; for an admin at the machine."""

    async def get(self) -> None:
        await self.judge.look_at_all(self.judge.every_s * 1.5)
        found = sorted(self.judge.judged.items())
        self.tell({"servers": [
            {"user": user, **view.server(each, self.judge.clock)} for (user, _), each in found
        ]})  # fmt: skip


class Keep(Handler):
    """POST /people/NAME/keep: one of a person's servers does not end for a while."""

    async def post(self, quoted: str) -> None:
        name = self.name(quoted)
        server, for_s = self._asked()
        try:
            kept = await self.judge.keep(name, server, for_s)
        except HubSilent as error:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "the hub does not answer") from error
        except (CannotKeep, Ending) as error:
            raise Refused(HTTPStatus.CONFLICT, str(error)) from error
        if kept is None:
            raise Refused(HTTPStatus.NOT_FOUND, "no such server")
        self.tell(view.server(kept, self.judge.clock))

    def _asked(self) -> tuple[str, int | None]:
        try:
            told = json.loads(self.request.body)
        except (ValueError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is not JSON") from error
        if not isinstance(told, dict) or told.keys() - {"server", "for_s"}:
            raise Refused(HTTPStatus.BAD_REQUEST, "the body is {server, for_s}")
        server, for_s = self.check_name(told.get("server"), "server"), told.get("for_s")
        if for_s is None:
            return server, None
        whole = isinstance(for_s, int) and not isinstance(for_s, bool)
        if not whole or not 1 <= for_s <= KEEP_MOST_S:
            raise Refused(HTTPStatus.BAD_REQUEST, f"for_s is a whole number, 1 to {KEEP_MOST_S}")
        return server, for_s


class Gpus(Handler):
    """GET /gpus?user=NAME&groups=a,b: the allocator's answer, as that person may see it."""

    async def get(self) -> None:
        user = self.check_name(self.get_query_argument("user"), "user")
        groups = self.get_query_argument("groups", "")
        try:
            self.tell(await self.allocator.gpus_for(user, groups, patience_s=PATIENCE_S))
        except Problem as error:
            raise Refused(error.status, error.detail or error.title) from error
        except AllocatorError as error:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "the allocator does not answer"
            ) from error


def application(judge: Judge, allocator: AllocatorClient) -> web.Application:
    parts = {"judge": judge, "allocator": allocator}
    routes = [
        (r"/people/([^/]+)", People, parts),
        (r"/people/([^/]+)/keep", Keep, parts),
        (r"/servers", Servers, parts),
        (r"/gpus", Gpus, parts),
    ]
    return web.Application(routes, log_function=_log, default_handler_class=Unknown,
                           default_handler_args=parts)  # fmt: skip


class Unknown(Handler):
    def prepare(self) -> None:
        raise Refused(HTTPStatus.NOT_FOUND, "no such path")


def _log(handler: web.RequestHandler) -> None:
    status = handler.get_status()
    level = logging.WARNING if status >= HTTPStatus.INTERNAL_SERVER_ERROR else logging.DEBUG
    log.log(level, "%s %s: %d", handler.request.method, handler.request.path, status)


def listen(app: web.Application, path: Path) -> HTTPServer:
    """Serve on a socket of its own, which only root may use. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    server = HTTPServer(
        app, max_body_size=BODY_BYTES, max_header_size=HEAD_BYTES, body_timeout=10,
        idle_connection_timeout=60,
    )  # fmt: skip
    before = os.umask(0o177)
    try:
        socket = bind_unix_socket(str(path), mode=0o600)
    finally:
        os.umask(before)
    server.add_socket(socket)
    return server
