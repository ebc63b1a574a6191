"""Profiles for groups: who is not in the group neither sees nor gets them, by form or API."""

from collections.abc import Iterator

import pytest

from harness.browser import Browsers, browsers, choose, shot
from harness.world import World


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browsers]:
    with browsers() as opened:
        yield opened


def test_each_sees_what_is_for_him(world: World, chromium: Browsers) -> None:
    ana, bo = world.person("ana", "vision"), world.person("bo")
    for person, sees in ((ana, 1), (bo, 0)):
        page = chromium.log_in(person)
        page.goto(f"{person.base}/hub/spawn")
        shot(page, f"profiles-{person.name}")
        assert page.locator("#profile-vision").count() == sees
        assert page.locator("#profile-one-gpu").count() == 1


def test_the_form_takes_a_number_of_gpus(world: World, chromium: Browsers) -> None:
    ana = world.person("ana", "vision")
    page = chromium.log_in(ana)
    page.goto(f"{ana.base}/hub/spawn")
    page.fill("#gpus-vision", "2")
    choose(page, ana, "vision")  # the form anew: one GPU, the least
    ana.await_ready()
    assert len(world.lease(ana)["gpus"]) == 1
    ana.stop()
    ana.await_stopped()
    assert ana.ask_with({"profile": "vision", "gpus": 2}).status_code in (201, 202)
    ana.await_ready()
    assert len(world.lease(ana)["gpus"]) == 2
    assert world.notebook(ana)["HostConfig"]["Memory"] == 768 * 2**20


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"profile": "vision"}, 403, "is for members of “vision” only"),
        ({"profile": "vision", "gpus": 1}, 403, "is for members of “vision” only"),
        ({"profile": "nothing"}, 400, "There is no profile"),
        ({"profile": "one-gpu", "gpus": 4}, 400, "Unknown option: gpus"),
        ({"profile": "one-gpu", "image": "debian"}, 400, "Unknown option: image"),
        ({"profile": "one-gpu", "volumes": {"/": "/host"}}, 400, "Unknown option: volumes"),
    ],
)
def test_the_api_refuses_what_the_form_does_not_offer(
    world: World, options: dict, status: int, words: str
) -> None:
    bo = world.person("bo")
    answer = bo.ask_with(options)
    assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
    assert world.nothing_left() == ""


@pytest.mark.parametrize("number", [0, 3, -1, "2", 1.5, True])
def test_a_number_outside_the_limits_is_refused(world: World, number: object) -> None:
    ana = world.person("ana", "vision")
    answer = ana.ask_with({"profile": "vision", "gpus": number})
    assert (answer.status_code, "1 to 2" in answer.json()["message"]) == (400, True), answer.text
