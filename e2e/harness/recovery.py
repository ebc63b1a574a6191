"""After an engine or a machine went away: everything is there again, and leases are right."""

from .hub import Person
from .poll import poll
from .product import gpuhub
from .world import World


def await_product(world: World, seconds: float = 90) -> None:
    """All services healthy, by the product's own word."""
    poll(
        "gpuhub status",
        lambda: gpuhub(world.host, "status", check=False),
        lambda done: done.status == 0,
        seconds=seconds,
        every=0.5,
    )
    world.allocator.await_ready()


def comes_back_right(world: World, person: Person, lease: dict, profile: str = "all-gpus") -> None:
    """The server went with its engine: its lease ended, and a new start gets the GPUs."""
    world.allocator.await_ended(lease["id"])
    poll(
        "the hub knows",
        person.server,
        lambda m: m is None or (not m["ready"] and not m["pending"]),
        seconds=45,
    )
    person.start(profile)
    assert world.lease(person)["id"] != lease["id"]
