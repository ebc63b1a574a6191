"""What the allocator is compared with. Each starts in a folder of its own, listens on a unix socket
and keeps its data, if it has any, on the same filesystem as the allocator's store."""

import base64
import json
import socket
import subprocess
from pathlib import Path
from typing import Protocol

from driver.process import BenchError, Process, call

PEERS = Path(__file__).resolve().parents[1] / "peers"
PYTHON = "/opt/bench/bin"
GPUS, SLOTS = 8, 64


class Peer(Protocol):
    key: str
    title: str
    transport: str
    durable: bool
    process: Process | None

    @property
    def target(self) -> list[str]: ...
    def start(self) -> None: ...
    def close(self) -> None: ...


class _Served:
    """A peer with one process, a folder and a socket."""

    key, title, transport, durable = "", "", "unix", False

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self.place = place
        self.socket = place / "peer.sock"
        self.process: Process | None = None

    @property
    def target(self) -> list[str]:
        return ["--protocol=http", f"--socket={self.socket}"]

    def start(self) -> None:
        self.process = Process(self.command(), self.place / "log", self.environment())
        self.process.await_ready(f"{self.title} answers", self.answers)
        self.prepare()

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(PEERS)}

    def answers(self) -> bool:
        return call(self.socket, "DELETE", "/v1/leases/none")[0] == 404

    def prepare(self) -> None:
        pass

    def close(self) -> None:
        if self.process:
            self.process.close()


class FlaskDev(_Served):
    key, title = "flask", "Flask dev server, dict"

    def command(self) -> list[str]:
        return [f"{PYTHON}/python3", str(PEERS / "flask_memory.py")]

    def environment(self) -> dict[str, str]:
        return {"PEER_ADDRESS": f"unix://{self.socket}"}


class _Gunicorn(_Served):
    module = ""

    def command(self) -> list[str]:
        return [f"{PYTHON}/gunicorn", "--workers=1", "--threads=8", f"--bind=unix:{self.socket}",
                f"{self.module}:app"]  # fmt: skip


class GunicornMemory(_Gunicorn):
    key, title, module = "gunicorn", "gunicorn 1x8, dict", "flask_memory"


class GunicornSqlite(_Gunicorn):
    key, title, module, durable = "sqlite", "gunicorn 1x8, SQLite FULL", "flask_sqlite", True

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "PEER_STORE": str(self.place / "books.sqlite")}


class Redis(_Served):
    key, title, durable = "redis", "Redis Lua, AOF always", True

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self._shas: dict[str, str] = {}

    def command(self) -> list[str]:
        # No rewriting of the log while it is measured.
        return ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir",
                str(self.place), "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                "--auto-aof-rewrite-percentage", "0"]  # fmt: skip

    def answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(self.socket))
        return self._cli("PING") == "PONG"

    def prepare(self) -> None:
        for name in ("ask", "release"):
            self._shas[name] = self._cli("SCRIPT", "LOAD", (PEERS / f"{name}.lua").read_text())
        for n in range(GPUS):
            self._cli("ZADD", "gpus", "0", f"GPU-{n}")

    def _cli(self, *words: str) -> str:
        done = subprocess.run(
            ["redis-cli", "-s", str(self.socket), *words],
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    @property
    def target(self) -> list[str]:
        return ["--protocol=redis", f"--socket={self.socket}",
                *(f"--{name}-sha={sha}" for name, sha in self._shas.items())]  # fmt: skip


class Etcd(_Served):
    key, title, durable = "etcd", "etcd, compare-and-swap", True

    def command(self) -> list[str]:
        url = f"unix://{self.socket}"
        return ["etcd", f"--data-dir={self.place / 'data'}", f"--listen-client-urls={url}",
                "--advertise-client-urls=http://127.0.0.1:2379", "--listen-peer-urls=http://127.0.0.1:0",
                "--log-level=error"]  # fmt: skip

    def answers(self) -> bool:
        return self._post("/v3/kv/range", key="gpu/")[0] == 200

    def prepare(self) -> None:
        for n in range(GPUS):
            status, text = self._post("/v3/kv/put", key=f"gpu/{n}", value="0")
            if status != 200:
                raise BenchError(f"etcd: {status} {text}")

    def _post(self, path: str, **fields: str) -> tuple[int, str]:
        told = {name: base64.b64encode(text.encode()).decode() for name, text in fields.items()}
        return call(self.socket, "POST", path, json.dumps(told))

    @property
    def target(self) -> list[str]:
        return ["--protocol=etcd", f"--socket={self.socket}", f"--slots={SLOTS}"]


def versions() -> dict[str, str]:
    """What the peers are, for the table's head."""

    def first(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.splitlines()[0]

    code = ("from importlib.metadata import version as v; "
            "print(*(f'{n} {v(n)}' for n in ('flask', 'werkzeug', 'gunicorn')), sep=', ')")  # fmt: skip
    redis = first("redis-server", "--version").split()[2].removeprefix("v=")
    return {
        "gpu-allocator": first("gpu-allocator", "--version").split()[-1],
        "python": first(f"{PYTHON}/python3", "-c", code),
        "redis": redis,
        "etcd": first("etcd", "--version").split()[-1],
    }
