"""A test host: a container with an engine of its own, used like a machine one has root on."""

import json
from dataclasses import dataclass

from . import engine
from .engine import Done, docker
from .poll import poll

# Not --privileged: that fails where the outer machine itself lacks a capability.
LIKE_A_MACHINE = [
    *("--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE"),
    *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
    *("--security-opt", "systempaths=unconfined", "--device-cgroup-rule", "a *:* rwm"),
    *("--tmpfs", "/run:exec,mode=755", "--stop-timeout", "90"),
]

SHORT_ID = 12  # digits of a container's id as the client shows it


@dataclass(frozen=True)
class HostSpec:
    """What kind of machine. `gpu_access`: cdi, nvidia, or plain (an engine that knows no GPUs).

    `bare`: systemd, and no engine yet (images/barehost); the other fields mean nothing to it.
    """

    gpu_access: str = "plain"
    gpus: int = 4
    number: int = 1  # stands in the GPUs' UUIDs
    live_restore: bool = False
    cdi_names: str = "uuid"  # uuid, index or both
    bare: bool = False

    @property
    def image(self) -> str:
        return engine.image("barehost" if self.bare else "testhost")

    def environment(self) -> list[str]:
        values = {
            "TESTHOST_GPU_ACCESS": self.gpu_access,
            "TESTHOST_GPUS": self.gpus,
            "TESTHOST_NUMBER": self.number,
            "TESTHOST_LIVE_RESTORE": json.dumps(self.live_restore),
            "TESTHOST_CDI_NAMES": self.cdi_names,
        }
        return [word for key, value in values.items() for word in ("-e", f"{key}={value}")]


class TestHost:
    """One running test host. Make it with `TestHost.start`; `remove` leaves nothing of it."""

    __test__ = False  # not a test class

    def __init__(self, name: str, container: str, data: str, spec: HostSpec) -> None:
        self.name = name
        self.container = container
        self.data = data
        self.spec = spec
        self.address = ""
        self._asleep = False
        self._learn_address()

    @classmethod
    def start(cls, name: str, spec: HostSpec, data: str) -> "TestHost":
        """Start a host whose engine keeps its data in folder `data` of the data volume."""
        full_name = f"gpuhub-e2e-{engine.RUN_ID}-{engine.WORKER}-{name}"
        place = ["--name", full_name, "--hostname", name, "--network", engine.NETWORK]
        volume = ["-v", f"{engine.DATA_VOLUME}:/data", "-e", f"TESTHOST_DATA=/data/{data}"]
        container = docker(
            *("run", "-d", "--label", engine.RUN_LABEL),
            *(*place, *LIKE_A_MACHINE, *volume, *spec.environment(), spec.image),
        ).out.strip()
        host = cls(name, container, data, spec)
        host.await_boot()
        return host

    def exec(
        self, *command: str, stdin: str | None = None, check: bool = True, seconds: float = 120
    ) -> Done:
        """Run a command in the host as root; wakes it up."""
        self.wake()
        interactive = ["-i"] if stdin is not None else []
        return docker(
            *("exec", *interactive, self.container, *command),
            stdin=stdin,
            check=check,
            seconds=seconds,
        )

    def sh(self, script: str, check: bool = True, seconds: float = 120) -> Done:
        return self.exec("bash", "-c", script, check=check, seconds=seconds)

    def docker(self, *args: str, check: bool = True, seconds: float = 120) -> Done:
        """The client of the host's own engine."""
        return self.exec("docker", *args, check=check, seconds=seconds)

    def inspect(self, container: str) -> dict | None:
        """The host engine's record of a container by name or id, or None if it has none."""
        found = self.docker("container", "inspect", container, check=False)
        record = json.loads(found.out)[0] if found.status == 0 else None
        # The engine also takes the beginning of an id for a name that nobody has.
        whole = record and container in (record["Name"].removeprefix("/"), record["Id"])
        return record if whole or len(container) >= SHORT_ID else None

    def containers(self, *filters: str) -> list[str]:
        """Full ids of all containers, also stopped ones, that match `docker ps` filters."""
        words = [word for text in filters for word in ("--filter", text)]
        return self.docker("ps", "-aq", "--no-trunc", *words).out.split()

    def write(self, path: str, text: str) -> None:
        self.exec("sh", "-c", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "sh", path, stdin=text)

    def unpacking(self, place: str, *options: str) -> list[str]:
        """The command that unpacks a tar, which it reads, in a folder of the host; wakes it up."""
        self.wake()
        return ["docker", "exec", "-i", self.container, "tar", "x", *options, "-C", place]

    def kill_process_of(self, container: str) -> None:
        """SIGKILL the first process of a container from the host, behind the engine's back."""
        found = self.inspect(container)
        assert found and found["State"]["Pid"], f"{container} does not run"
        self.exec("kill", "-KILL", str(found["State"]["Pid"]))

    def live_restore(self, on: bool) -> None:
        """Switch the engine's live-restore; takes effect at once."""
        value = json.dumps(on)
        self.sh(
            f"jq '.\"live-restore\" = {value}' /etc/docker/daemon.json > /run/daemon.json"
            " && cat /run/daemon.json > /etc/docker/daemon.json"
            " && kill -HUP $(cat /run/testhost/dockerd.pid)"
        )
        poll(
            "live-restore set",
            lambda: self.docker("info", "--format", "{{.LiveRestoreEnabled}}").out.strip(),
            lambda seen: seen == value,
        )

    def sleep(self) -> None:
        """Nothing of it runs until `wake`: a dozen idle machines would be half of all load. One
        that cannot be frozen now goes on."""
        if not self._asleep:
            self._asleep = docker("pause", self.container, check=False).status == 0

    def wake(self) -> None:
        if self._asleep:
            docker("unpause", self.container)
            self._asleep = False

    def restart_engine(self) -> None:
        self.exec("hostctl", "restart", "dockerd")

    def kill_engine(self) -> None:
        """SIGKILL dockerd; it comes back by itself 2 s later, as under systemd."""
        before = self.sh("cat /run/testhost/dockerd.pid").out
        self.exec("hostctl", "kill", "dockerd")
        poll(
            "another dockerd",
            lambda: self.sh("cat /run/testhost/dockerd.pid").out,
            lambda pid: pid and pid != before,
        )
        self.await_engine()

    def reboot(self) -> None:
        """Shut down in order (the engine stops its containers) and boot again."""
        self.wake()
        docker("stop", "-t", "90", self.container)
        self._boot()

    def cut_power(self) -> None:
        """Kill everything at once and boot again."""
        self.wake()
        docker("kill", self.container)
        self._boot()

    def remove(self) -> None:
        docker("rm", "-f", "-v", self.container, check=False)
        engine.on_data(f"rm -rf /data/{self.data}")

    def await_boot(self) -> None:
        """Until all that starts by itself has started; on a bare machine by systemd's own word."""
        if not self.spec.bare:
            self.await_engine()
            return
        poll(
            f"{self.name} booted",
            lambda: self.exec("systemctl", "is-system-running", check=False).text.strip(),
            lambda seen: seen in ("running", "degraded"),
            seconds=60,
        )

    def await_engine(self) -> None:
        poll(
            f"engine of {self.name}",
            lambda: self.docker("version", "--format", "{{.Server.Version}}"),
            lambda seen: seen.status == 0,
            seconds=60,
        )

    def _boot(self) -> None:
        docker("start", self.container)
        self._learn_address()
        self.await_boot()

    def _learn_address(self) -> None:
        shown = docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", self.container).out
        self.address = json.loads(shown)[engine.NETWORK]["IPAddress"]
