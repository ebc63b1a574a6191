"""A person's browser: Chromium, headless, logged in by the form."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from . import report
from .hub import Person
from .product import PASSWORD


@contextmanager
def browsers() -> Iterator["Browsers"]:
    """Closed with all its pages at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        yield Browsers(browser)
        browser.close()


class Browsers:
    """One Chromium; each person has cookies of their own in it."""

    def __init__(self, browser) -> None:
        self._browser = browser

    def log_in(self, person: Person) -> Page:
        context = self._browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.goto(f"{person.base}/hub/login")
        page.fill("#username_input", person.name)
        page.fill("#password_input", PASSWORD)
        page.click("#login_submit")
        page.wait_for_url(lambda url: "/hub/login" not in url)
        return page


def choose(page: Page, person: Person, profile: str, server: str = "") -> None:
    """Fill in the start form; the page of the start follows."""
    page.goto(f"{person.base}/hub/spawn/{person.name}/{server}".rstrip("/"))
    page.check(f"#profile-{profile}")
    page.click("#spawn_form [type=submit]")
    page.wait_for_url(lambda url: "/hub/spawn-pending/" in url or "/user/" in url)


def shot(page: Page, name: str) -> None:
    """A screenshot for the run's output."""
    folder = report.OUT / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
