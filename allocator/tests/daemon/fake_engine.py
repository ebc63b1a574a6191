"""A container engine for tests: the few calls of Docker's API that the allocator makes.

Containers are changed by verbs; each change is told on the event stream, as a real engine does.
"""

import json
import os
import queue
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import urlsplit


class FakeEngine:
    def __init__(self, path: str, *, nvidia: bool = True) -> None:
        self.path = path
        self.nvidia = nvidia
        self.containers: dict[str, dict] = {}
        self.listeners: list[queue.Queue] = []
        self.lock = threading.RLock()
        self.server: socketserver.BaseServer | None = None

    def open(self) -> None:
        engine = self

        class Bound(_Handler):
            pass

        Bound.engine = engine
        self.server = _Server(self.path, Bound)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop listening and cut the event streams; the containers live on."""
        assert self.server
        self.server.shutdown()
        self.server.server_close()
        os.unlink(self.path)
        with self.lock:
            for listener in self.listeners:
                listener.put(None)
            self.listeners.clear()

    # ---- verbs ----
    def create(self, number: int, labels: dict[str, str], devices: list[str] | None = None) -> str:
        ident = f"{number:064x}"
        state = {"Status": "created", "ExitCode": 0, "OOMKilled": False}
        with self.lock:
            self.containers[ident] = {"name": f"nb-{number}", "labels": labels, "state": state,
                                      "devices": devices or []}
        self._tell(ident, "create")
        return ident

    def start(self, ident: str) -> None:
        self.containers[ident]["state"]["Status"] = "running"
        self._tell(ident, "start")

    def die(self, ident: str, code: int, oom: bool = False) -> None:
        state = self.containers[ident]["state"]
        state.update(Status="exited", ExitCode=code, OOMKilled=oom)
        self._tell(ident, "die", {"exitCode": str(code)})

    def remove(self, ident: str) -> None:
        with self.lock:
            gone = self.containers.pop(ident)
        self._tell(ident, "destroy", container=gone)

    def _tell(self, ident: str, action: str, more: dict | None = None,
              container: dict | None = None) -> None:
        container = container or self.containers[ident]
        attributes = {"name": container["name"], **container["labels"], **(more or {})}
        now = time.time_ns()
        event = {"Type": "container", "Action": action, "status": action, "id": ident,
                 "Actor": {"ID": ident, "Attributes": attributes},
                 "time": now // 10**9, "timeNano": now}
        with self.lock:
            for listener in self.listeners:
                listener.put(event)

    # ---- what a request gets ----
    def answer(self, method: str, path: str) -> tuple[int, object]:
        parts = path.strip("/").split("/")
        if parts[0].startswith("v1."):
            parts = parts[1:]
        with self.lock:
            match (method, *parts):
                case ("GET", "version"):
                    return 200, {"Version": "26.1.5", "ApiVersion": "1.45", "MinAPIVersion": "1.24"}
                case ("GET", "info"):
                    runtimes = {"runc": {}} | ({"nvidia": {}} if self.nvidia else {})
                    return 200, {"ServerVersion": "26.1.5", "Runtimes": runtimes}
                case ("GET", "containers", "json"):
                    return 200, [self._entry(ident) for ident in self.containers]
                case ("GET", "containers", ident, "json") if ident in self.containers:
                    return 200, self._inspect(ident)
                case ("DELETE", "containers", ident) if ident in self.containers:
                    self.remove(ident)
                    return 204, None
                case ("POST", "containers", ident, "stop") if ident in self.containers:
                    self.die(ident, 143)
                    return 204, None
        return 404, {"message": "No such container"}

    def _entry(self, ident: str) -> dict:
        one = self.containers[ident]
        return {"Id": ident, "Names": ["/" + one["name"]], "Labels": one["labels"],
                "State": one["state"]["Status"]}

    def _inspect(self, ident: str) -> dict:
        one = self.containers[ident]
        return {"Id": ident, "Name": "/" + one["name"], "State": one["state"],
                "Config": {"Labels": one["labels"], "Image": "image", "Env": []},
                "HostConfig": {"Runtime": "runc", "Devices": [
                    {"PathOnHost": path, "PathInContainer": path, "CgroupPermissions": "rwm"}
                    for path in one["devices"]]}}


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), OSError):  # else the allocator was killed meanwhile
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    engine: FakeEngine
    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: object) -> None:
        pass

    def _respond(self) -> None:
        path = urlsplit(self.path).path
        if path.endswith("/events"):
            self._stream()
            return
        status, body = self.engine.answer(self.command, path)
        raw = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_DELETE = _respond

    def _stream(self) -> None:
        events: queue.Queue = queue.Queue()
        with self.engine.lock:
            self.engine.listeners.append(events)
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.flush()
        while (event := events.get()) is not None:
            try:
                self.wfile.write(json.dumps(event).encode() + b"\n")
                self.wfile.flush()
            except OSError:
                with self.engine.lock:
                    if events in self.engine.listeners:
                        self.engine.listeners.remove(events)
                return
