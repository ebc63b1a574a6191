"""The real hub and proxy alone, for log-ins: no test host, no allocator, no notebooks.

Its settings come from a gpuhub.toml by the allocator's own --export, and the files that it names
are put where `up` puts them. People come by https://hub.example.org, as through a reverse proxy.
"""

import html
import json
import re
import secrets
import shlex

import httpx

from . import engine
from .container import Container
from .engine import docker, image
from .hub import Refused, send_form, words_of
from .poll import poll

PLACE = "https://hub.example.org"
SECRETS = "/run/secrets-hub"
OWN_SECRETS = ("cookie_secret", "crypt_key", "status_token")
SETTINGS = "/etc/gpuhub"
COPIES = {  # where the hub finds what a variable of compose.env names
    "GPUHUB_DIRECTORY_PASSWORD_FILE": f"{SECRETS}/directory_password",
    "GPUHUB_OIDC_SECRET_FILE": f"{SECRETS}/oidc_client_secret",
    "GPUHUB_DIRECTORY_CA_FILE": f"{SETTINGS}/directory-ca.pem",
    "GPUHUB_OIDC_CA_FILE": f"{SETTINGS}/oidc-ca.pem",
}
EXPORT = "cat > /tmp/gpuhub.toml && gpu-allocator --config /tmp/gpuhub.toml --export /tmp >&2"
OF_THE_TESTS = """
import os, socketserver, threading
# An engine that answers to nobody, so that the hub does not wait for one.
def refuse(request, client, server): request.sendall(b"HTTP/1.0 503 no engine\\r\\n\\r\\n")
os.makedirs("/var/run", exist_ok=True)
engine = socketserver.ThreadingUnixStreamServer("/var/run/docker.sock", refuse)
engine.handle_error = lambda *about: None  # who only looks whether it is there
threading.Thread(target=engine.serve_forever, daemon=True).start()
c.JupyterHub.services.append({{"name": "tests", "api_token": "{token}"}})
scopes = ["list:users", "admin:users", "admin:auth_state"]
c.JupyterHub.load_roles.append({{"name": "tests", "services": ["tests"], "scopes": scopes}})
"""


def export(toml: str) -> tuple[str, dict[str, str]]:
    """hub.json's text and the variables of compose.env, as `up` gets them."""
    script = f"{EXPORT} && cat /tmp/compose.env && echo @@ && cat /tmp/hub.json"
    place = ["--rm", "-i", "--label", engine.RUN_LABEL, "--network", "none"]
    said = docker("run", *place, image("allocator"), "sh", "-c", script, stdin=toml).out
    environment, hub_json = said.split("@@\n", 1)
    lines = [x for x in environment.splitlines() if x and not x.startswith("#")]
    pairs = (line.split("=", 1) for line in lines)
    return hub_json, {name: "".join(shlex.split(value)) for name, value in pairs}


class ReverseProxy(httpx.HTTPTransport):
    """Ends the TLS of PLACE, so to speak, and passes on to the hub's proxy."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme="http", host=self.address, port=8000)
        passed = request.headers.copy()
        passed["X-Forwarded-Proto"] = "https"
        onward = httpx.Request(request.method, url, headers=passed, stream=request.stream)
        return super().handle_request(onward)


class LoneHub:
    """One running hub. `files` are those of the host, by the paths that the TOML names."""

    def __init__(
        self, name: str, toml: str, files: dict[str, str], options: tuple[str, ...] = ()
    ) -> None:
        self.token = secrets.token_hex(16)
        hub_json, self.environment = export(toml)
        self.settings = json.loads(hub_json)
        proxy_token = secrets.token_hex(32)
        hosts = ["--add-host", "proxy:127.0.0.1", "--add-host", "hub:127.0.0.1"]
        place = ["--network", engine.NETWORK, *hosts]
        self.proxy = Container(f"{name}-proxy", image("proxy"), options=place)
        self.proxy.put({"/run/secrets-proxy/token": proxy_token}, mode=0o644)
        self.proxy.start()
        closed = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        closed += ["-e", f"GPUHUB_VERSION={engine.VERSION}"]
        place = ["--network", f"container:{self.proxy.id}", *closed, *options]
        self.hub = Container(f"{name}-hub", image("hub"), options=place, init=False)
        self.hub.put({
            f"{SETTINGS}/hub.json": hub_json,
            f"{SETTINGS}/hub.d/90-tests.py": OF_THE_TESTS.format(token=self.token),
            f"{SECRETS}/proxy_token": proxy_token,
            **{f"{SECRETS}/{x}": secrets.token_hex(32) for x in OWN_SECRETS},
            **self._copies(files),
        })  # fmt: skip
        self.hub.start()
        self.address = self.proxy.address
        try:
            self._await_ready()
        except BaseException:
            self.remove()
            raise

    def _copies(self, files: dict[str, str]) -> dict[str, str]:
        named = {place: self.environment.get(variable) for variable, place in COPIES.items()}
        return {place: files[path] for place, path in named.items() if path}

    def _await_ready(self) -> None:
        state = ("inspect", "-f", "{{.State.Status}}", self.hub.id)

        def look() -> str:
            seen = docker(*state).out.strip()
            return f"health {self.health().status_code}" if seen == "running" else seen

        good = ("health 200", "exited")
        seen = poll(f"{self.hub.name} serves", look, lambda seen: seen in good, seconds=60)
        if seen == "exited":
            raise Ended(f"the hub has ended:\n{self.hub.log()[-4000:]}")

    def browser(self, **more) -> httpx.Client:
        """A browser that comes to PLACE, without cookies yet."""
        return httpx.Client(mounts={PLACE: ReverseProxy(self.address)}, timeout=30, **more)

    def health(self) -> httpx.Response:
        with self.browser() as browser:
            return browser.get(f"{PLACE}/hub/health")

    def log_in(self, name: str, password: str) -> str:
        """The name that the hub knows the person by. Raises Refused with what the page says."""
        with self.browser() as browser:
            answer = send_form(browser, PLACE, name, password)
            if answer.status_code != 302:
                raise Refused(f"{answer.status_code}: {words_of(answer.text)}")
            return name_in(browser)

    def api(self, method: str, path: str, **more) -> httpx.Response:
        """The REST API, by a token of the tests."""
        headers = {"Authorization": f"token {self.token}"}
        with self.browser(headers=headers) as browser:
            return browser.request(method, f"{PLACE}/hub/api{path}", **more)

    def form(self, browser: httpx.Client, path: str, **fields: str) -> httpx.Response:
        """Fill in a form of the hub's pages in a browser, whatever comes of it."""
        page = browser.get(f"{PLACE}{path}", follow_redirects=True)
        found = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        xsrf = html.unescape(found[1]) if found else browser.cookies.get("_xsrf", path="/hub/")
        return browser.post(f"{PLACE}{path}", data=fields | {"_xsrf": xsrf or ""})

    def user(self, name: str) -> dict:
        answer = self.api("GET", f"/users/{name}")
        assert answer.status_code == 200, f"{name}: {answer.status_code} {answer.text}"
        return answer.json()

    def users(self) -> set[str]:
        """Whoever has ever got in."""
        return {user["name"] for user in self.api("GET", "/users").json()}

    def evidence(self) -> str:
        return self.hub.log()

    def remove(self) -> None:
        self.hub.remove()
        self.proxy.remove()


class Ended(AssertionError):
    """The hub did not come up; carries its log."""


def name_in(browser: httpx.Client) -> str:
    """Who a browser is logged in as."""
    home = browser.get(f"{PLACE}/hub/home", follow_redirects=True)
    home.raise_for_status()
    found = re.search(r"""\buser:\s*"([^"]*)""", home.text)
    assert found, f"no name on the page: {words_of(home.text)[:300]}"
    return json.loads(f'"{found[1]}"')
