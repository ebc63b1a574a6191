"""CDI specs name devices by index or by UUID, as their maker liked: a lease finds them anyway."""

from collections.abc import Iterator

import pytest

from conftest import Worlds, watched
from harness.allocator import CONTAINER, uuids_of
from harness.world import World

MAKE_SPEC = "rm /etc/cdi/nvidia.yaml && TESTHOST_CDI_NAMES={} /usr/local/lib/testhost/make_gpus.py"


@pytest.fixture
def named_by_index(worlds: Worlds) -> Iterator[World]:
    """The machine with CDI, its spec made anew with indices only."""
    for world in watched(worlds.get("cdi"), one_slot=True):
        make_spec(world, "index")
        yield world
        make_spec(world, "uuid")


def make_spec(world: World, names: str) -> None:
    """The allocator reads specs every 30 s and when it starts; we do not wait for the former."""
    world.host.sh(MAKE_SPEC.format(names))
    world.host.docker("restart", CONTAINER)
    world.allocator.await_ready()


def test_names_by_index(named_by_index: World) -> None:
    world = named_by_index
    people = [world.person(name) for name in ("ana", "bo")]
    for person in people:
        person.start()
    for person in people:
        (uuid,) = uuids_of(world.lease(person))
        index = world.allocator.uuids().index(uuid)
        nodes = world.host.docker(
            "exec", world.notebook(person)["Id"], "sh", "-c", "ls /dev/nvidia*"
        )
        assert nodes.out.split() == [f"/dev/nvidia{index}"]
