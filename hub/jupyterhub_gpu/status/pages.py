"""The page, made here and not in the browser: it shows the state without JavaScript, too.

JavaScript only fetches `view`, the page's inside, every few seconds, counts down, and sends Keep.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jupyterhub.services.auth import HubOAuthCallbackHandler
from tornado.web import HTTPError, RedirectHandler, StaticFileHandler

from . import PREFIX, shown
from .api import JUDGE_AWAY, Api, Json
from .identity import HUB_LIMIT_S, HUB_PREFIX, Caller, Known, Safe
from .judge import JudgeAway, JudgeRefuses

HERE = Path(__file__).parent
STATIC = HERE / "static"
# `style-src` without inline styles, and scripts by a number drawn for each answer: what lies at
# another path of this origin (in somebody's server) is never run here.
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)

log = logging.getLogger("jupyterhub_gpu.status")
pages = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Html(Safe):
    """Errors as a small page."""

    def show(self, template: str, **told: Any) -> None:
        nonce = secrets.token_urlsafe(16)
        self.set_header("Content-Security-Policy", POLICY.format(nonce=nonce))
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        told |= {"nonce": nonce, "prefix": PREFIX, "hub": HUB_PREFIX, "asset": asset}
        self.finish(pages.get_template(template).render(told))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        words = self.words_of(status_code, kwargs.get("exc_info"))
        self.show("error.html", status=status_code, words=words, name="")


class Page(Html, Known):
    """The page. Who is not logged in goes by the hub's log-in and comes back."""

    fetched = ("navigate",)  # a script of another server's page, on this origin, must not read it

    async def get(self) -> None:
        if self.caller is None:
            self.redirect(self.get_login_url())
            return
        view = await look(self.caller, self)
        token = self.xsrf_token.decode()
        self.show("page.html", name=self.caller.name, xsrf_token=token, **view)


class Door(Safe, RedirectHandler):
    """The page's address without its last slash."""


class View(Api):
    """The page's inside, for its script."""

    async def get(self) -> None:
        view = await look(self.person, self)
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(pages.get_template("view.html").render(**view))


async def look(caller: Caller, handler: Known) -> dict[str, Any]:
    """What the page shows of one person. A judge that is away is said on the page."""
    judge = handler.service.judge
    try:
        async with asyncio.TaskGroup() as tasks:
            person = tasks.create_task(judge.person(caller.name))
            gpus = tasks.create_task(judge.gpus(caller.name, caller.groups))
    except BaseExceptionGroup as errors:
        if errors.split((JudgeAway, JudgeRefuses))[1]:
            raise
        log.warning("The judge was not to be asked: %s", errors.exceptions[0])
        return {"away": JUDGE_AWAY, "servers": [], "gpus": [], "history": []}
    now = datetime.now(UTC)
    told, machine = person.result(), gpus.result()
    return {
        "away": "",
        "servers": [shown.Server.of(each, machine) for each in told.servers],
        "gpus": [shown.Gpu.of(each, caller.name) for each in machine],
        "history": [shown.Past.of(each, now) for each in told.history],
    }


class Callback(HubOAuthCallbackHandler, Html, Known):
    """Where the hub sends a browser after the log-in."""

    fetched = ("navigate",)

    async def get(self) -> None:
        try:
            async with asyncio.timeout(HUB_LIMIT_S):
                await HubOAuthCallbackHandler.get(self)
        except TimeoutError as error:
            text = "The hub does not answer just now."
            raise HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, text) from error


class Asset(Json, StaticFileHandler):
    """The page's own script and style: the same for all, so no identity."""

    def set_extra_headers(self, path: str) -> None:  # noqa: ARG002  # tornado's
        self.set_header("Cache-Control", "public, max-age=86400, immutable")


def asset(name: str) -> str:
    """The address of a file of ours, another one when the file is another."""
    version = StaticFileHandler.get_content_version(str(STATIC / name))[:16]
    return f"{PREFIX}static/{name}?v={version}"
