"""docker-py's APIClient, faked at its edge: containers in memory, each with an HTTP server.

`fail[method]` holds errors to raise in turn; `slow[method]` seconds to take (in the hub's one
engine thread, as a real engine would). `calls` is what was asked, in order. Cells are apart from
the other containers; what a cell says is `cell_says`. `wrong` is what may never happen to them.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import itertools
import tarfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import requests
from docker.errors import APIError, NotFound
from docker.types import HostConfig

NETWORK = "notebooks"
READY = (b"ready\n",)


def engine_error(status: int, words: str = "engine trouble") -> APIError:
    reply = requests.Response()
    reply.status_code = status
    kind = NotFound if status == 404 else APIError
    return kind(words, response=reply, explanation=words)


class _Server(http.server.BaseHTTPRequestHandler):
    """A person's server. `says` of its engine answers for it: (path, token) -> status, body."""

    def do_GET(self) -> None:
        says = self.server.says  # type: ignore[attr-defined]
        token = self.headers.get("Authorization", "")
        status, body = says(self.path, token) if says else (200, b"")
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", body.decode())
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class _Said:
    """What a container says, as docker-py streams it."""

    def __init__(self, pieces: tuple[bytes, ...] | None) -> None:
        self.pieces = pieces
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        if self.pieces is None:
            self.closed.wait(20)
            return
        yield from self.pieces

    def close(self) -> None:
        self.closed.set()


class FakeEngine:
    numbers = itertools.count(1)

    def __init__(self) -> None:
        self.containers: dict[str, dict[str, Any]] = {}
        self.fail: dict[str, list[Exception]] = defaultdict(list)
        self.slow: dict[str, float] = {}
        self.calls: list[str] = []
        self.cells: dict[str, dict[str, Any]] = {}
        self.cell_says: tuple[bytes, ...] | None = READY  # None: nothing, and it does not end
        self.wrong: list[str] = []
        self.on_gone: list[Any] = []
        self.gone: list[dict[str, Any]] = []  # containers that were there
        self.exits: dict[str, int] = {}  # entrypoint -> code: such a container ends at once
        self.files: dict[str, dict[str, bytes]] = {}  # what was put into a container
        self.keeps_removed_s = 0.0
        self.says: dict[str, Any] = {}  # owner (hub/user/server) -> what his server answers
        self._servers: dict[str, http.server.HTTPServer] = {}

    def _enter(self, method: str) -> None:
        self.calls.append(method)
        time.sleep(self.slow.get(method, 0))
        if self.fail[method]:
            raise self.fail[method].pop(0)

    def _find(self, ref: str) -> dict[str, Any]:
        for found in [*self.containers.values(), *self.cells.values()]:
            if ref in (found["Id"], found["Name"]):
                return found
        raise engine_error(404, f"No such container: {ref}")

    def gone_of(self, prefix: str) -> list[dict[str, Any]]:
        return [each for each in self.gone if each["Name"].startswith(prefix)]

    def shown(self) -> dict[str, str]:
        return {each["Name"]: each["State"]["Status"] for each in self.containers.values()}

    # --- what docker-py has ---------------------------------------------------------------------

    def create_host_config(self, **kwargs: Any) -> Any:
        return HostConfig(version="1.41", **kwargs)

    def inspect_image(self, image: str) -> dict[str, Any]:
        self._enter("inspect_image")
        return {"Config": {"Cmd": ["jupyterhub-singleuser"]}}

    def inspect_container(self, ref: str) -> dict[str, Any]:
        self._enter("inspect_container")
        return self._find(ref)

    def create_container(self, **kwargs: Any) -> dict[str, Any]:
        self._enter("create_container")
        known = [*self.containers.values(), *self.cells.values()]
        if any(each["Name"] == kwargs["name"] for each in known):
            raise engine_error(409, f"the name {kwargs['name']} is in use")
        number = next(self.numbers)
        ident = f"{number:064x}"
        is_cell = (kwargs.get("labels") or {}).get("gpuhub.cell") == "1"
        joined = self._joined(kwargs["host_config"])
        if joined and any(kwargs.get(key) for key in ("ports", "hostname", "networking_config")):
            raise engine_error(400, "conflicting options: the container type network mode")
        address = f"127.1.{number // 250}.{number % 250 + 1}"
        (self.cells if is_cell else self.containers)[ident] = {
            "Id": ident,
            "Name": kwargs["name"],
            "Config": {
                "Image": kwargs.get("image"),
                "Labels": dict(kwargs.get("labels") or {}),
                "Env": [f"{key}={value}" for key, value in kwargs["environment"].items()],
                "User": kwargs.get("user"),
                "WorkingDir": kwargs.get("working_dir"),
                "Entrypoint": kwargs.get("entrypoint"),
                "Cmd": kwargs.get("command"),
            },
            "HostConfig": dict(kwargs["host_config"]),
            "State": self._state("created"),
            "NetworkSettings": {"Networks": {} if joined else {NETWORK: {"IPAddress": address}}},
        }
        return {"Id": ident}

    def start(self, ref: str) -> None:
        self._enter("start")
        found = self._find(ref)
        if found["Id"] in self.cells:
            found["State"] = self._state("running")
            return
        code = self.exits.get((found["Config"]["Entrypoint"] or [""])[0])
        if code is not None:
            found["State"] = self._state("exited", code)
            return
        found["State"] = self._state("running")
        cell = self._joined(found["HostConfig"])
        if cell and not (cell in self.cells and self.cells[cell]["State"]["Running"]):
            raise engine_error(409, f"cannot join network of a non running container: {cell}")
        shown = self._find(cell) if cell else found
        address = shown["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
        server: Any = http.server.ThreadingHTTPServer((address, 8888), _Server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        server.says = self.says.get(found["Config"]["Labels"].get("gpuhub.owner"))
        self._servers[found["Id"]] = server

    def logs(self, ref: str, *, stream: bool = False, follow: bool = False) -> Any:
        self._enter("logs")
        if not stream:
            return b"what it said"
        assert self._find(ref)["State"]["Running"]
        if self.cell_says is not None and self.cell_says != READY:
            self.cells[self._find(ref)["Id"]]["State"] = self._state("exited", 69)
        return _Said(self.cell_says)

    def stop(self, ref: str, timeout: int = 10) -> None:
        self._enter("stop")
        self.die(self._find(ref)["Id"])

    def remove_container(self, ref: str, v: bool = False, force: bool = False) -> None:
        self._enter("remove_container")
        found = self._find(ref)
        if found["State"]["Running"] and not force:
            raise engine_error(409, "container is running")
        if found["Id"] in self.cells:
            self._remove_cell(found["Id"])
            return
        self.vanish(found["Id"])

    def put_archive(self, ref: str, path: str, data: bytes) -> bool:
        self._enter("put_archive")
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            members = {each.name: tar.extractfile(each) for each in tar if each.isfile()}
        self.files[self._find(ref)["Id"]] = {
            name: file.read() for name, file in members.items() if file
        }
        return True

    def get_archive(self, ref: str, path: str) -> tuple[list[bytes], dict[str, Any]]:
        """Every image has a root; as the engine, a tar with the file's last name."""
        self._enter("get_archive")
        content, out = b"root:x:0:\n", io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            entry = tarfile.TarInfo(path.rpartition("/")[2])
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        return [out.getvalue()], {}

    def _remove_cell(self, ident: str) -> None:
        for each in self.containers.values():
            if each["State"]["Running"] and self._joined(each["HostConfig"]) == ident:
                self.wrong.append(f"{self.cells[ident]['Name']} removed under {each['Name']}")
        del self.cells[ident]

    @staticmethod
    def _joined(host_config: dict[str, Any]) -> str:
        kind, _, cell = str(host_config.get("NetworkMode")).partition(":")
        return cell if kind == "container" else ""

    # --- what happens to containers -------------------------------------------------------------

    def die(self, ident: str, code: int = 0) -> None:
        """The main process ends; with auto-remove the container goes too."""
        found = self.containers[ident]
        found["State"] = self._state("exited", code)
        self._close(ident)
        if found["HostConfig"].get("AutoRemove"):
            self.vanish(ident)

    def vanish(self, ident: str) -> None:
        if self.keeps_removed_s:
            self.containers[ident]["State"] = self._state("removing")
            threading.Timer(self.keeps_removed_s, self._drop, [ident]).start()
        else:
            self._drop(ident)

    def _drop(self, ident: str) -> None:
        self._close(ident)
        if (found := self.containers.pop(ident, None)) is not None:
            self.gone.append(found)
        for tell in self.on_gone:
            tell(ident)

    def _close(self, ident: str) -> None:
        server = self._servers.pop(ident, None)
        if server:
            server.shutdown()
            server.server_close()

    def close(self) -> None:
        for ident in list(self.containers):
            self._drop(ident)

    @staticmethod
    def _state(status: str, code: int = 0) -> dict[str, Any]:
        ended = {"ExitCode": code, "Error": "", "FinishedAt": ""}
        return {"Status": status, "Running": status in ("running", "paused"), **ended}
