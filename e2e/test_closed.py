"""People's servers are closed: to each other, to the machine, to private networks; and in what they
may do and use. Each thing that must not be reached is seen to be there first."""

import ast
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from conftest import Worlds, watched
from harness import engine, neighbourhood, product
from harness.hub import Person, at_once
from harness.neighbourhood import (
    INTERNET,
    METADATA,
    OTHER_PORT,
    PORT,
    PRIVATE,
    connect,
    connect_without_rules,
)
from harness.poll import poll
from harness.product import PLACE, gpuhub
from harness.world import World

HUB, PROXY = "gpuhub-hub-1", "gpuhub-proxy-1"
PIDS = 200

# A second program of a person's, beside the server itself, that listens on all addresses.
LISTEN = ("setsid", "/opt/nb/bin/python", "-c", neighbourhood.LISTENER, str(OTHER_PORT))

ASK_THE_HUB = """
import json, os, urllib.request
print(json.load(urllib.request.urlopen(os.environ["JUPYTERHUB_API_URL"] + "/", timeout=10)))
"""

# What a person's program may not do, each with the error that it gets.
TRY_RIGHTS = """
import ctypes, errno, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def of(result):
    return errno.errorcode[ctypes.get_errno()] if result < 0 else "done"
def tried(what):
    try:
        what()
        return "done"
    except OSError as wrong:
        return errno.errorcode[wrong.errno]
def change_rules():
    # what `nft` begins with; the kernel's answer to it is an error number
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
    link.settimeout(5)
    link.send(struct.pack("=LHHLL", 20, 16, 5, 1, 0) + struct.pack("=BBH", 0, 0, 0x0A00))
    told = struct.unpack_from("=i", link.recv(1024), 16)[0]
    if told:
        raise OSError(-told, "")
status = dict(l.rstrip().split(":\\t", 1) for l in open("/proc/self/status") if ":\\t" in l)
print({
    "mount": of(libc.mount(b"none", b"/mnt", b"tmpfs", 0, None)),
    "module": of(libc.syscall(175, b"", 0, b"")),
    "raw socket": tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)),
    "packet socket": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)),
    "rules": tried(change_rules),
    "namespace": tried(lambda: os.unshare(os.CLONE_NEWUSER)),
    "node": tried(lambda: os.mknod("/tmp/node", 0o020666, os.makedev(1, 1))),
    "capabilities": int(status["CapBnd"], 16) | int(status["CapPrm"], 16),
    "no new privileges": status["NoNewPrivs"],
    "processes": len([p for p in os.listdir("/proc") if p.isdigit()]),
})
"""
DENIED = ("mount", "module", "raw socket", "packet socket", "rules", "namespace", "node")

FORK = """
import os, signal, time
children = []
try:
    while len(children) < 5000:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        children.append(pid)
except OSError as wrong:
    print(len(children), wrong.errno, flush=True)
time.sleep(3)
for pid in children:
    os.kill(pid, signal.SIGKILL)
"""

HOG = "kept = []\nwhile True: kept.append(b'x' * 2**24)"


@dataclass
class Scene:
    """Ana and Bo with a running server each, neither with GPUs; and what lies around them."""

    world: World
    ana: Person
    bo: Person

    def container(self, person: Person) -> str:
        return self.world.lease(person)["container"]

    def address(self, person: Person) -> str:
        return self.world.notebook(person)["Config"]["Labels"]["gpuhub.address"]

    def sees(self, person: Person, *targets: tuple[str, int]) -> dict[str, str]:
        """Target -> what came of connecting to it from the person's server."""
        seen = connect(self.world.host, self.container(person), *targets)
        for (address, port), one in zip(targets, seen, strict=True):
            assert one.told == "open" or one.refused_at_once, f"{address}:{port}: {one}"
        return {f"{a}:{p}": one.told for (a, p), one in zip(targets, seen, strict=True)}

    def network(self) -> dict:
        return json.loads(self.world.host.sh(f"cat {PLACE}/.gpuhub/config/network.json").out)


@pytest.fixture(scope="module")
def around(worlds: Worlds) -> Iterator[World]:
    """The product among neighbours, with an admin's own ways and limits; all is taken back."""
    world = worlds.get("plain")
    host = world.host
    neighbourhood.make(host)
    ways = [f"{PRIVATE}:{PORT}", "172.16.0.0/12", METADATA, "10.213.0.0/16"]
    before = product.settings(host)
    own = before.replace("[notebook]\n", f"[notebook]\nreach = {json.dumps(ways)}\npids = {PIDS}\n")
    assert own != before
    product.configure(host, own)
    try:
        gpuhub(host, "up")
        yield world
    finally:
        product.configure(host, before)
        neighbourhood.unmake(host)
        gpuhub(host, "up")


@pytest.fixture(scope="module")
def scene(around: World) -> Iterator[Scene]:
    for world in watched(around, one_slot=True):
        people = [world.person(name) for name in ("ana", "bo")]
        at_once(*[lambda p=p: p.start("no-gpu") for p in people])
        made = Scene(world, *people)
        for person in people:
            world.host.docker("exec", "-d", made.container(person), *LISTEN)
        yield made


def test_there_is_something_to_reach(scene: Scene) -> None:
    """All that the other tests want closed answers a container without rules."""
    host, network = scene.world.host, scene.network()
    targets = [(network["proxy"], 8001), (network["gateway"], PORT), (host.address, PORT)]
    targets += [("172.17.0.1", PORT), (METADATA, PORT), (PRIVATE, PORT), (INTERNET, PORT)]
    image = engine.in_host(engine.image("notebook"))
    seen = connect_without_rules(host, image, *targets)
    assert [one.told for one in seen] == ["open"] * len(targets), seen
    inside = [(scene.address(scene.bo), port) for port in (8888, OTHER_PORT)]
    own = connect(host, scene.container(scene.bo), *inside)
    assert [one.told for one in own] == ["open"] * 2, own


def test_other_peoples_servers_are_out_of_reach(scene: Scene) -> None:
    bo, ana = scene.address(scene.bo), scene.address(scene.ana)
    assert set(scene.sees(scene.ana, (bo, 8888), (bo, OTHER_PORT)).values()) == {"ECONNREFUSED"}
    assert set(scene.sees(scene.bo, (ana, 8888), (ana, OTHER_PORT)).values()) == {"ECONNREFUSED"}


def test_the_machine_its_services_and_private_networks_are_out_of_reach(scene: Scene) -> None:
    host, network = scene.world.host, scene.network()
    places = [network["gateway"], host.address, "172.17.0.1", METADATA, PRIVATE]
    targets = [(place, port) for place in places for port in (PORT, OTHER_PORT, 80)]
    targets += [(network["proxy"], 8001), (network["proxy"], 8000), (network["hub"], 8000)]
    targets.remove((PRIVATE, PORT))  # the one that the admin has opened
    assert set(scene.sees(scene.ana, *targets).values()) == {"ECONNREFUSED"}


def test_the_hub_the_internet_and_what_an_admin_opens_are_reachable(scene: Scene) -> None:
    container = scene.container(scene.ana)
    told = scene.world.host.docker("exec", container, "/opt/nb/bin/python", "-c", ASK_THE_HUB).out
    assert "version" in told, told
    seen = scene.sees(scene.ana, ("hub", 8081), (INTERNET, PORT), (PRIVATE, PORT))
    assert set(seen.values()) == {"open"}


def test_only_hub_and_proxy_reach_a_server_and_only_its_port(scene: Scene) -> None:
    host, address = scene.world.host, scene.address(scene.ana)
    both = [(address, 8888), (address, OTHER_PORT)]
    seen = connect(host, HUB, *both, python="/opt/hub/bin/python")
    assert [one.told for one in seen] == ["open", "silent"]
    assert scene.ana.call("GET", f"/user/{scene.ana.name}/api/status").status_code == 200
    by_proxy = f"const s = require('net').connect({OTHER_PORT}, '{address}');"
    by_proxy += "s.setTimeout(2000, () => process.exit(7)); s.on('connect', () => process.exit(0))"
    assert host.docker("exec", PROXY, "node", "-e", by_proxy, check=False).status == 7
    image = engine.in_host(engine.image("notebook"))
    assert [one.told for one in connect_without_rules(host, image, *both)] == ["silent"] * 2
    from_host = host.sh(f"timeout 2 bash -c '< /dev/tcp/{address}/8888'", check=False)
    assert from_host.status == 124, from_host


def test_no_rights(scene: Scene) -> None:
    """As the person, and as root of the container, which some images are."""
    for user in ("1000", "0"):
        command = ["-u", user, scene.container(scene.ana), "/opt/nb/bin/python", "-c", TRY_RIGHTS]
        told = ast.literal_eval(scene.world.host.docker("exec", *command).out)
        assert {told[name] for name in DENIED} == {"EPERM"}, told
        assert (told["capabilities"], told["no new privileges"]) == (0, "1")
        assert told["processes"] < 20, told


def test_no_socket_no_database_no_place_of_the_host(scene: Scene) -> None:
    host, container = scene.world.host, scene.container(scene.ana)
    command = "find / -xdev -type s; ls -d /srv/jupyterhub /run/gpuhub /run/secrets-hub /host"
    told = host.docker("exec", "-u", "0", container, "sh", "-c", command, check=False)
    assert told.out == "", told
    mounts = scene.world.notebook(scene.ana)["Mounts"]
    assert {m["Destination"] for m in mounts if m["Type"] == "volume"} == {"/home/jovyan"}


def test_a_cell_has_nothing_to_give(scene: Scene) -> None:
    """No rights left, no GPU, no place among the allocator's containers."""
    world = scene.world
    assert len(world.cells()) == 2
    for cell in world.cells():
        status = world.host.docker("exec", cell, "cat", "/proc/1/status").out
        told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert [int(told[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")] == [0] * 4
        record = world.host.inspect(cell) or {}
        assert record["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
        assert not record["HostConfig"].get("DeviceRequests")
    shown = world.allocator.get("/v1/gpus")["gpus"]
    assert [gpu for gpu in shown if gpu["foreign"] or gpu["conflicts"]] == []


def others_are_served(scene: Scene) -> None:
    """Bo's server and the hub answer within two seconds."""
    for path in (f"/user/{scene.bo.name}/api/status", "/hub/api/"):
        begun = time.monotonic()
        assert scene.bo.call("GET", path).status_code == 200
        assert time.monotonic() - begun < 2, path


def test_a_fork_bomb_hurts_its_own_server_only(scene: Scene) -> None:
    host, container = scene.world.host, scene.container(scene.ana)
    command = ("exec", container, "/opt/nb/bin/python", "-c", FORK)
    counted, _ = at_once(lambda: host.docker(*command).out, lambda: others_are_served(scene))
    made, error = counted.split()
    assert 0 < int(made) < PIDS
    assert error == "11", "EAGAIN"
    others_are_served(scene)


def test_so_does_a_memory_hog(scene: Scene) -> None:
    host, container = scene.world.host, scene.container(scene.ana)
    command = ("exec", container, "/opt/nb/bin/python", "-c", HOG)
    killed, _ = at_once(
        lambda: host.docker(*command, check=False), lambda: others_are_served(scene)
    )
    assert killed.status == 137, killed
    others_are_served(scene)
    poll("ana's server or its end", lambda: scene.ana.server(), seconds=30)


def test_names_are_asked_for_where_the_machine_asks(scene: Scene) -> None:
    """At the machine itself here, to which nothing else is open."""
    seen = scene.sees(scene.ana, ("any.example.org", PORT), (scene.world.host.address, PORT))
    assert list(seen.values()) == ["open", "ECONNREFUSED"]


def test_a_cell_that_is_killed_cuts_its_server_off_and_no_more(scene: Scene) -> None:
    """No moment without rules: the server keeps its namespace, but nothing leads there any more.
    The person stops it and starts another."""
    world, container = scene.world, scene.container(scene.bo)
    cell = (world.host.inspect(container) or {})["HostConfig"]["NetworkMode"].partition(":")[2]
    world.host.docker("kill", cell)
    assert connect(world.host, container, (INTERNET, PORT))[0].told == "ENETUNREACH"
    assert (world.host.inspect(container) or {})["State"]["Running"]
    scene.bo.stop()
    scene.bo.await_stopped()
    scene.bo.start("no-gpu")
    assert scene.bo.call("GET", f"/user/{scene.bo.name}/api/status").status_code == 200
    assert len(world.cells()) == 2
