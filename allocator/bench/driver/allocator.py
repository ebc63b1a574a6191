"""gpu-allocator as the bench runs it: its own folder, listed GPUs, a container engine made up."""

from contextlib import suppress
from pathlib import Path

from fake_engine import FakeEngine

from driver.process import BenchError, Process, call

# A grant must outlive the run, and a hub's start must be shorter than that.
CONFIG = """
[allocator]
bind_timeout = "24h"
[gpus]
source = "listed"
slots = {slots}
"""
LISTED = '[[gpus.listed]]\nuuid = "GPU-{n}"\nmodel = "bench"\ndevices = ["/dev/gpu{n}"]\n'


class Allocator:
    key, title, transport, durable = "gpuhub", "gpuhub allocator", "unix", True

    def __init__(
        self, place: Path, gpus: int = 8, slots: int = 64, env: dict[str, str] | None = None
    ) -> None:
        place.mkdir(parents=True)
        self.place = place
        self.gpus, self.slots = gpus, slots
        self.hub = place / "hub.sock"
        self.admin = place / "admin.sock"
        self._env = env or {}
        self._engine: FakeEngine | None = None
        self.process: Process | None = None
        listed = "".join(LISTED.format(n=n) for n in range(gpus))
        (place / "gpuhub.toml").write_text(CONFIG.format(slots=slots) + listed)

    @property
    def target(self) -> list[str]:
        return ["--protocol=http", f"--socket={self.hub}"]

    def start(self) -> None:
        if not self._engine:
            self._engine = FakeEngine(str(self.place / "docker.sock"))
            self._engine.open()
        paths = {"config": "gpuhub.toml", "store": "ledger.sqlite", "docker-socket": "docker.sock",
                 "admin-socket": "admin.sock", "hub-socket": "hub.sock"}  # fmt: skip
        told = [f"--{name}={self.place / file}" for name, file in paths.items()]
        command = ["gpu-allocator", *told, "--host-name=bench"]
        self.process = Process(command, self.place / "log", self._env)
        self.process.await_ready("the allocator is ready", self._ready, seconds=120)

    def _ready(self) -> bool:
        return call(self.admin, "GET", "/readyz")[0] == 200

    def metric(self, name: str) -> float:
        """The sum over a metric's labels."""
        lines = call(self.admin, "GET", "/metrics")[1].splitlines()
        values = [float(line.rsplit(" ", 1)[1]) for line in lines
                  if line.split("{")[0].split(" ")[0] == name]  # fmt: skip
        if not values:
            raise BenchError(f"the allocator has no metric {name}")
        return sum(values)

    def close(self) -> None:
        if self.process:
            self.process.close()
        if self._engine:
            with suppress(OSError):
                self._engine.close()
