"""Doctor on a machine that is really broken: it names just what was broken, and its remedy works.

Not here, since it would take another machine: a full disk, a rootless or an ancient engine.
Somebody who may not use the engine: test_member.py.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from harness.bare_machine import BareMachine
from harness.poll import poll
from harness.product import PLACE
from harness.recovery import await_product

SOUND = "Nothing is wrong."
GPU_STATE = "/var/lib/docker/volumes/gpuhub_sim/_data/state"

# What is broken, how, and how doctor's own remedy or the obvious one undoes it.
BREAKS = {
    "accounts": ("chmod 000 /etc/shadow", "chmod 640 /etc/shadow"),
    "driver toolkit": (
        "mount -t tmpfs none /sys/bus && card=/sys/bus/pci/devices/0000:01:00.0"
        " && mkdir -p $card && echo 0x10de > $card/vendor && echo 0x030200 > $card/class",
        "umount /sys/bus",
    ),
    "gpuhub.toml": (
        f"cp {PLACE}/gpuhub.toml /run/good.toml && echo '[gpuz]' >> {PLACE}/gpuhub.toml",
        f"cp /run/good.toml {PLACE}/gpuhub.toml",
    ),
    "port": (
        "docker rm -f gpuhub-proxy-1 && docker run -d --name taker --entrypoint sleep"
        " -p 127.0.0.1:8000:80 gpuhub/proxy:$(cat /opt/gpuhub/VERSION) infinity",
        "docker rm -f taker",
    ),
    "hub": ("docker stop -t 1 gpuhub-hub-1", "true"),  # `up` starts it
    "ready": (
        f"mv {GPU_STATE} {GPU_STATE}.away && docker restart -t 5 gpuhub-allocator-1",
        f"mv {GPU_STATE}.away {GPU_STATE}",
    ),
}


def findings(text: str) -> dict[str, str]:
    """The name of each thing that is wrong -> what stands below it, the remedy with it."""
    found = re.findall(r"(?m)^WRONG  (\S+) +(.*\n(?:  .*\n)*)", text)
    assert all(" do: " in said for _, said in found), text
    counted = re.findall(r"(?m)^(\d+) wrong\.$", text)
    assert counted == ([str(len(found))] if found else []), text
    return dict(found)


@contextmanager
def broken(debian: BareMachine) -> Iterator[None]:
    """All of BREAKS at once, undone in the end whatever happened meanwhile."""
    try:
        for how, _ in BREAKS.values():
            debian.host.sh(f"set -e; {how}")
        yield
    finally:
        for _, undo in BREAKS.values():
            debian.host.sh(undo, check=False)
        debian.gpuhub("up")


def test_each_break_is_named_with_its_remedy(debian: BareMachine) -> None:
    assert SOUND in debian.gpuhub("doctor")
    with broken(debian):
        poll(
            "the allocator misses its GPUs",
            lambda: debian.world.allocator.call("GET", "/readyz").status,
            lambda status: status == 503,
        )
        found = findings(debian.gpuhub("doctor", check=False))
    for name in ("allocator", "login"):  # what the engine calls them depends on when it asked last
        found.pop(name, "")
    assert set(found) == set(" ".join(BREAKS).split())
    assert "sudo chmod 640 /etc/shadow" in found["accounts"]
    assert "(0000:01:00.0)" in found["driver"]
    assert "install nvidia-container-toolkit" in found["toolkit"]
    assert f"{PLACE}/gpuhub.toml:" in found["gpuhub.toml"]
    assert "gpuz" in found["gpuhub.toml"]
    assert "something else listens on 127.0.0.1:8000" in found["port"]
    assert "./gpuhub logs hub" in found["hub"]
    assert "inventory" in found["ready"]
    assert SOUND in debian.gpuhub("doctor")


def test_a_stopped_engine_and_one_that_remaps_users(debian: BareMachine) -> None:
    """`up` is the remedy for the first, as doctor says; the second it refuses."""
    debian.stop_engine()
    found = findings(debian.gpuhub("doctor", check=False))
    assert set(found) == {"engine"}
    assert "does not answer at unix:///var/run/docker.sock" in found["engine"]
    assert "sudo ./gpuhub up starts it" in found["engine"]
    debian.host.write("/etc/docker/daemon.json", json.dumps({"userns-remap": "default"}))
    try:
        refused = debian.gpuhub("up", check=False)
        assert "the engine remaps users (userns-remap)" in refused
        assert set(findings(debian.gpuhub("doctor", check=False))) == {"userns-remap"}
    finally:
        debian.host.exec("rm", "/etc/docker/daemon.json")
        debian.host.exec("systemctl", "restart", "docker.service")
    await_product(debian.world)
    assert debian.engine("is-enabled")[0] == "enabled", "`up` made it start at boot again"
    assert SOUND in debian.gpuhub("doctor")
