"""GPUs without a hub: people of the machine, gpuctl, their docker client, and one set of books."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from conftest import Machines
from harness.allocator import Allocator, uuids_of
from harness.engine import Done
from harness.poll import poll
from harness.product import add_account, configure, gpuhub, install, settings
from harness.testhost import HostSpec, TestHost

GPUCTL = "/usr/local/bin/gpuctl"
FOLDER = "/run/gpuhub/local"
IMAGE = "debian:trixie-slim"
LOCAL = "[local]\nenabled = true\n"
# What a container sees of GPUs: by name in its environment, and by device node.
SEES = "echo $GPUHUB_GPUS; ls /dev | grep -cE '^nvidia[0-9]+$'"
LASTS = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done"


@dataclass
class People:
    """A machine whose people have no hub; ana and bo may use docker, cy may not."""

    host: TestHost
    allocator: Allocator

    def run(self, who: str, *command: str, check: bool = True) -> Done:
        return self.host.exec("runuser", "-u", who, "--", *command, check=check)

    def gpuctl(self, who: str, *args: str, check: bool = True) -> Done:
        return self.run(who, GPUCTL, *args, check=check)

    def start(self, who: str, name: str, *options: str) -> str:
        """A container of `who` that lasts; gives its id."""
        line = ["run", *options, "--", "docker", "run", "-d", "--rm", "--name", name, IMAGE]
        return self.gpuctl(who, *line, "sh", "-c", LASTS).out.strip()

    def in_background(self, who: str, name: str, *args: str) -> None:
        """gpuctl, as from a shell that goes on; what it says and its status go to files."""
        line = f"{shlex.join([GPUCTL, *args])} > /tmp/{name} 2>&1; echo $? > /tmp/{name}.status"
        self.host.sh(f"setsid runuser -u {who} -- bash -c {shlex.quote(line)} &> /dev/null &")

    def said(self, name: str) -> str:
        return self.host.sh(f"cat /tmp/{name}").out

    def status(self, name: str) -> int:
        text = poll(f"{name} has ended", lambda: self.host.sh(f"cat /tmp/{name}.status").out)
        return int(text)

    def lease(self, name: str) -> dict:
        """The one live lease that is called so."""
        found = [x for x in self.allocator.leases() if x["owner"]["server"] == name]
        assert len(found) == 1, found
        return found[0]

    def tidy(self) -> None:
        self.host.sh("docker ps -aq --filter label=gpuhub.lease | xargs -r docker rm -f")
        for lease in self.allocator.leases():
            self.allocator.release(lease["id"])
        poll("no lease is left", self.allocator.leases, lambda left: not left)
        self.host.sh("rm -f /tmp/bo*")


@pytest.fixture(scope="module")
def machine(machines: Machines) -> People:
    host = machines.get("people", HostSpec("plain", number=6))
    install(host)
    configure(host, settings(host, extra=LOCAL))
    for name in ("ana", "bo", "cy"):
        add_account(host, name)
    host.sh("usermod -aG docker ana; usermod -aG docker bo")
    gpuhub(host, "up")
    gpuhub(host, "ctl", "--install", GPUCTL)
    return People(host, Allocator(host))


@pytest.fixture
def people(machine: People) -> Iterator[People]:
    yield machine
    machine.tidy()


def test_a_container_gets_its_gpu_and_its_status_comes_back(people: People) -> None:
    done = people.gpuctl(
        *("ana", "run", "--", "docker", "run", "--rm", "--name", "one", IMAGE),
        *("sh", "-c", f"{SEES}; echo to stderr >&2; exit 7"),
        check=False,
    )
    assert done.status == 7, done.text
    uuid, nodes = done.out.split()
    assert uuid in people.allocator.uuids()
    assert nodes == "1"
    assert "to stderr" in done.err
    (ended,) = [x for x in people.allocator.leases("ended") if x["owner"]["server"] == "one"]
    assert ended["owner"] == {"hub": "local", "user": "ana", "server": "one"}
    assert (ended["reason"], ended["exit_code"]) == ("container_exited", 7)


def test_none_is_none(people: People) -> None:
    line = ["run", "--gpus", "none", "--", "docker", "run", "--rm", IMAGE, "sh", "-c"]
    done = people.gpuctl("ana", *line, f"{SEES}; echo $NVIDIA_VISIBLE_DEVICES")
    assert done.out.split() == ["0", "void"]


def test_two_people_never_share(people: People) -> None:
    people.start("ana", "a1", "--gpus", "2")
    people.start("bo", "b1", "--gpus", "2")
    ana, bo = (uuids_of(people.lease(name)) for name in ("a1", "b1"))
    assert len({*ana, *bo}) == 4
    shown = people.gpuctl("bo", "gpus").out
    assert "local:ana/a1" in shown and "local:bo/b1" in shown
    refused = people.gpuctl(
        "ana", "run", "--no-wait", "--", "docker", "run", "--rm", IMAGE, "true", check=False
    )
    assert refused.status == 125
    assert "bo/b1" in refused.err
    assert "leave out --no-wait" in refused.err


def test_each_sees_and_ends_his_own_only(people: People) -> None:
    people.start("ana", "a1")
    lease = people.lease("a1")["id"]
    assert lease not in people.gpuctl("bo", "leases").out
    refused = people.gpuctl("bo", "release", lease, check=False)
    assert (refused.status, "there is no such lease" in refused.err) == (1, True)
    assert people.gpuctl("bo", "drain", "0", check=False).status == 1
    assert lease in people.gpuctl("ana", "leases").out
    assert people.lease("a1")["state"] == "active"


def test_bo_waits_for_ana(people: People) -> None:
    people.start("ana", "a1", "--gpus", "all")
    line = ["run", "--", "docker", "run", "--rm", "--name", "b1", IMAGE, "sh", "-c", SEES]
    people.in_background("bo", "bo", *line)
    poll("bo waits", lambda: people.gpuctl("bo", "queue").out, lambda text: "local:bo/b1" in text)
    assert "waiting for 1 GPU: 1st of 1" in people.said("bo")
    people.host.docker("stop", "a1")
    assert people.status("bo") == 0
    assert people.said("bo").splitlines()[-1] == "1"


def test_ctrl_c_leaves_the_queue(people: People) -> None:
    people.start("ana", "a1", "--gpus", "all")
    people.in_background("bo", "bo", "run", "--", "docker", "run", "--name", "b1", IMAGE, "true")
    poll("bo waits", lambda: people.gpuctl("bo", "queue").out, lambda text: "local:bo/b1" in text)
    people.host.sh("pkill -INT -u bo -x gpuctl")
    assert people.status("bo") == 130
    assert people.gpuctl("bo", "queue").out == "nobody waits\n"
    assert people.host.inspect("b1") is None


def test_a_signal_ends_the_container_and_frees_its_gpu(people: People) -> None:
    line = ["run", "--", "docker", "run", "--rm", "--name", "b1", IMAGE, "sh", "-c", LASTS]
    people.in_background("bo", "bo", *line)
    poll("the container runs", lambda: people.said("bo"), lambda text: "ready" in text)
    lease = people.lease("b1")["id"]
    people.host.sh("pkill -TERM -u bo -x gpuctl")
    assert people.status("bo") == 0
    assert people.allocator.await_ended(lease)["reason"] == "container_exited"


def test_a_script_binds_by_itself(people: People) -> None:
    script = f"""
    eval "$(gpuctl acquire --name s --format env 2> /dev/null)"
    id=$(eval "docker create $GPUHUB_DOCKER_RUN {IMAGE} sleep 60")
    gpuctl bind "$GPUHUB_LEASE" "$id" && docker start "$id"
    """
    id_ = people.run("ana", "bash", "-euc", script).out.split()[-1]
    lease = people.lease("s")
    assert (lease["state"], lease["container"]) == ("active", id_)
    people.host.docker("rm", "-f", id_)
    people.allocator.await_ended(lease["id"])


def test_a_bind_that_comes_too_late_is_refused(people: People) -> None:
    lease = json.loads(people.gpuctl("ana", "acquire", "--json").out)
    words = lease["inject"]["docker_run"]
    id_ = people.run("ana", "docker", "create", *words, IMAGE, "true").out.strip()
    people.gpuctl("ana", "release", lease["id"])
    refused = people.gpuctl("ana", "bind", lease["id"], id_, check=False)
    assert refused.status == 1
    assert "do not start the container" in refused.err


@pytest.mark.parametrize(("rm", "status"), [([], 127), (["--rm"], 125)])
def test_what_cannot_start_leaves_nothing(people: People, rm: list[str], status: int) -> None:
    line = ["run", "--", "docker", "run", *rm, "--name", "c1", IMAGE, "no-such-program"]
    assert people.gpuctl("ana", *line, check=False).status == status
    assert people.host.inspect("c1") is None
    poll("its lease has ended", people.allocator.leases, lambda left: not left)


def test_a_drained_gpu_is_not_given(people: People) -> None:
    uuid = people.allocator.uuids()[0]
    assert "draining" in gpuhub(people.host, "ctl", "drain", "0").out
    line = ["--gpus", uuid, "--no-wait", "--", "docker", "run", "--rm", IMAGE, "true"]
    assert people.gpuctl("ana", "run", *line, check=False).status == 125
    assert "draining" not in gpuhub(people.host, "ctl", "undrain", uuid).out
    assert people.gpuctl("ana", "run", *line).status == 0


def test_who_is_not_of_the_group_is_told(people: People) -> None:
    refused = people.gpuctl("cy", "gpus", check=False)
    assert refused.status == 1
    assert f"{FOLDER}/allocator.sock: Permission denied" in refused.err
    assert "usermod -aG docker" in refused.err
    assert people.host.sh(f"stat -c '%a %U:%G' {FOLDER}").out.strip() == "2750 root:docker"


def test_it_comes_back_after_a_reboot(people: People) -> None:
    people.host.reboot()
    people.allocator.await_ready()
    poll("the socket is there", lambda: people.gpuctl("ana", "gpus"))
    assert people.host.sh(f"stat -c '%a %U:%G' {FOLDER}").out.strip() == "2750 root:docker"
    assert people.gpuctl("cy", "gpus", check=False).status == 1
    assert "ok     local" in gpuhub(people.host, "doctor", check=False).out  # others still start


def test_up_takes_it_away_when_it_is_not_wanted(people: People) -> None:
    host = people.host
    configure(host, settings(host))
    gpuhub(host, "up")
    assert host.sh("ls -d /run/gpuhub", check=False).status != 0
    configure(host, settings(host, extra=LOCAL))
    gpuhub(host, "up")
    assert "A100" in people.gpuctl("ana", "gpus").out


def test_down_all_leaves_nothing_in_run(machine: People) -> None:
    """The last one: the machine has no images after it."""
    assert machine.host.sh(f"ls -d {FOLDER}").status == 0
    gpuhub(machine.host, "down", "--all", "--yes")
    assert machine.host.sh("ls -d /run/gpuhub", check=False).status != 0
