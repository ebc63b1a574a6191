"""The hub as its people see it: the log-in form, the REST API, the pages."""

import html
import re
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from .poll import poll
from .testhost import TestHost

PORT = 18000  # the test host's tunnel to 127.0.0.1:8000
READY_SECONDS = 90


class Refused(AssertionError):
    """The hub did not let somebody in; carries the words of the page."""


def words_of(page: str) -> str:
    """What a person reads on an HTML page, in one line."""
    text = re.sub(r"(?s)<(script|style)\b.*?</\1>", " ", page)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


@dataclass(frozen=True)
class Door:
    """Where people reach the hub: by the tunnel, or at an address and by whose certificates."""

    address: str = ""
    trust: ssl.SSLContext | bool = True


TUNNEL = Door()


@dataclass
class Person:
    """Somebody who is logged in: a browser's cookies and a token for the API."""

    host: TestHost
    name: str
    browser: httpx.Client
    door: Door
    token: str = field(default="", repr=False)

    @property
    def base(self) -> str:
        return self.door.address or f"http://{self.host.address}:{PORT}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def browser_headers(self, path: str) -> dict[str, str]:
        """What a page of ours sends for a path: cookies, their proof, where it is from."""
        cookies = self.browser.build_request("GET", self.base + path).headers.get("cookie", "")
        xsrf = re.search(r"(?:^|; )_xsrf=([^;]+)", cookies)  # the longest path comes first
        return {"Cookie": cookies, "X-XSRFToken": xsrf[1] if xsrf else "", "Origin": self.base}

    def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **more
    ) -> httpx.Response:
        """One call of the REST API or of a server behind the proxy, by the token if nothing else
        is said."""
        return httpx.request(
            method,
            self.base + path,
            headers=headers or self.headers,
            timeout=60,
            follow_redirects=True,
            verify=self.door.trust,
            **more,
        )

    def api(self, method: str, path: str, **more) -> httpx.Response:
        return self.call(method, f"/hub/api{path}", **more)

    def page(self, path: str) -> httpx.Response:
        """A page as the person's browser gets it."""
        return self.browser.get(self.base + path, follow_redirects=True)

    def ask(self, profile: str, server: str = "", user: str = "") -> httpx.Response:
        """Ask for a server; the answer is the hub's, whatever it is."""
        return self.api("POST", server_path(user or self.name, server), json={"profile": profile})

    def ask_with(self, options: object) -> httpx.Response:
        """Ask for the unnamed server with any options, as a program may."""
        return self.api("POST", server_path(self.name, ""), json=options)

    def start(self, profile: str = "one-gpu", server: str = "") -> dict:
        """Ask for a server and wait until it serves."""
        answer = self.ask(profile, server)
        assert answer.status_code in (201, 202), f"{answer.status_code}: {answer.text}"
        return self.await_ready(server)

    def await_ready(self, server: str = "") -> dict:
        def look() -> dict | None:
            model = self.server(server)
            if model is None:
                raise Gone(f"server {self.name}/{server} is not there any more")
            return model

        return poll(
            f"server {self.name}/{server} ready",
            look,
            lambda model: model and model["ready"],
            seconds=READY_SECONDS,
            every=0.25,
        )

    def stop(self, server: str = "") -> httpx.Response:
        return self.api("DELETE", server_path(self.name, server))

    def await_stopped(self, server: str = "", seconds: float = 60) -> None:
        poll(
            f"server {self.name}/{server} stopped",
            lambda: self.server(server),
            lambda model: model is None or (not model["ready"] and not model["pending"]),
            seconds=seconds,
        )

    def server(self, server: str = "", user: str = "") -> dict | None:
        """The hub's model of a server, or None if there is none."""
        answer = self.api("GET", f"/users/{user or self.name}?include_stopped_servers")
        answer.raise_for_status()
        return answer.json()["servers"].get(server)


class Gone(AssertionError):
    """The server that is waited for is not there."""


def server_path(user: str, server: str) -> str:
    return f"/users/{user}/servers/{server}" if server else f"/users/{user}/server"


def log_in(host: TestHost, name: str, password: str, door: Door = TUNNEL) -> Person:
    """Log in by the form, as a browser does. Raises Refused with what the page says."""
    browser = httpx.Client(timeout=60, verify=door.trust)
    person = Person(host, name, browser, door)
    answer = send_form(browser, person.base, name, password)
    if answer.status_code != 302:
        raise Refused(f"{answer.status_code}: {words_of(answer.text)}")
    browser.get(f"{person.base}/hub/home").raise_for_status()
    person.token = _make_token(person)
    return person


def send_form(browser: httpx.Client, base: str, name: str, password: str) -> httpx.Response:
    """Fill in the log-in form at `base`; the answer is the hub's, 302 when it lets one in."""
    form = browser.get(f"{base}/hub/login", follow_redirects=True)
    form.raise_for_status()
    found = re.search(r'name="_xsrf" value="([^"]+)"', form.text)
    assert found, "the log-in form has no _xsrf field"
    data = {"username": name, "password": password, "_xsrf": html.unescape(found[1])}
    return browser.post(f"{base}/hub/login?next=%2Fhub%2Fhome", data=data)


def _make_token(person: Person) -> str:
    xsrf = next(c.value for c in person.browser.cookies.jar if c.name == "_xsrf")
    answer = person.browser.post(
        f"{person.base}/hub/api/users/{person.name}/tokens",
        headers={"X-XSRFToken": str(xsrf)},
        json={"note": "e2e"},
    )
    assert answer.status_code == 201, f"no token: {answer.status_code} {answer.text}"
    return answer.json()["token"]


def at_once[T](*works: Callable[[], T]) -> list[T]:
    """Do several things at the same time; the first failure is raised when all have ended."""
    results: list[T | None] = [None] * len(works)
    wrong: list[BaseException] = []
    gate = threading.Barrier(len(works))

    def one(index: int, work: Callable[[], T]) -> None:
        gate.wait()
        try:
            results[index] = work()
        except BaseException as problem:
            wrong.append(problem)

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return results  # type: ignore[return-value]
