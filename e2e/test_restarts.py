"""Any part restarts or is killed at any time: leases stay right, nothing is handed out twice."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.allocator import uuids_of
from harness.hub import Person, at_once
from harness.neighbourhood import connect
from harness.poll import poll
from harness.recovery import await_product, comes_back_right
from harness.testhost import TestHost
from harness.world import World

HUB = "gpuhub-hub-1"
ALLOCATOR = "gpuhub-allocator-1"


def serves(person: Person) -> bool:
    """Whether the person's server answers through the proxy."""
    return person.call("GET", f"/user/{person.name}/api/status").status_code == 200


def assert_lives_on(world: World, person: Person, lease: dict) -> None:
    """The server is reachable, its hub knows it, and its lease is the same one."""
    poll(f"{person.name}'s server answers", lambda: serves(person), seconds=30)
    model = poll(f"{person.name}'s server known", person.server, lambda m: m and m["ready"])
    assert model and model["ready"]
    now = world.lease(person)
    assert (now["id"], now["state"], uuids_of(now)) == (lease["id"], "active", uuids_of(lease))


def assert_next_gets_another(world: World, lease: dict) -> None:
    bo = world.person("bo")
    bo.start()
    assert not set(uuids_of(world.lease(bo))) & set(uuids_of(lease))


@contextmanager
def away(world: World, container: str) -> Iterator[None]:
    """Stopped for a while; started again whatever happens, for the tests that follow."""
    world.host.docker("stop", container)
    try:
        yield
    finally:
        world.host.docker("start", container)


def pid_of(host: TestHost, container: str) -> int:
    return (host.inspect(container) or {}).get("State", {}).get("Pid", 0)


def kill_and_await(world: World, *containers: str) -> None:
    """SIGKILL from outside the engine, so that the restart policy acts."""
    before = {name: pid_of(world.host, name) for name in containers}
    for name in containers:
        world.host.kill_process_of(name)
    for name in containers:
        poll(
            f"{name} runs again",
            lambda name=name: pid_of(world.host, name),
            lambda pid, name=name: pid not in (0, before[name]),
            seconds=60,
        )
    await_product(world)


def test_hub_restarts(world: World) -> None:
    ana = world.person("ana")
    ana.start()
    lease = world.lease(ana)
    assert serves(ana)  # and the server knows her token now, without asking the hub again
    with away(world, HUB):
        assert serves(ana), "servers are reachable while the hub is away"
    await_product(world)
    assert_lives_on(world, ana, lease)
    assert_next_gets_another(world, lease)


def test_allocator_restarts(world: World) -> None:
    ana = world.person("ana")
    ana.start()
    lease = world.lease(ana)
    world.host.docker("restart", ALLOCATOR)
    world.allocator.await_ready()
    assert_lives_on(world, ana, lease)
    assert_next_gets_another(world, lease)


def test_server_ends_while_the_allocator_is_away(world: World) -> None:
    ana = world.person("ana")
    ana.start("all-gpus")
    lease = world.lease(ana)
    with away(world, ALLOCATOR):
        world.host.docker("rm", "-f", lease["container"])
    await_product(world)
    assert world.allocator.await_ended(lease["id"])["reason"] == "container_gone"
    granted = world.allocator.ask("bo", {"all": True}, f"after-{lease['id']}")
    assert granted.status == 201, granted


def test_hub_and_allocator_killed_during_starts(world: World) -> None:
    ana = world.person("ana")
    ana.start()
    lease = world.lease(ana)
    people = [world.person(name) for name in ("bo", "cy")]
    at_once(*[lambda p=p: p.ask("one-gpu") for p in people])
    kill_and_await(world, HUB, ALLOCATOR)
    assert_lives_on(world, ana, lease)
    for person in people:
        poll(
            f"{person.name} is served or may ask again",
            lambda p=person: (p.server() or {}).get("ready") or p.ask("one-gpu").status_code == 201,
            seconds=90,
            every=0.5,
        )
        person.await_ready()
    held = [uuids_of(world.lease(p))[0] for p in (ana, *people)]
    assert len(set(held)) == 3


def test_engine_restarts_and_containers_live_on(world: World) -> None:
    world.host.live_restore(True)
    ana = world.person("ana")
    ana.start()
    lease, cells = world.lease(ana), world.cells()
    world.host.restart_engine()
    await_product(world)
    world.host.live_restore(False)
    assert_lives_on(world, ana, lease)
    assert world.cells() == cells
    seen = connect(world.host, lease["container"], ("hub", 8081), ("proxy", 8001))
    assert [one.told for one in seen] == ["open", "ECONNREFUSED"], "still closed as before"
    assert_next_gets_another(world, lease)


def test_engine_restarts_and_takes_all_down(world: World) -> None:
    ana = world.person("ana")
    ana.start("all-gpus")
    lease = world.lease(ana)
    world.host.restart_engine()
    await_product(world)
    comes_back_right(world, ana, lease)


def test_reboot_and_power_cut(world: World) -> None:
    ana = world.person("ana")
    for way in (world.host.reboot, world.host.cut_power):
        ana.start("all-gpus")
        lease = world.lease(ana)
        way()
        await_product(world)
        comes_back_right(world, ana, lease)
        ana.stop()
        world.await_nothing_left()
