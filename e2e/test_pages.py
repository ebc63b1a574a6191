"""What people see, in Chromium: log in, choose, start, run; and words when all GPUs are leased."""

from collections.abc import Iterator
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Page, sync_playwright

from harness import report
from harness.hub import Person
from harness.product import PASSWORD
from harness.world import World


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(30_000)
        yield context.new_page()
        browser.close()


def shot(page: Page, name: str) -> None:
    folder = report.OUT / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


def log_in(page: Page, person: Person) -> None:
    page.goto(f"{person.base}/hub/login")
    page.fill("#username_input", person.name)
    page.fill("#password_input", PASSWORD)
    page.click("#login_submit")
    page.wait_for_url(lambda url: "/hub/login" not in url)


def test_from_log_in_to_a_notebook(world: World, page: Page) -> None:
    ana = world.person("ana")
    page.goto(f"{ana.base}/hub/login")
    shot(page, "1-login")
    log_in(page, ana)
    page.goto(f"{ana.base}/hub/spawn")
    assert "4 of 4 GPUs have room" in page.inner_text("#spawn_form")
    shot(page, "2-form")
    page.check("#profile-two-gpus")
    page.click("#spawn_form [type=submit]")
    page.wait_for_url(lambda url: "/hub/spawn-pending/" in url or "/user/" in url)
    shot(page, "3-pending")
    own = f"/user/{ana.name}/"
    page.wait_for_url(lambda url: urlparse(url).path.startswith(own), timeout=90_000)
    page.wait_for_selector(".jp-LauncherCard", timeout=60_000)
    shot(page, "4-lab")
    assert len(world.lease(ana)["gpus"]) == 2


def test_all_gpus_leased_says_who_holds_them(world: World, page: Page) -> None:
    ana, bo = world.person("ana"), world.person("bo")
    ana.start("all-gpus")
    log_in(page, bo)
    page.goto(f"{bo.base}/hub/spawn")
    assert "0 of 4 GPUs have room" in page.inner_text("#spawn_form")
    page.check("#profile-one-gpu")
    page.click("#spawn_form [type=submit]")
    page.get_by_text("You are next in line").first.wait_for()
    shot(page, "5-all-leased")
    assert ana.name in page.inner_text("#progress-message")
