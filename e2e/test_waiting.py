"""Waiting in line for a GPU, as people see it: the page, restarts in between, giving up."""

import time
from collections.abc import Iterator
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Page

from harness import report
from harness.allocator import uuids_of
from harness.browser import Browsers, browsers, choose, shot
from harness.hub import Person, at_once
from harness.poll import poll
from harness.product import gpuhub
from harness.world import World

HUB = "gpuhub-hub-1"
ALLOCATOR = "gpuhub-allocator-1"
NOTICED_MS = 60_000  # the page looks every 20 s


@pytest.fixture
def chromium() -> Iterator[Browsers]:
    with browsers() as made:
        yield made


def await_in_line(world: World, person: Person, position: int, server: str = "") -> dict:
    """The person's queued lease, once it stands at `position`."""

    def look() -> dict | None:
        found = world.allocator.leases(user=person.name)
        return next((x for x in found if x["owner"]["server"] == server), None)

    lease = poll(
        f"{person.name} at place {position}",
        look,
        lambda x: x and x["queue"] and x["queue"]["position"] == position,
        seconds=30,
    )
    assert lease
    return lease


def await_product(world: World) -> None:
    poll(
        "gpuhub status",
        lambda: gpuhub(world.host, "status", check=False),
        lambda done: done.status == 0,
        seconds=90,
        every=0.5,
    )


def await_lab(page: Page, person: Person) -> None:
    own = f"/user/{person.name}/"
    page.wait_for_url(lambda url: urlparse(url).path.startswith(own), timeout=90_000)


def test_the_page_of_a_wait(world: World, chromium: Browsers) -> None:
    ana, bo, cy = (world.person(name) for name in ("ana", "bo", "cy"))
    ana.start("all-gpus")
    page, other = chromium.log_in(bo), chromium.log_in(cy)
    choose(page, bo, "one-gpu")
    page.get_by_text("You are next in line for “1 GPU”").first.wait_for()
    assert ana.name in page.inner_text("#progress-message")
    choose(other, cy, "all-gpus")
    other.get_by_text("You are second in line").first.wait_for()
    shot(other, "6-waiting")
    other.reload()
    other.get_by_text("You are second in line").first.wait_for()
    since = time.monotonic()
    ana.stop()
    await_lab(page, bo)
    report.say(f"from one's stop to the other's notebook in line: {time.monotonic() - since:.1f} s")
    other.get_by_text("You have moved up. You are next in line").first.wait_for(state="attached")
    assert len(world.lease(bo)["gpus"]) == 1


def test_stopping_on_the_page_gives_the_place_up(world: World, chromium: Browsers) -> None:
    ana, bo = world.person("ana"), world.person("bo")
    ana.start("all-gpus")
    page = chromium.log_in(bo)
    choose(page, bo, "one-gpu", server="big")
    lease = await_in_line(world, bo, 1, server="big")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#stop-server-btn")
    assert await_in_line(world, bo, 1, server="big")["id"] == lease["id"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#stop-server-btn")
    page.wait_for_url(lambda url: url.endswith("/hub/home"))
    assert world.allocator.await_ended(lease["id"])["reason"] == "cancelled"


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_the_hub_ends_during_a_wait(world: World, chromium: Browsers, how: str) -> None:
    """The place is kept, and the page goes on by itself until the server is there."""
    ana, bo = world.person("ana"), world.person("bo")
    ana.start("all-gpus")
    lease = world.lease(ana)
    page = chromium.log_in(bo)
    choose(page, bo, "one-gpu")
    place = await_in_line(world, bo, 1)
    if how == "killed":
        world.host.kill_process_of(HUB)
    else:
        world.host.docker("restart", HUB)
    page.get_by_text("The start was interrupted").first.wait_for(timeout=NOTICED_MS)
    page.get_by_text("You are next in line").first.wait_for(timeout=NOTICED_MS)
    await_product(world)
    assert await_in_line(world, bo, 1)["id"] == place["id"]
    ana.stop()
    await_lab(page, bo)
    mine = world.lease(bo)
    assert (mine["id"], mine["state"]) == (place["id"], "active")
    assert set(uuids_of(mine)) <= set(uuids_of(lease))


def test_the_grant_comes_while_the_hub_is_away(world: World) -> None:
    ana, bo = world.person("ana"), world.person("bo")
    ana.start("all-gpus")
    lease = world.lease(ana)
    bo.ask("one-gpu")
    place = await_in_line(world, bo, 1)
    world.host.docker("stop", HUB)
    try:
        world.host.docker("rm", "-f", lease["container"])
        poll(
            "granted",
            lambda: world.allocator.lease(place["id"])["state"],
            lambda state: state == "granted",
        )
    finally:
        world.host.docker("start", HUB)
    await_product(world)
    bo.await_ready()
    assert world.lease(bo)["id"] == place["id"]


def test_the_allocator_ends_during_a_wait(world: World) -> None:
    ana, bo, cy = (world.person(name) for name in ("ana", "bo", "cy"))
    ana.start("all-gpus")
    at_once(
        lambda: bo.ask("two-gpus"),
        lambda: (await_in_line(world, bo, 1), cy.ask("all-gpus")),
    )
    places = [await_in_line(world, bo, 1)["id"], await_in_line(world, cy, 2)["id"]]
    world.host.kill_process_of(ALLOCATOR)
    await_product(world)
    assert [await_in_line(world, bo, 1)["id"], await_in_line(world, cy, 2)["id"]] == places
    ana.stop()
    bo.await_ready()
    bo.stop()
    cy.await_ready()
    assert world.lease(cy)["id"] == places[1]
