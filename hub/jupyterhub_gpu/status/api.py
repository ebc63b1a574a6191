"""The API: JSON, always about the caller himself. Without an identity 403, and no redirect."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from tornado.web import HTTPError

from .identity import NO_IDENTITY, Caller, Known, Safe
from .judge import JudgeAway, JudgeRefuses
from .wish import BadWish, Wish

JUDGE_AWAY = (
    "What your servers do cannot be told just now. They go on. Please try again in a minute."
)
READ, WRITE = ("GET", "HEAD"), ("POST",)

log = logging.getLogger("jupyterhub_gpu.status")


class Json(Safe):
    """Errors as JSON: `{"detail": "…"}`."""

    def tell(self, told: dict[str, Any]) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(told))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        self.tell({"detail": self.words_of(status_code, kwargs.get("exc_info"))})


class Api(Json, Known):
    """One call. What goes wrong with the judge ends in words here."""

    fetched = ("cors", "same-origin", "navigate")

    @property
    def person(self) -> Caller:
        if self.caller is None:
            raise HTTPError(HTTPStatus.FORBIDDEN, NO_IDENTITY)
        return self.caller

    async def prepare(self) -> None:
        await super().prepare()
        _ = self.person
        if self.request.method not in READ:
            self.check_xsrf_cookie()  # of a browser only; who has a token needs none

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, (JudgeAway, JudgeRefuses)):
            super().log_exception(typ, value, tb)

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, JudgeAway):
            log.warning("The judge was not to be asked: %s", error)
            status_code = HTTPStatus.SERVICE_UNAVAILABLE
        elif isinstance(error, JudgeRefuses):
            status_code = error.status
        super().send_error(status_code, **kwargs)

    def words_of(self, status: int, exc_info: Any) -> str:
        error = exc_info[1] if exc_info else None
        if isinstance(error, JudgeAway):
            return JUDGE_AWAY
        if isinstance(error, JudgeRefuses):
            return error.detail
        return super().words_of(status, exc_info)


class Me(Api):
    """`GET api/me`: who I am, my servers, my history."""

    async def get(self) -> None:
        me = self.person
        known = await self.service.judge.person(me.name)
        told: dict[str, Any] = {"name": me.name}
        if not me.by_token:
            told["xsrf_token"] = self.xsrf_token.decode()
        self.tell({**told, "servers": known.servers, "history": known.history})


class Gpus(Api):
    """`GET api/gpus`: the machine's GPUs, with the names that I may see."""

    async def get(self) -> None:
        me = self.person
        self.tell({"gpus": await self.service.judge.gpus(me.name, me.groups)})


class Keep(Api):
    """`POST api/keep`: one of my servers is not to be ended for idleness for a while."""

    async def post(self) -> None:
        me = self.person
        try:
            wish = Wish.parse(self.request.body)
        except BadWish as error:
            raise HTTPError(
                HTTPStatus.BAD_REQUEST, f"The request is not right: {error}."
            ) from error
        kept = await self.service.judge.keep(me.name, wish.server, wish.for_s)
        log.info("%r keeps his server %r", me.name, wish.server)
        self.tell(kept)


class Health(Json):
    """For the container's health check: that the service serves, whoever else is away."""

    def get(self) -> None:
        self.tell({"ok": True})


class Nothing(Json):
    """All other paths."""

    def prepare(self) -> None:
        raise HTTPError(HTTPStatus.NOT_FOUND, "There is nothing here.")
