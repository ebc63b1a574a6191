"""Oversubscription: with two slots a third and a fourth person share, on the least used GPU."""

from collections import Counter
from collections.abc import Iterator

import pytest

from conftest import Worlds, watched
from harness.allocator import uuids_of
from harness.hub import at_once
from harness.world import World


@pytest.fixture
def two_of_two_slots(worlds: Worlds) -> Iterator[World]:
    """Two GPUs with two slots each; the other two take no leases."""
    for world in watched(worlds.get("plain"), one_slot=False):
        uuids = world.allocator.uuids()
        changes = [{"slots": 2}] * 2 + [{"drain": True}] * 2
        for uuid, change in zip(uuids, changes, strict=True):
            patched = world.allocator.call("PATCH", f"/v1/gpus/{uuid}", change)
            assert patched.status == 200, patched
        yield world
        for uuid in uuids:
            world.allocator.call("PATCH", f"/v1/gpus/{uuid}", {"slots": 1, "drain": False})


def test_third_and_fourth_get_the_least_used(two_of_two_slots: World) -> None:
    world = two_of_two_slots
    uuids = world.allocator.uuids()
    people = [world.person(name) for name in ("ana", "bo", "cy", "di", "ed")]
    at_once(*[lambda p=p: p.start() for p in people[:2]])
    first = [uuids_of(world.lease(p))[0] for p in people[:2]]
    assert sorted(first) == sorted(uuids[:2]), "each has a GPU of his own while there is one"
    at_once(*[lambda p=p: p.start() for p in people[2:4]])
    everyone = Counter(uuids_of(world.lease(p))[0] for p in people[:4])
    assert everyone == dict.fromkeys(uuids[:2], 2)
    people[4].ask("one-gpu")
    assert world.lease(people[4])["state"] == "queued"
