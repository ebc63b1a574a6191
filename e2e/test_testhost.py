"""The test hosts themselves: what the other tests lean on."""

import json

import pytest

from conftest import Machines
from harness import report
from harness.testhost import HostSpec, TestHost

IMAGE = "debian:trixie-slim"
OPENED = "No such device or address"  # ENXIO: allowed, but no driver has this made-up device
FORBIDDEN = "Operation not permitted"  # EPERM: the devices cgroup says no


def gpu(host: TestHost, index: int) -> str:
    return json.loads(host.sh("cat /run/nvml_sim/machine.json").out)["gpus"][index]["uuid"]


def major(host: TestHost) -> int:
    return json.loads(host.sh("cat /run/nvml_sim/machine.json").out)["major"]


def open_nodes(host: TestHost, *flags: str) -> list[str]:
    """What opening GPU 0..3 says in a container started with these flags; absent nodes are made."""
    script = (
        f"for i in 0 1 2 3; do n=/dev/nvidia$i; [ -e $n ] || mknod $n c {major(host)} $i;"
        " { exec 3<>$n; } 2>&1 | head -1; done"
    )
    run = ["run", "--rm", *flags, IMAGE, "bash", "-c", script]
    return [line.rsplit(": ", 1)[-1] for line in host.docker(*run).out.splitlines()]


@pytest.mark.parametrize("kind", ["plain", "cdi", "nvidia"])
def test_engine_in_it_works(kind: str, request: pytest.FixtureRequest) -> None:
    host: TestHost = request.getfixturevalue(kind)
    shown = host.docker("info", "--format", "{{.ServerVersion}} cgroup v{{.CgroupVersion}}").out
    report.say(f"test host {kind}: engine {shown.strip()}")
    assert host.docker("run", "--rm", "-m", "64m", IMAGE, "echo", "good").out == "good\n"


def test_cdi_device_is_the_only_one(cdi: TestHost) -> None:
    flags = ["--device", f"nvidia.com/gpu={gpu(cdi, 1)}"]
    assert open_nodes(cdi, *flags) == [FORBIDDEN, OPENED, FORBIDDEN, FORBIDDEN]


def test_runtime_gives_what_gpus_names(nvidia: TestHost) -> None:
    flags = ["--gpus", f'"device={gpu(nvidia, 0)},{gpu(nvidia, 2)}"']
    assert open_nodes(nvidia, *flags) == [OPENED, FORBIDDEN, OPENED, FORBIDDEN]


@pytest.mark.parametrize(
    ("value", "seen"), [("all", OPENED), ("void", FORBIDDEN), ("none", FORBIDDEN), ("", FORBIDDEN)]
)
def test_runtime_obeys_the_variable(nvidia: TestHost, value: str, seen: str) -> None:
    assert open_nodes(nvidia, "-e", f"NVIDIA_VISIBLE_DEVICES={value}") == [seen] * 4


def test_runtime_refuses_an_unknown_device(nvidia: TestHost) -> None:
    flags = ["-e", "NVIDIA_VISIBLE_DEVICES=GPU-00000000-0000-0000-0000-000000000000"]
    refused = nvidia.docker("run", "--rm", *flags, IMAGE, "true", check=False)
    assert refused.status != 0
    assert "unknown device" in refused.text


def test_plain_engine_refuses_gpus(plain: TestHost) -> None:
    refused = plain.docker("run", "--rm", "--gpus", "all", IMAGE, "true", check=False)
    assert "could not select device driver" in refused.text
    assert plain.sh("ls /dev/nvidia0", check=False).status != 0


def test_memory_limit_kills(plain: TestHost) -> None:
    run = ["run", "--name", "oom", "-m", "32m", "--memory-swap", "32m", IMAGE]
    plain.docker(*run, "tail", "/dev/zero", check=False)
    state = (plain.inspect("oom") or {})["State"]
    plain.docker("rm", "oom")
    assert (state["OOMKilled"], state["ExitCode"]) == (True, 137)


def test_engine_restarts_reboots_and_keeps_its_data(machines: Machines) -> None:
    host = machines.get("spare", HostSpec())
    run = ["run", "-d", "--restart", "unless-stopped", "--stop-timeout", "1"]
    kept = host.docker(*run, IMAGE, "sleep", "999").out.strip()

    def started() -> str:
        record = host.inspect(kept)
        assert record and record["State"]["Running"]
        return record["State"]["StartedAt"]

    first = started()
    host.live_restore(True)
    host.kill_engine()
    assert started() == first, "with live-restore containers live on"
    host.live_restore(False)
    host.reboot()
    second = started()
    assert second != first, "the engine has started it again"
    host.cut_power()
    assert started() != second
