"""A gpu-allocator process of a test: its folder, its sockets, and verbs to ask it things."""

import http.client
import json
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

LISTED = """
[gpus]
source = "listed"
[[gpus.listed]]
uuid = "card-0"
model = "Card"
memory_mib = 1024
devices = ["/dev/card0"]
[[gpus.listed]]
uuid = "card-1"
model = "Card"
memory_mib = 1024
devices = ["/dev/card1"]
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> dict:
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.json["status"] == self.status
        return self.json["type"].removeprefix("urn:gpuhub:problem:")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("allocator", timeout=20)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def call(
    path: str, method: str, target: str, body: object = None, raw: bytes | None = None
) -> Answer:
    """One request on a connection of its own. `raw` is sent as it is."""
    payload = raw if raw is not None else None if body is None else json.dumps(body).encode()
    with closing(_UnixConnection(path)) as connection:
        with suppress(BrokenPipeError):  # a body too large is answered before all of it was sent
            connection.request(method, target, payload)
        reply = connection.getresponse()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, headers, reply.read().decode())


class Running:
    """One daemon after another over one store."""

    def __init__(self, binary: str, config: str = LISTED) -> None:
        self.binary = binary
        self.folder = tempfile.TemporaryDirectory(prefix="gpuhub-")
        self.place = Path(self.folder.name)
        self.engine_socket = str(self.place / "docker.sock")
        self.admin = str(self.place / "admin.sock")
        self.hub = str(self.place / "hub.sock")
        self.process: subprocess.Popen | None = None
        self.configure(config)

    def configure(self, text: str) -> None:
        (self.place / "gpuhub.toml").write_text(text)

    def arguments(self, *more: str) -> list[str]:
        paths = {"config": "gpuhub.toml", "store": "ledger.sqlite", "docker-socket": "docker.sock",
                 "admin-socket": "admin.sock", "hub-socket": "hub.sock"}
        told = [f"--{name}={self.place / file}" for name, file in paths.items()]
        return [self.binary, *told, "--host-name=h1", *more]

    def start(self, *more: str, ready: bool = True) -> None:
        with (self.place / "log").open("ab") as log:
            self.process = subprocess.Popen(self.arguments(*more), stderr=log)
        if ready:
            self.poll("ready", lambda: self.get("/readyz").status == 200)

    def poll(self, what: str, good, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while True:
            try:
                if good():
                    return
            except (OSError, http.client.HTTPException):
                pass
            if time.monotonic() > deadline:
                raise AssertionError(f"not in {seconds} s: {what}\n{self.log()}")
            time.sleep(0.02)

    def log(self) -> str:
        return (self.place / "log").read_text()

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()
        self.folder.cleanup()

    # ---- asking ----
    def get(self, target: str, socket_path: str = "") -> Answer:
        return call(socket_path or self.admin, "GET", target)

    def ask(
        self, user: str, gpus: dict, request_id: str, *, socket_path: str = "", **more: object
    ) -> Answer:
        body = {"request_id": request_id, "owner": {"user": user}, "gpus": gpus} | more
        return call(socket_path or self.hub, "POST", "/v1/leases", body)

    def bind(self, lease: dict, container: str) -> Answer:
        body = {"container": container, "epoch": lease["epoch"]}
        return call(self.hub, "POST", f"/v1/leases/{lease['id']}/bind", body)

    def release(self, lease: dict) -> Answer:
        return call(self.hub, "DELETE", f"/v1/leases/{lease['id']}")

    def renew(self, lease: dict) -> Answer:
        return call(self.hub, "POST", f"/v1/leases/{lease['id']}/renew")

    def lease(self, lease: dict) -> dict:
        return self.get(f"/v1/leases/{lease['id']}").json
