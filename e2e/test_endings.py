"""However a server ends, its GPU is free when the container is gone, and not before."""

from datetime import datetime

import pytest

from harness import report
from harness.allocator import uuids_of
from harness.hub import Person, at_once, words_of
from harness.intervals import event_times
from harness.kernel import run_code
from harness.poll import poll
from harness.world import World

# The server's process is the one to go when memory ends; then its container ends.
EAT_MEMORY = """
import os
with open(f"/proc/{os.getppid()}/oom_score_adj", "w") as score:
    score.write("1000")
eaten = []
while True:
    eaten.append(bytearray(os.urandom(1) * 2**24))
"""


def ns(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1e9)


def engine_said(world: World, container: str, action: str) -> int:
    """When the engine said it, in ns; waits for the record to have it."""
    return poll(
        f"the engine's event {action}",
        lambda: event_times(world.events(), container, action),
    )[-1]


def assert_ended(world: World, lease: dict, reasons: set[str], how: str) -> dict:
    """It ends for one of these reasons, after the engine's event; the delay is reported."""
    ended = world.allocator.await_ended(lease["id"])
    assert ended["reason"] in reasons
    said = engine_said(world, lease["container"], "die")
    delay_ms = (ns(ended["ended_at"]) - said) / 1e6
    assert delay_ms > -2, "ended before the engine said so"
    assert delay_ms < 5_000, "noticed by an event, and not by looking around now and then"
    report.number(f"{how}: engine's event to committed end", delay_ms, "ms")
    return ended


def start_form(person: Person) -> str:
    return words_of(person.page(f"/hub/spawn/{person.name}").text)


def await_hub_noticed(person: Person) -> None:
    """The hub looks every 30 s by itself; a page or a call may make it look sooner."""
    poll(
        "the hub noticed",
        lambda: person.server(),
        lambda model: model is None or model["stopped"],
        seconds=45,
        every=0.5,
    )


def test_stopped_by_the_hub(world: World) -> None:
    ana = world.person("ana")
    ana.start()
    lease = world.lease(ana)
    assert ana.stop().status_code in (202, 204)
    assert_ended(world, lease, {"released"}, "stop by the hub")
    assert world.host.inspect(lease["container"]) is None, "a stopped notebook is removed"


def test_gpus_stay_taken_while_a_stopping_container_runs(world: World) -> None:
    ana = world.person("ana")
    ana.start("all-gpus")
    lease = world.lease(ana)
    pid = world.notebook(ana)["State"]["Pid"]
    world.host.exec("kill", "-STOP", str(pid))  # it will not hear SIGTERM: 10 s to SIGKILL
    asks = 0

    def ask() -> bool:
        nonlocal asks
        asks += 1
        answer = world.allocator.ask("bo", {"count": 1}, f"while-{lease['id']}-{asks}")
        assert answer.status == 201 or answer.problem == "no-gpu-free", answer
        return answer.status == 201

    # While it stops: the hub answers after 10 s, when the engine's patience ends as well.
    at_once(ana.stop, lambda: poll("granted after the end", ask, seconds=40))
    assert asks > 1, "the first ask must be refused: the container still ran"
    bos = world.allocator.lease_of("bo")
    assert ns(bos["created_at"]) >= engine_said(world, lease["container"], "die") - 1_000_000


def test_ended_behind_the_hubs_back(world: World) -> None:
    ana, bo = world.person("ana"), world.person("bo")
    at_once(ana.start, bo.start)
    anas, bos = world.lease(ana), world.lease(bo)
    world.host.docker("kill", anas["container"])
    assert_ended(world, anas, {"container_exited"}, "docker kill")
    world.host.docker("rm", "-f", bos["container"])
    # The engine kills before it removes: which of the two is seen first is a race.
    assert_ended(world, bos, {"container_exited", "container_gone"}, "docker rm -f")
    for person in (ana, bo):
        await_hub_noticed(person)
    assert "it was killed (exit code 137)" in start_form(ana)
    told = start_form(bo)
    assert "it was killed (exit code 137)" in told or "removed from outside the hub" in told
    ana.start()
    assert world.lease(ana)["id"] != anas["id"]


def test_deleted_user_keeps_nothing(world: World) -> None:
    """Also named servers: the hub forgets them when their user is deleted."""
    ana = world.person("ana")
    ana.start()
    ana.start(server="second")
    leases = [world.lease(ana), world.lease(ana, "second")]
    assert uuids_of(leases[0]) != uuids_of(leases[1])
    assert world.boss().api("DELETE", f"/users/{ana.name}").status_code == 204
    for lease in leases:
        assert_ended(world, lease, {"released"}, "user deleted")
        assert world.host.inspect(lease["container"]) is None
    world.people.remove(ana)


def test_out_of_memory(world: World) -> None:
    ana = world.person("ana")
    ana.start()
    lease = world.lease(ana)
    with pytest.raises(Exception):  # noqa: B017, PT011 - the connection is cut, in one way or another
        run_code(ana, EAT_MEMORY)
    ended = assert_ended(world, lease, {"container_exited"}, "out of memory")
    assert (ended["oom_killed"], ended["exit_code"]) == (True, 137)
    await_hub_noticed(ana)
    assert "it ran out of memory" in start_form(ana)
