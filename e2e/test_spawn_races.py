"""Starts and stops that cross each other. `world` sees afterwards that no GPU was ever shared."""

import time

from harness import report
from harness.allocator import uuids_of
from harness.hub import Person, at_once
from harness.poll import poll
from harness.world import World

DELAYS_S = (0.0, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8, 1.6)


def ask_until_taken(person: Person, profile: str = "one-gpu") -> None:
    """Ask again while the hub says that the old server is still stopping."""
    answer = poll(
        "start accepted",
        lambda: person.ask(profile),
        lambda a: a.status_code in (201, 202) or "pending" not in a.text,
        seconds=40,
    )
    assert answer.status_code in (201, 202), f"{answer.status_code}: {answer.text}"


def test_stop_and_start_again_at_once(world: World) -> None:
    ana = world.person("ana")
    ana.start("all-gpus")
    for _ in range(2):
        old = world.lease(ana)
        ana.stop()
        ask_until_taken(ana, "all-gpus")
        ana.await_ready()
        assert world.lease(ana)["id"] != old["id"]
        assert world.allocator.lease(old["id"])["state"] == "ended"
        assert len(world.notebooks()) == 1


def test_cancelled_at_each_stage(world: World) -> None:
    """Nothing is left, whatever the spawn was doing when its owner changed his mind."""
    ana = world.person("ana")
    stages = set()
    for delay_s in DELAYS_S:
        _, stage = at_once(lambda: ana.ask("one-gpu"), lambda d=delay_s: cancel_after(ana, d))
        stages.add(stage)
        poll("cancelled, or started", ana.server, lambda seen: not (seen and seen["pending"]), 60)
        ana.stop()  # the account is looked at first: a cancel before that is one of nothing
        ana.await_stopped()
        world.await_nothing_left()
    report.say(f"starts were cancelled when the hub said: {', '.join(sorted(stages))}")
    assert "spawn" in stages
    ana.start()


def cancel_after(person: Person, delay_s: float) -> str:
    """Stop the server that is being started; says what the hub was about then."""
    time.sleep(delay_s)  # chooses the stage; nothing is waited for
    model = person.server()
    stage = "nothing yet" if model is None else model["pending"] or "ready"
    person.stop()
    return stage


def test_six_asks_for_four_gpus(world: World) -> None:
    """Four get one each, the others wait, and get theirs as soon as two have stopped."""
    people = [world.person("p") for _ in range(6)]
    answers = at_once(*[lambda p=p: p.ask("one-gpu") for p in people])
    assert {a.status_code for a in answers} <= {201, 202}, [a.text for a in answers]
    in_line = [x["owner"]["user"] for x in world.allocator.leases() if x["state"] == "queued"]
    assert len(in_line) == 2
    winners = [p for p in people if p.name not in in_line]
    for person in winners:
        person.await_ready()
    held = [uuids_of(world.lease(p))[0] for p in winners]
    assert sorted(held) == sorted(world.allocator.uuids())
    at_once(*[lambda p=p: p.stop() for p in winners[:2]])
    for person in people:
        if person.name in in_line:
            person.await_ready()


def test_container_left_in_created(world: World) -> None:
    """A container of the same name, created and never started, is in nobody's way."""
    ana = world.person("ana")
    ana.start()
    name = world.notebook(ana)["Name"].removeprefix("/")
    ana.stop()
    world.await_nothing_left()
    image = world.host.docker("images", "-q", "gpuhub/notebook").out.strip()
    left = world.host.docker("create", "--name", name, "--label", "gpuhub.notebook=1", image).out
    ana.start()
    assert world.notebook(ana)["Id"] != left.strip()


def test_created_container_of_an_expired_lease_is_removed(world: World) -> None:
    asked = world.allocator.ask("fay", {"all": True}, "created-1").json
    create = ["create", *asked["inject"]["docker_run"], "debian:trixie-slim", "sleep", "600"]
    container = world.host.docker(*create).out.strip()
    ended = world.allocator.await_ended(asked["id"], seconds=40)
    assert ended["reason"] == "expired"
    poll("removed", lambda: world.host.inspect(container) is None)


def test_started_again_after_its_lease_ended(world: World) -> None:
    """`docker start` of an old container is a conflict: reported, and its GPUs are not granted."""
    asked = world.allocator.ask("gil", {"all": True}, "old-1").json
    create = ["create", *asked["inject"]["docker_run"], "debian:trixie-slim", "sleep", "600"]
    container = world.host.docker(*create).out.strip()
    path = f"/v1/leases/{asked['id']}/bind"
    bound = world.allocator.call("POST", path, {"container": container, "epoch": asked["epoch"]})
    assert bound.status == 200, bound
    world.host.docker("start", container)
    world.host.docker("kill", container)
    world.allocator.await_ended(asked["id"])
    world.host.docker("start", container)
    poll("conflict seen", lambda: all(gpu["conflicts"] for gpu in world.allocator.gpus()))
    refused = world.allocator.ask("hal", {"count": 1}, "old-2")
    assert refused.problem == "no-gpu-free", refused
    world.host.docker("rm", "-f", container)
    poll("conflict over", lambda: not any(gpu["conflicts"] for gpu in world.allocator.gpus()))
