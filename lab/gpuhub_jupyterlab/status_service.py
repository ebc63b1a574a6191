"""The GPU status service (GPUHUB_STATUS_URL), asked with this server's own token.

All open tabs together cost one call in CACHED_S. A failure has words that a page can show:
`{"error": "unreachable" | "refused", "message": …}`, with 502 (of which jupyter_server logs one
line, and more of any other) or the 4xx it refused with.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tornado.httpclient import HTTPRequest, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient

CACHED_S = 2.0
TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 256 * 1024
WORDS_MAX = 300
SILENT = "The GPU status service does not answer."
NONSENSE = "The GPU status service answers with something else than it should."
NO_ENTRY = "The GPU status service does not know this server's token; a restart of it helps."
REFUSED = "The GPU status service refuses that."


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]


OFF = Answer(200, {"enabled": False})


def failed(status: int, error: str, message: str) -> Answer:
    return Answer(status, {"enabled": True, "error": error, "message": message})


class StatusService:
    """For one event loop. `url` None: switched off, and nothing is ever asked."""

    def __init__(
        self,
        url: str | None,
        token: str,
        server: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._token = token
        self._server = server
        self._clock = clock
        self._client: SimpleAsyncHTTPClient | None = None
        self._asking: asyncio.Task[Answer] | None = None
        self._kept: tuple[float, Answer] | None = None
        self._keeps = 0  # an answer that was asked for before a Keep is old after it

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "StatusService":
        url = environment.get("GPUHUB_STATUS_URL", "").rstrip("/")
        token = environment.get("JUPYTERHUB_API_TOKEN", "")
        on = token and urlsplit(url).scheme in ("http", "https")
        return cls(url if on else None, token, environment.get("JUPYTERHUB_SERVER_NAME", ""))

    async def status(self) -> Answer:
        """`{"enabled": true, "server": SERVER | null}`; null: nobody has looked at it yet."""
        if self._url is None:
            return OFF
        if self._kept and self._clock() - self._kept[0] < CACHED_S:
            return self._kept[1]
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(lambda _: setattr(self, "_asking", None))
        return await asyncio.shield(self._asking)  # a tab that goes away takes no other's answer

    async def keep(self, for_s: int | None) -> Answer:
        if self._url is None:
            return failed(404, "refused", "This server has no GPU status service.")
        asked: dict[str, Any] = {"server": self._server}
        if for_s is not None:
            asked["for_s"] = for_s
        answer = await self._fetch("POST", "api/keep", json.dumps(asked))
        if answer.status == 200:
            answer = told(answer.body)
        self._keeps, self._kept = self._keeps + 1, None  # if it failed, too: it may be done
        return answer

    async def _ask(self) -> Answer:
        keeps = self._keeps
        answer = await self._fetch("GET", "api/me", None)
        if answer.status == 200:
            answer = self._own(answer.body)
        elif answer.status == 404:
            answer = Answer(200, {"enabled": True, "server": None})
        elif answer.status < 500:
            answer = failed(502, "unreachable", answer.body["message"])
        if keeps == self._keeps:
            self._kept = (self._clock(), answer)
        return answer

    def _own(self, body: dict[str, Any]) -> Answer:
        servers = body.get("servers")
        if not isinstance(servers, list) or not all(isinstance(one, dict) for one in servers):
            return failed(502, "unreachable", NONSENSE)
        own = next((one for one in servers if one.get("server") == self._server), None)
        return Answer(200, {"enabled": True, "server": own})

    async def _fetch(self, method: str, path: str, body: str | None) -> Answer:
        """200 with an object, or a failure in words. Never raises, never follows a redirect."""
        if self._client is None:
            # Not AsyncHTTPClient(): what others configure for the process must not matter here.
            self._client = SimpleAsyncHTTPClient(
                force_instance=True, max_body_size=ANSWER_BYTES_MAX
            )
        request = HTTPRequest(
            f"{self._url}/{path}",
            method=method,
            headers={
                "Authorization": f"token {self._token}",
                "Accept": "application/json",
                "Content-Type": "application/json",
            },
            body=body,
            connect_timeout=TIMEOUT_S,
            request_timeout=TIMEOUT_S,
            follow_redirects=False,
        )
        try:
            response = await self._client.fetch(request, raise_error=False)
        except Exception:  # noqa: BLE001 (whatever the network or the other side comes up with)
            return failed(502, "unreachable", SILENT)
        return read(response)


def told(server: dict[str, Any]) -> Answer:
    if not isinstance(server.get("server"), str):
        return failed(502, "unreachable", NONSENSE)
    return Answer(200, {"enabled": True, "server": server})


def read(response: HTTPResponse) -> Answer:
    code = response.code
    if code == 599:  # tornado's own: no connection, no answer in time, too long an answer
        return failed(502, "unreachable", SILENT)
    if code in (401, 403):
        return failed(502, "refused", NO_ENTRY)
    try:
        body = json.loads(response.body or b"")
    except ValueError:
        body = None
    if code == 200 and isinstance(body, dict):
        return Answer(200, body)
    if code in (400, 404, 409, 429):
        words = body.get("detail") if isinstance(body, dict) else None
        words = words if isinstance(words, str) and words else REFUSED
        return failed(code, "refused", words[:WORDS_MAX])
    if code in (502, 503, 504):
        return failed(502, "unreachable", SILENT)
    return failed(502, "unreachable", NONSENSE)
