"""Allocator, hub and engine are killed under load, 208 times; afterwards books and engine agree.

Longer runs, and a run again: E2E_KILL_ROUNDS and E2E_KILL_SEED (docs/testing.md).
"""

import json
import os
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from harness import report
from harness.allocator import uuids_of
from harness.hub import Person, at_once
from harness.poll import TooLate, poll
from harness.product import gpuhub
from harness.recovery import await_product
from harness.world import World

ROUNDS = int(os.environ.get("E2E_KILL_ROUNDS", "8"))  # of each of the two tests
SEED = os.environ.get("E2E_KILL_SEED", "")
KILLS_A_ROUND = 13
STRAYS_GONE_S = 120
SECONDS_A_ROUND = 60  # at the very most
DRIVER = Path(__file__).parent / "harness" / "kill_driver.py"
PLACE = "/opt/kill_driver.py"
SERVICES = (
    "gpuhub-allocator-1",
    "gpuhub-login-1",
    "gpuhub-hub-1",
    "gpuhub-proxy-1",
    "gpuhub-status-1",
)


def run_driver(world: World, seed: str, over: threading.Event) -> dict:
    try:
        world.host.write(PLACE, DRIVER.read_text())
        limit_s = 120 + ROUNDS * SECONDS_A_ROUND
        said = world.host.exec("python3", PLACE, seed, str(ROUNDS), seconds=limit_s)
        return json.loads(said.out.splitlines()[-1])
    finally:
        over.set()


def use_the_hub(person: Person, over: threading.Event) -> Counter:
    """Start and stop a server, as far as it goes while everything is killed."""
    counted: Counter[str] = Counter()
    while not over.is_set():
        counted["asked the hub"] += 1
        try:
            if person.ask("one-gpu").status_code in (201, 202):
                poll("ready", person.server, lambda m: m and m["ready"], seconds=20)
                counted["servers ready"] += 1
                person.stop()
                person.await_stopped()
        except (httpx.HTTPError, TooLate):
            counted["asked the hub in vain"] += 1
        over.wait(0.5)
    return counted


def books(world: World) -> dict:
    """What the allocator says is held: lease to container, GPUs and devices."""
    found = {}
    for listed in world.allocator.leases():
        if listed["state"] == "queued":  # of a worker who has left: holds nothing
            continue
        lease = world.allocator.lease(listed["id"])
        devices = lease.get("inject", {}).get("host_config", {}).get("Devices")
        found[lease["id"]] = (lease["state"], lease["container"], uuids_of(lease), devices)
    return found


def engine_says(world: World) -> dict:
    """The same by docker inspect, of every container that runs with a lease's label."""
    ids = world.host.docker("ps", "-q", "--no-trunc", "--filter", "label=gpuhub.lease").out.split()
    shown = world.host.docker("container", "inspect", *ids).out if ids else "[]"
    found = {}
    for record in json.loads(shown):
        labels = record["Config"]["Labels"]
        lease = labels["gpuhub.lease"]
        assert lease not in found, f"two containers run with {lease}"
        gpus = [gpu for gpu in labels["gpuhub.gpus"].split(",") if gpu]
        found[lease] = ("active", record["Id"], gpus, record["HostConfig"]["Devices"])
    return found


def assert_no_leak(world: World) -> None:
    """All GPUs can be had, one each, and no more."""
    number = len(world.allocator.uuids())
    answers = [world.allocator.ask(f"last{n}", {"count": 1}, f"l{n}-{world.now_ns()}")
               for n in range(number + 1)]  # fmt: skip
    assert [a.status for a in answers] == [201] * number + [409], answers
    for answer in answers[:number]:
        world.allocator.release(answer.json["id"])


def await_services(world: World) -> None:
    """All healthy. An engine killed at a bad moment may lose track of a container for good: it then
    starts and kills it in turn. Such services are made anew, as an admin would."""
    try:
        await_product(world, seconds=60)
    except TooLate as wrong:
        report.say(f"services made anew after the kills: {str(wrong)[:300]}")
        world.host.docker("rm", "-f", *SERVICES, check=False)
        gpuhub(world.host, "up")
        await_product(world)


def remove_load(world: World) -> None:
    """The driver's containers, and the requests of its workers."""
    world.host.sh("docker ps -aq --filter name=load- | xargs -r docker rm -f")
    for lease in world.allocator.leases():
        if lease["owner"]["user"].startswith("load-"):
            world.allocator.release(lease["id"])


@pytest.fixture
def world_of_kills(world: World) -> Iterator[World]:
    yield world
    poll("the engine answers", lambda: world.host.docker("version").status == 0, seconds=60)
    world.host.live_restore(False)
    await_services(world)
    remove_load(world)


@pytest.mark.parametrize("live_restore", [False, True], ids=["plain", "live-restore"])
def test_kills_under_load(world_of_kills: World, live_restore: bool) -> None:
    world = world_of_kills
    seed = SEED or str(random.SystemRandom().randrange(10**9))
    print(f"E2E_KILL_SEED={seed} E2E_KILL_ROUNDS={ROUNDS}")
    world.host.live_restore(live_restore)
    ana, bo = world.person("ana"), world.person("bo")
    ana.start()
    lease = world.lease(ana)
    over = threading.Event()
    told, hub = at_once(lambda: run_driver(world, seed, over), lambda: use_the_hub(bo, over))
    counted = Counter(told["counted"]) + hub
    line = ", ".join(f"{n} {what}" for what, n in sorted(counted.items()))
    report.say(f"kills, live-restore {live_restore}, seed {seed}: {line}; s: {told['took_s']}")
    assert told["wrong"] == []
    kills = sum(n for what, n in counted.items() if what.startswith("kills of"))
    assert kills == ROUNDS * KILLS_A_ROUND
    assert counted["containers started"] >= ROUNDS
    await_services(world)
    poll(
        "books and engine agree",
        lambda: (books(world), engine_says(world)),
        lambda both: both[0] == both[1],
        seconds=60,
        every=0.5,
    )
    state = "active" if live_restore else "ended"
    assert world.allocator.lease(lease["id"])["state"] == state
    remove_load(world)
    for person in (ana, bo):
        poll(
            f"{person.name}'s server is settled",
            person.server,
            lambda model: model is None or not model["pending"],
            seconds=90,
        )
        person.stop()
        person.await_stopped()
    # A stop that met a killed engine leaves the container to the hub's look for strays: a minute
    # after it was given up, by looks 20 s apart, with the grace of a stop.
    world.await_nothing_left(STRAYS_GONE_S)
    assert_no_leak(world)
    ana.start("all-gpus")
    assert uuids_of(world.lease(ana)) == world.allocator.uuids()
