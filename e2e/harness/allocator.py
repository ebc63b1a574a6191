"""The allocator of a test host, by its admin socket and by gpuctl."""

import json
from dataclasses import dataclass

from .poll import poll
from .testhost import TestHost

SOCKET = "/var/lib/docker/volumes/gpuhub_run-admin/_data/allocator.sock"
HUB_SOCKET = "/var/lib/docker/volumes/gpuhub_run-hub/_data/allocator.sock"
CONTAINER = "gpuhub-allocator-1"


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def json(self) -> dict:
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        """The slug of a problem, or "" if it is none."""
        kind = self.json.get("type", "") if self.text.startswith("{") else ""
        return kind.removeprefix("urn:gpuhub:problem:") if kind.startswith("urn:gpuhub:") else ""


class Allocator:
    """Speaks for the admin."""

    def __init__(self, host: TestHost, socket: str = SOCKET) -> None:
        self.host = host
        self.socket = socket

    def call(self, method: str, path: str, body: object = None, raw: str | None = None) -> Answer:
        """One request. `raw` is sent as it is, for bodies that are no JSON."""
        text = raw if raw is not None else None if body is None else json.dumps(body)
        command = ["curl", "-sS", "--max-time", "20", "--unix-socket", self.socket, "-X", method]
        command += ["-w", r"\n%{http_code}", f"http://allocator{path}"]
        if text is not None:
            command += ["-H", "Content-Type: application/json", "-H", "Expect:"]
            command += ["--data-binary", "@-"]
        out = self.host.exec(*command, stdin=text).out
        content, status = out.rsplit("\n", 1)
        return Answer(int(status), content)

    def get(self, path: str) -> dict:
        answer = self.call("GET", path)
        assert answer.status == 200, f"GET {path}: {answer}"
        return answer.json

    def gpus(self) -> list[dict]:
        return self.get("/v1/gpus")["gpus"]

    def uuids(self) -> list[str]:
        return [gpu["uuid"] for gpu in self.gpus()]

    def leases(self, state: str = "live", user: str = "") -> list[dict]:
        who = f"&user={user}" if user else ""
        return self.get(f"/v1/leases?state={state}{who}")["leases"]

    def lease_of(self, user: str, server: str = "") -> dict:
        """The one live lease of an owner."""
        found = [x for x in self.leases(user=user) if x["owner"]["server"] == server]
        assert len(found) == 1, f"{user}/{server} has {len(found)} live leases: {found}"
        return found[0]

    def lease(self, lease_id: str) -> dict:
        return self.get(f"/v1/leases/{lease_id}")

    def ask(self, user: str, gpus: dict, request_id: str, **more) -> Answer:
        body = {"request_id": request_id, "owner": {"user": user, "server": "", "groups": []}}
        return self.call("POST", "/v1/leases", body | {"gpus": gpus} | more)

    def release(self, lease_id: str) -> Answer:
        return self.call("DELETE", f"/v1/leases/{lease_id}")

    def await_ended(self, lease_id: str, seconds: float = 40) -> dict:
        return poll(
            f"lease {lease_id} ended",
            lambda: self.lease(lease_id),
            lambda lease: lease["state"] == "ended",
            seconds=seconds,
        )

    def await_ready(self, seconds: float = 60) -> None:
        poll(
            "allocator ready",
            lambda: self.call("GET", "/readyz"),
            lambda answer: answer.status == 200,
            seconds=seconds,
        )

    def gpuctl(self, *args: str) -> str:
        return self.host.docker("exec", CONTAINER, "gpuctl", *args).out


def uuids_of(lease: dict) -> list[str]:
    return [gpu["uuid"] for gpu in lease["gpus"]]
