"""Who asks: what the hub says of him, and nothing that the request says of itself.

The base of all handlers that tell of people. A caller comes with a token of his own (his server's,
say) or as a browser with this service's cookie, which the hub's OAuth has given it. A browser
proves besides, by the XSRF token, that one of our pages asks, and not one of another person's
server: all share one origin.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from jupyterhub.services.auth import HubOAuth, HubOAuthenticated, UserNotAllowed
from tornado.web import HTTPError, RequestHandler

from . import PREFIX, SCOPE, SERVICE
from .judge import Judge

HUB_PREFIX = "/hub/"
HUB_LIMIT_S = 8.0
# How long the hub's word counts. Short: who is locked out is out soon; polls are every 5 s.
BELIEVED_S = 30
HUB_AWAY = "The hub does not answer just now. Please try again in a minute."
NO_IDENTITY = (
    "Not logged in, or not asked by a page of this service. Log in at the hub, then load the page "
    "anew."
)

log = logging.getLogger("jupyterhub_gpu.status")


@dataclass(frozen=True)
class Caller:
    """A person, as the hub names him."""

    name: str
    groups: list[str]
    by_token: bool


@dataclass(frozen=True)
class Service:
    """What all handlers share."""

    auth: HubOAuth
    judge: Judge


def hub_oauth(api_token: str, hub_url: str, tls: bool) -> HubOAuth:
    """The hub's word, for this service. `hub_url` is where the hub is asked, without a path."""
    return HubOAuth(
        api_token=api_token,
        api_url=f"{hub_url}{HUB_PREFIX}api",
        base_url=PREFIX,
        hub_prefix=HUB_PREFIX,
        oauth_client_id=f"service-{SERVICE}",
        access_scopes={SCOPE},
        allow_token_in_url=False,
        allow_websocket_cookie_auth=False,
        cache_max_age=BELIEVED_S,
        cookie_options=cookie_options(tls),
    )


def cookie_options(tls: bool) -> dict[str, Any]:
    """Where there is TLS, by us or in front of us, browsers send cookies by it only."""
    return {"samesite": "Lax", **({"secure": True} if tls else {})}


def cookie_secret(api_token: str) -> bytes:
    """Cookies outlive a restart of the service, and nothing more has to be kept for that."""
    return hmac.new(api_token.encode(), b"cookies of the status service", hashlib.sha256).digest()


class Safe(RequestHandler):
    """The headers of every answer."""

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")

    def _request_summary(self) -> str:
        """As tornado's, for the log; without the query, which holds a code after a log-in."""
        return f"{self.request.method} {self.request.path} ({self.request.remote_ip})"

    def words_of(self, status: int, exc_info: Any) -> str:
        """What is told of an error: what was meant to be told, else only its kind."""
        error = exc_info[1] if exc_info else None
        if isinstance(error, HTTPError) and error.log_message and not error.args:
            return error.log_message.replace("%%", "%")
        try:
            return f"{HTTPStatus(status).phrase}."
        except ValueError:
            return "It did not work."


class Known(HubOAuthenticated, Safe):
    """A handler that knows who asks; `self.caller` is None for nobody."""

    service: Service
    caller: Caller | None
    # How browsers may fetch it, as they say themselves (Sec-Fetch-Mode); others do not say it.
    fetched: tuple[str, ...] = ()

    def initialize(self, service: Service) -> None:
        self.service, self.hub_auth = service, service.auth

    async def prepare(self) -> None:
        self.caller = self.current_user = None
        mode = self.request.headers.get("Sec-Fetch-Mode")
        if mode is not None and mode not in self.fetched:
            raise HTTPError(HTTPStatus.FORBIDDEN, "This is not to be fetched in this way.")
        model = await self._identify()
        if model is None:
            return
        self.current_user = model
        self.caller = Caller(
            name=str(model["name"]),
            groups=[str(group) for group in model.get("groups") or ()],
            by_token=bool(getattr(self, "_token_authenticated", False)),
        )

    async def _identify(self) -> dict[str, Any] | None:
        """The hub's model of the caller; None for nobody. Raises HTTPError."""
        try:
            # asked here, not by `current_user`, which would hold up everybody until the hub answers
            async with asyncio.timeout(HUB_LIMIT_S):
                model = await self.hub_auth.get_user(self, sync=False)
        except (TimeoutError, HTTPError) as error:
            log.warning("The hub was not to be asked: %s", error or type(error).__name__)
            raise HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, HUB_AWAY) from error
        if model is None:
            return None
        if model.get("kind") != "user" or not model.get("name"):
            raise HTTPError(HTTPStatus.FORBIDDEN, "This is for people, not for services.")
        try:
            self.check_hub_user(model)
        except UserNotAllowed as error:
            text = f"Neither you nor your token may use this: it needs {SCOPE}."
            raise HTTPError(HTTPStatus.FORBIDDEN, text) from error
        return dict(model)
