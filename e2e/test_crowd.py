"""A hundred people's servers at once on one network: each served, none open to another; what a
network container costs. The servers are stubs, which answer as a server does and need little."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from conftest import Worlds
from harness import engine, report
from harness.hub import Person
from harness.neighbourhood import connect
from harness.poll import poll
from harness.product import PLACE, configure, gpuhub
from harness.product import settings as settings_of
from harness.testhost import TestHost
from harness.world import World

MANY, FEW = 100, 10
STUB = "gpuhub-e2e-stub"
OWN_SETTINGS = f"{PLACE}/hub.d/crowd.py"
HASH = "$5$crowd$" + 43 * "."  # of a password that nobody knows; without one they were locked
# Time enough for the last of a hundred, since the engine's calls wait for each other.
PATIENCE = {'start_timeout = "20s"': 'start_timeout = "240s"',
            'bind_timeout = "25s"': 'bind_timeout = "250s"'}  # fmt: skip
SETTINGS = f"""
c.DockerSpawner.image = "{STUB}"
c.DockerSpawner.volumes = {{}}
c.Spawner.poll_interval = 2
c.GpuMixin.isolate = ISOLATE
"""
PROGRAM = """#!/opt/nb/bin/python -IS
import socketserver
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.0 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 64
Server(("0.0.0.0", 8888), Answer).serve_forever()
"""

# Asks for everybody's server at the same instant, on the machine itself: its tunnel is for a few.
ASK = """
import concurrent.futures, json, sys, urllib.request
token, *names = sys.argv[1:]
def ask(name):
    request = urllib.request.Request(
        f"http://127.0.0.1:8000/hub/api/users/{name}/server", data=b'{"profile": "no-gpu"}',
        headers={"Authorization": f"token {token}"}, method="POST")
    try:
        return urllib.request.urlopen(request, timeout=120).status, ""
    except urllib.error.HTTPError as wrong:
        return wrong.code, wrong.read().decode()
with concurrent.futures.ThreadPoolExecutor(len(names)) as people:
    print(json.dumps(list(people.map(ask, names))))
"""


@dataclass
class Crowd:
    """The hub of a world, whose admin starts servers for everybody."""

    world: World
    boss: Person

    @property
    def names(self) -> list[str]:
        return [f"crowd{n}" for n in range(MANY)]

    def settle(self, isolate: bool) -> None:
        self.world.host.write(OWN_SETTINGS, SETTINGS.replace("ISOLATE", str(isolate)))
        gpuhub(self.world.host, "up")

    def start(self, names: list[str]) -> float:
        """Their servers, all at once; seconds until the last one is ready."""
        before, begun = self.ready(), time.monotonic()
        failed = self.ask(names)
        if failed:
            # Seen: runc's own "read init-p: connection reset by peer", once in some hundred starts
            # where many are made at once. A person starts again; it is counted, and bounded.
            report.say(f"starts that the engine failed: {len(failed)} of {len(names)}")
            assert len(failed) <= 3
            assert self.ask(failed) == []
        wanted = before + len(names)
        poll("all are ready", self.ready, lambda n: n == wanted, seconds=200, every=0.5)
        return time.monotonic() - begun

    def ask(self, names: list[str]) -> list[str]:
        """Ask for their servers at once; those whose server the engine could not start."""
        asked = self.world.host.exec("python3", "-c", ASK, self.boss.token, *names, seconds=150)
        answers = dict(zip(names, json.loads(asked.out), strict=True))
        refused = {name: told for name, told in answers.items() if told[0] not in (201, 202)}
        assert all("engine could not start" in told[1] for told in refused.values()), refused
        return list(refused)

    def ready(self) -> int:
        users = self.boss.api("GET", f"/users?state=ready&limit={2 * MANY}").json()
        return sum(1 for user in users if user["name"] in self.names)

    def containers(self) -> list[dict]:
        ids = self.world.notebooks()
        return json.loads(self.world.host.docker("inspect", *ids).out) if ids else []

    def leave(self) -> None:
        """All servers end at once, as when a machine is emptied; the hub hears it and tidies.

        It removes the same containers meanwhile: the engine then says that one is gone or going.
        What counts is that none is left.
        """
        remove = "docker ps -aq --filter {} | xargs -r -n 5 -P 8 docker rm -f -v"
        for label in ("label=gpuhub.notebook=1", "label=gpuhub.cell=1"):
            self.world.host.sh(remove.format(label), check=False)
        poll("no network container left", self.world.cells, lambda left: not left, seconds=40)
        poll("the hub knows", self.ready, lambda n: n == 0, seconds=40, every=0.5)
        self.world.await_nothing_left()


@pytest.fixture(scope="module")
def crowd(worlds: Worlds) -> Iterator[Crowd]:
    world = worlds.get("plain")
    make_stub(world.host)
    settings = text = settings_of(world.host)
    for short, long in PATIENCE.items():
        assert short in text
        text = text.replace(short, long)
    configure(world.host, text)
    made = Crowd(world, world.boss())
    world.host.sh("".join(f"useradd -M -p '{HASH}' {name}\n" for name in made.names))
    made.boss.api("POST", "/users", json={"usernames": made.names}).raise_for_status()
    try:
        yield made
    finally:
        made.leave()
        world.host.sh(f"rm -r {PLACE}/hub.d; docker rmi -f {STUB}")
        configure(world.host, settings)
        gpuhub(world.host, "up")


def make_stub(host: TestHost) -> None:
    host.write("/run/stub", PROGRAM)
    host.exec("chmod", "755", "/run/stub")
    image = engine.in_host(engine.image("notebook"))
    source = host.docker("create", image).out.strip()
    host.docker("cp", "/run/stub", f"{source}:/opt/nb/bin/jupyterhub-singleuser")
    host.docker("commit", source, STUB)
    host.docker("rm", source)


def test_a_hundred_at_once(crowd: Crowd) -> None:
    few = crowd.names[:FEW]
    crowd.settle(isolate=False)
    report.number(f"a start without network container, {FEW} at once", crowd.start(few) / FEW, "s")
    crowd.leave()
    crowd.settle(isolate=True)
    taken = crowd.start(few)
    report.number(f"a start with network container, {FEW} at once", taken / FEW, "s")
    crowd.leave()
    report.number(f"{MANY} people's servers, all asked for at once", crowd.start(crowd.names), "s")
    world = crowd.world
    found = crowd.containers()
    assert len(found) == len(world.cells()) == MANY
    places = {c["Id"]: (c["Config"]["Labels"]["gpuhub.address"], 8888) for c in found}
    assert len(set(places.values())) == MANY
    by_hub = connect(world.host, "gpuhub-hub-1", *places.values(), python="/opt/hub/bin/python")
    assert [one.told for one in by_hub] == ["open"] * MANY
    none_reaches_another(crowd, places)
    memory_per_cell(world)


def none_reaches_another(crowd: Crowd, places: dict[str, tuple[str, int]]) -> None:
    """Ten of them to all others."""
    for container in list(places)[:: MANY // 10]:
        others = [place for other, place in places.items() if other != container]
        seen = connect(crowd.world.host, container, *others)
        wrong = [one for one in seen if not one.refused_at_once]
        assert wrong == []


# Of the cell's own process, and of the engine's process that looks after each container.
MEMORY = """
for id in $(docker ps -q --no-trunc --filter label=gpuhub.cell=1 | head -n 20); do
  pid=$(docker inspect --format '{{.State.Pid}}' "$id")
  shim=$(pgrep -f "containerd-shim.* -id $id")
  awk -v ORS=' ' '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup" "/proc/$shim/smaps_rollup"
  echo
done
"""


def memory_per_cell(world: World) -> None:
    lines = [list(map(int, line.split())) for line in world.host.sh(MEMORY).out.splitlines()]
    cells, shims = (sorted(column)[len(lines) // 2] for column in zip(*lines, strict=True))
    report.number("memory of a network container", cells, "KiB")
    report.number("memory of the engine's process that looks after it", shims / 1024, "MiB")
    assert cells < 4096
