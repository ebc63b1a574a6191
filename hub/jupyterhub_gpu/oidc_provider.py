"""An OpenID provider's own description of itself, and what it means when it cannot be asked.

Read once it is needed, kept for an hour, and believed only if it is the provider's that was named.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from tornado.httpclient import HTTPClientError

from .trust import Fault, fault_of

KEPT_S = 3600.0
WELL_KNOWN = "/.well-known/openid-configuration"


class Kind(StrEnum):
    """Why the provider cannot be asked, to be read after "the log-in service"."""

    UNREACHABLE = "cannot be reached"
    SILENT = "does not answer"
    UNTRUSTED = f"cannot be asked: its certificate {Fault.UNTRUSTED}"
    OTHER_NAME = f"cannot be asked: its certificate {Fault.OTHER_NAME}"
    EXPIRED = f"cannot be asked: its certificate {Fault.EXPIRED}"
    FAILS = "does not work as it should"
    ACCOUNT = "refuses this hub"


class ProviderAway(Exception):
    """The provider cannot be asked. `kind` is for people, str() for the admin's log."""

    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True)
class Provider:
    """Where to send people and ask about them."""

    issuer: str
    authorize_url: str
    token_url: str
    userinfo_url: str | None
    secret_in_body: bool  # how the hub shows its secret to token_url; else by Basic


def parse(told: Any, issuer: str) -> Provider:
    """Raises ProviderAway for what is not the description of `issuer`, or not by https."""
    if not isinstance(told, dict):
        raise ProviderAway(Kind.FAILS, f"{issuer}{WELL_KNOWN} is not a JSON object")
    if told.get("issuer") != issuer:
        raise ProviderAway(
            Kind.FAILS,
            f"{issuer} calls itself {told.get('issuer')!r}: write it so in gpuhub.toml",
        )
    methods = told.get("token_endpoint_auth_methods_supported")
    return Provider(
        issuer=issuer,
        authorize_url=_url(told, "authorization_endpoint"),
        token_url=_url(told, "token_endpoint"),
        userinfo_url=_url(told, "userinfo_endpoint") if told.get("userinfo_endpoint") else None,
        secret_in_body=isinstance(methods, list) and "client_secret_post" in methods,
    )


def _url(told: dict[str, Any], key: str) -> str:
    url = told.get(key)
    if not isinstance(url, str) or not is_https(url):
        raise ProviderAway(Kind.FAILS, f"{key} is {url!r}, not an https address")
    return url


def is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)


def why_away(error: BaseException) -> ProviderAway:
    """What a failed request means."""
    fault = fault_of(error)
    text = str(error) or type(error).__name__
    if fault is not None:
        return ProviderAway(Kind[fault.name], text)
    if isinstance(error, HTTPClientError) and error.code != 599:
        return ProviderAway(Kind.FAILS, text)
    if isinstance(error, ValueError):  # JSON
        return ProviderAway(Kind.FAILS, text)
    if isinstance(error, TimeoutError) or "imeout" in text:
        # tornado says "while connecting" for a port that never answers as well
        return ProviderAway(Kind.SILENT, text)
    if isinstance(error, OSError | socket.gaierror):
        return ProviderAway(Kind.UNREACHABLE, text)
    return ProviderAway(Kind.UNREACHABLE, f"{type(error).__name__}: {text}")


class Discovery:
    """The provider of `issuer`, asked by `fetch` (raises ProviderAway) when it is needed."""

    def __init__(self, issuer: str, fetch: Callable[[str], Awaitable[Any]]) -> None:
        self.issuer = issuer
        self._fetch = fetch
        self._known: Provider | None = None
        self._read_at = 0.0

    async def provider(self) -> Provider:
        """Raises ProviderAway, but not while an older description is known."""
        if self._known is not None and time.monotonic() - self._read_at < KEPT_S:
            return self._known
        try:
            told = await self._fetch(self.issuer.rstrip("/") + WELL_KNOWN)
            self._known = parse(told, self.issuer)
        except ProviderAway:
            if self._known is None:
                raise
        self._read_at = time.monotonic()
        assert self._known is not None  # noqa: S101
        return self._known
