"""Pages in a person's browser: JupyterLab, left alone or with a cell at work; that of the GPUs."""

from typing import ClassVar

from playwright.sync_api import Page

from .browser import shot
from .hub import Person
from .poll import poll
from .work import Kernel
from .world import World

NOTICE = ".jp-Notification-Toast, .Toastify__toast"
REMEMBER = f"""
window.noticed = [];
new MutationObserver(() => {{
  for (const each of document.querySelectorAll("{NOTICE}")) {{
    const words = each.innerText.replace(/\\s+/g, " ").trim();
    if (words && !window.noticed.includes(words)) window.noticed.push(words);
  }}
}}).observe(document, {{ subtree: true, childList: true, characterData: true }});
"""


def lab(page: Page, person: Person, path: str = "lab") -> None:
    """JupyterLab, loaded, its status item there."""
    page.goto(f"{person.base}/user/{person.name}/{path}")
    page.locator(".gpuhub-Status a").wait_for(timeout=60_000)


class Tab:
    """JupyterLab left alone, and the notices that it has shown, however briefly."""

    WARNINGS: ClassVar = {
        "first": r"Your server ends .*Keep",
        "last": r"Last warning: your server ends .*Keep",
    }

    def __init__(self, page: Page, person: Person) -> None:
        self.page, self.person = page, person
        self.seen: list[str] = []
        page.add_init_script(REMEMBER)
        lab(page, person)

    def look(self) -> None:
        for words in self.page.evaluate("window.noticed"):
            if words not in self.seen:
                self.seen.append(words)
                shot(self.page, f"idle-warning-{self.person.name}-{len(self.seen)}")


class Card:
    """The person's server on the page of the GPUs, and the warnings that stood on it."""

    WARNINGS: ClassVar = {"first": r"Warning: ends in .*", "last": r"Last warning: ends in .*"}

    def __init__(self, page: Page, person: Person) -> None:
        self.page, self.person = page, person
        self.seen: list[str] = []

    def look(self) -> None:
        self.page.goto(f"{self.person.base}/services/gpus/")
        for words in self.page.locator(".gpus-warned .gpus-ends").all_inner_texts():
            which = words.split(":")[0]
            if not any(each.startswith(which) for each in self.seen):
                self.seen.append(words.replace("\n", " ").strip())
                shot(self.page, f"idle-card-{self.person.name}-{len(self.seen)}")


def open_notebook_with_busy_cell(world: World, page: Page, person: Person) -> None:
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [],
            "execution_count": None, "id": "a"}  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    content = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    place = f"/user/{person.name}/api"
    body = {"type": "notebook", "content": content}
    assert person.call("PUT", f"{place}/contents/n.ipynb", json=body).status_code == 201
    lab(page, person, "lab/tree/n.ipynb")
    ident = poll(
        "the notebook's kernel",
        lambda: person.call("GET", f"{place}/sessions").json(),
        lambda listed: listed and listed[0]["kernel"],
    )[0]["kernel"]["id"]
    Kernel(world, person, ident).run("import time; time.sleep(600)", wait=False)
