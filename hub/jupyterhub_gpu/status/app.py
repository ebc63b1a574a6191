"""The service put together: routes and limits."""

from __future__ import annotations

import re

from tornado.httpserver import HTTPServer
from tornado.web import Application

from ..idle import SOCKET
from . import PREFIX
from .api import Gpus, Health, Keep, Me, Nothing
from .identity import Service, cookie_options, cookie_secret, hub_oauth
from .judge import Judge
from .pages import STATIC, Asset, Callback, Door, Page, View

HUB_URL = "http://hub:8081"


def make_app(
    api_token: str, *, tls: bool, socket: str = SOCKET, hub_url: str = HUB_URL
) -> Application:
    """The service. `tls`: people come by TLS, so cookies keep to it."""
    service = Service(hub_oauth(api_token, hub_url, tls), Judge(socket))
    known = {"service": service}
    at = re.escape(PREFIX)
    return Application(
        [
            (at, Page, known),
            (at.rstrip("/"), Door, {"url": PREFIX}),
            (f"{at}view", View, known),
            (f"{at}api/me", Me, known),
            (f"{at}api/gpus", Gpus, known),
            (f"{at}api/keep", Keep, known),
            (f"{at}oauth_callback", Callback, known),
            (rf"{at}static/([a-z]+\.[a-z]+)", Asset, {"path": str(STATIC)}),
            ("/health", Health),  # not below the prefix: the proxy does not lead there
        ],
        default_handler_class=Nothing,
        cookie_secret=cookie_secret(api_token),
        xsrf_cookie_kwargs={"httponly": True, **cookie_options(tls)},
        log_function=lambda *_: None,  # what goes wrong is told where it does
    )


def make_server(app: Application) -> HTTPServer:
    """With limits on what is sent to it."""
    return HTTPServer(
        app,
        max_header_size=32 * 1024,
        max_body_size=16 * 1024,
        body_timeout=5.0,
        idle_connection_timeout=60.0,
    )
