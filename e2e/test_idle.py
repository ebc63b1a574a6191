"""Idle servers end after two warnings and say why; who works, keeps or cannot be judged goes on."""

import re
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from playwright.sync_api import Page

from conftest import Worlds, watched
from harness import report
from harness.browser import Browsers, browsers, shot
from harness.hub import Person, at_once
from harness.poll import poll
from harness.product import configure, gpuhub, settings
from harness.recovery import await_product
from harness.work import (
    Kernel,
    await_state,
    judged,
    load_gpu,
    pid_of,
    rest_all_gpus,
    terminal,
    use_gpu,
)
from harness.world import World

LIMIT_S, UNKNOWN_S, KEEP_S, KEEP_MAX_S = 45, 75, 20, 30
PATIENT_S = 90  # of a profile of its own: time to see each warning
SETTINGS = f"""
[idle]
gpu_limit = "{LIMIT_S}s"
limit = "{LIMIT_S}s"
unknown_limit = "{UNKNOWN_S}s"
keep = "{KEEP_S}s"
keep_max = "{KEEP_MAX_S}s"
look_every = "1s"
sample_every = "1s"
[[profiles]]
slug = "patient"
gpus = 1
idle_limit = "{PATIENT_S}s"
"""
HUB = "gpuhub-hub-1"
NOTICE = ".jp-Notification-Toast, .Toastify__toast"
LATE_S = 15  # after its time, at most: looks, the stop itself
INPUT_EVERY_S = 10  # a page tells of a person's input so often


@pytest.fixture(scope="module")
def quick_world(worlds: Worlds) -> Iterator[World]:
    """The product with short limits and three slots on each GPU; afterwards as it was."""
    world = worlds.get("plain")
    before = world.host.exec("cat", "/opt/gpuhub/gpuhub.toml").out
    text = settings(world.host, slots=3, extra=SETTINGS)
    configure(world.host, text.replace("[allocator]", '[allocator]\nshow_holders = "group"'))
    gpuhub(world.host, "up")
    give_slots(world, 3)  # what was said of single GPUs before wins over the file
    yield world
    configure(world.host, before)
    gpuhub(world.host, "up")
    give_slots(world, 1)


def give_slots(world: World, number: int) -> None:
    for uuid in world.allocator.uuids():
        answer = world.allocator.call("PATCH", f"/v1/gpus/{uuid}", {"slots": number})
        assert answer.status == 200, answer


@pytest.fixture
def quick(quick_world: World) -> Iterator[World]:
    rest_all_gpus(quick_world)
    yield from watched(quick_world, one_slot=False)
    rest_all_gpus(quick_world)
    on_gpus(quick_world, 0, 1, 2, 3)


@pytest.fixture
def chromium() -> Iterator[Browsers]:
    with browsers() as made:
        yield made


def lab(page: Page, person: Person, path: str = "lab") -> None:
    """JupyterLab, loaded, its status item there."""
    page.goto(f"{person.base}/user/{person.name}/{path}")
    page.locator(".gpuhub-Status a").wait_for(timeout=60_000)


def moment(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()


def await_end(world: World, person: Person, seconds: float) -> dict:
    """The person's lease, ended, with the time of its end."""
    person.await_stopped(seconds=seconds)
    ended = world.allocator.leases("ended", person.name)
    return max(ended, key=lambda lease: lease["ended_at"])


def serves(person: Person) -> bool:
    model = person.server()
    return bool(model and model["ready"])


REMEMBER = f"""
window.noticed = [];
new MutationObserver(() => {{
  for (const each of document.querySelectorAll("{NOTICE}")) {{
    const words = each.innerText.replace(/\\s+/g, " ").trim();
    if (words && !window.noticed.includes(words)) window.noticed.push(words);
  }}
}}).observe(document, {{ subtree: true, childList: true, characterData: true }});
"""


class Tab:
    """A page left alone, and the warnings that it has shown, however briefly."""

    def __init__(self, page: Page, person: Person) -> None:
        self.page = page
        self.seen: list[str] = []
        page.add_init_script(REMEMBER)
        lab(page, person)

    def look(self) -> None:
        for words in self.page.evaluate("window.noticed"):
            if words not in self.seen:
                self.seen.append(words)
                shot(self.page, f"idle-warning-{len(self.seen)}")


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


def on_gpus(world: World, *indices: int) -> None:
    """New leases go to these GPUs only."""
    for index, uuid in enumerate(world.allocator.uuids()):
        world.allocator.call("PATCH", f"/v1/gpus/{uuid}", {"drain": index not in indices})


def begin_cell(world: World, person: Person, code: str) -> None:
    person.start()
    Kernel.begin(world, person).run(code, wait=False)


def begin_thread(world: World, person: Person) -> None:
    """A cell has ended, what it began still uses the GPU."""
    person.start()
    kernel = Kernel.begin(world, person)
    kernel.run("import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()")
    use_gpu(world, person, kernel.pid(), percent=40)


def begin_nohup(world: World, person: Person) -> None:
    person.start()
    terminal(person, "nohup sleep 777 > /dev/null 2>&1 & exit")
    pid = poll("the job", lambda: pid_of(world, person, "sleep 777"))
    use_gpu(world, person, pid, percent=35)


def begin_shell(person: Person) -> None:
    person.start()
    terminal(person, "sleep 600")


def hold_memory(world: World, person: Person) -> None:
    kernel = Kernel.begin(world, person)
    kernel.run("x = 1")
    use_gpu(world, person, kernel.pid(), percent=0, memory_mib=4000)


WORKING = ["silent", "tabbed", "thread", "nohup", "shell", "typist", "printer"]
RESTING = ["forgetful", "holder", "gone"]
GPU_IDLE = r"GPU idle for ([45]\d seconds|1 minute)"
PRINTING = "import time\nfor n in range(600): print(n, flush=True); time.sleep(1)"


def test_who_works_goes_on_and_who_does_not_is_ended(quick: World, chromium: Browsers) -> None:
    """All at once, on four GPUs with three slots: the load of each is told apart."""
    world = quick
    people = {name: world.person(name) for name in WORKING + RESTING}
    on_gpus(world, 0)
    begin_thread(world, people["thread"])
    on_gpus(world, 1, 2, 3)
    at_once(
        lambda: begin_cell(world, people["silent"], "import time; time.sleep(600)"),
        lambda: begin_cell(world, people["printer"], PRINTING),
        lambda: begin_nohup(world, people["nohup"]),
        lambda: begin_shell(people["shell"]),
    )
    people["tabbed"].start()
    open_notebook_with_busy_cell(world, chromium.log_in(people["tabbed"]), people["tabbed"])
    opened = time.time()
    at_once(lambda: people["forgetful"].start("patient"), people["gone"].start)
    tab = Tab(chromium.log_in(people["forgetful"]), people["forgetful"])
    shot(tab.page, "idle-status-item")
    closed = chromium.log_in(people["gone"])
    lab(closed, people["gone"])
    closed.close()
    on_gpus(world, 0)
    people["holder"].start()
    begun = time.time()
    hold_memory(world, people["holder"])
    on_gpus(world, 0, 1, 2, 3)
    both = [world.lease(people[name])["gpus"][0]["uuid"] for name in ("thread", "holder")]
    assert both == [world.allocator.uuids()[0]] * 2, "one GPU, two people, one of them at work"
    settled = time.time()
    typing = chromium.log_in(people["typist"])
    people["typist"].start()  # last: from now on nothing keeps us from typing
    lab(typing, people["typist"])
    pressed = await_ends(people, typing, tab, settled + PATIENT_S + LATE_S)
    ended = {name: moment(await_end(world, people[name], 20)["ended_at"]) for name in RESTING}
    assert begun + LIMIT_S <= ended["holder"] <= settled + LIMIT_S + LATE_S, ended
    assert ended["gone"] <= settled + LIMIT_S + LATE_S, ended
    assert opened + PATIENT_S <= ended["forgetful"] <= settled + PATIENT_S + LATE_S, ended
    for words in ("Your server ends", "Last warning: your server ends"):
        assert any(text.startswith(words) and text.endswith("Keep") for text in tab.seen), tab.seen
    report.say(f"warnings of a forgotten tab: {tab.seen}")
    assert all(serves(people[name]) for name in WORKING)
    states = {name: judged(people[name]) for name in WORKING}
    at_hand = states.pop("typist")
    assert {each["state"] for each in states.values()} == {"busy"}, states
    assert at_hand["idle_for_s"] < time.time() - pressed + INPUT_EVERY_S + 3, at_hand
    the_pages_say_why(people["holder"], chromium)


def await_ends(people: dict[str, Person], typing: Page, tab: Tab, until: float) -> float:
    """Who rests is ended in time, and nobody else; one types meanwhile, for longer than the limit,
    and last at the time returned."""
    ended: set[str] = set()
    long_enough = time.time() + LIMIT_S + LATE_S
    pressed = 0.0
    while pressed < long_enough or (len(ended) < len(RESTING) and pressed < until):
        typing.keyboard.press("Shift")
        pressed = time.time()
        tab.look()
        ended |= {name for name in RESTING if not serves(people[name])}
        lost = [name for name in WORKING if not serves(people[name])]
        assert lost == [], f"ended though at work: {lost}; {tab.seen}"
        time.sleep(0.5)
    assert ended == set(RESTING), f"not ended in time: {set(RESTING) - ended}"
    return pressed


def the_pages_say_why(person: Person, chromium: Browsers) -> None:
    page = chromium.log_in(person)
    page.goto(f"{person.base}/hub/home")
    said = page.locator(".gpuhub-ended").inner_text()
    shot(page, "idle-ended-home")
    assert re.search(f"ended at .*: {GPU_IDLE}", said), said
    for path, name in (("/hub/spawn", "form"), (f"/user/{person.name}/lab", "not-running")):
        page.goto(person.base + path)
        shot(page, f"idle-ended-{name}")
        assert re.search(GPU_IDLE, page.inner_text("body")), name


def test_keep_extends_up_to_the_cap(quick: World, chromium: Browsers) -> None:
    world = quick
    ana, bo = world.person("ana"), world.person("bo")
    at_once(ana.start, bo.start)
    tab = chromium.log_in(ana)
    lab(tab, ana)
    tab.get_by_role("button", name="Keep").wait_for(timeout=(LIMIT_S + LATE_S) * 1000)
    before = judged(bo)  # who has nobody at his tab
    assert before["warning"], before
    # By the API, again and again: never beyond the limit and what Keep gives in all.
    idle_since = time.time() - before["idle_for_s"]
    cap = idle_since + LIMIT_S + KEEP_MAX_S
    for asked in (KEEP_S, 10**6, KEEP_MAX_S):
        answer = bo.call("POST", "/services/gpus/api/keep", json={"server": "", "for_s": asked})
        assert answer.status_code in (200, 409), answer.text
    kept = judged(bo)
    assert kept["state"] == "kept"
    assert abs(moment(kept["ends_at"]) - cap) <= 3, (kept, cap)
    tab.get_by_role("button", name="Keep").click()
    shot(tab, "idle-kept")
    after = poll("more time", lambda: judged(ana), lambda x: x["warning"] is None)
    assert after["ends_in_s"] >= KEEP_S - 5, after
    ended = await_end(world, bo, LIMIT_S + KEEP_MAX_S + LATE_S)
    assert cap - 2 <= moment(ended["ended_at"]) <= cap + LATE_S, (ended, cap)


def test_what_cannot_be_judged_is_not_ended(quick: World) -> None:
    """The driver hangs, a server is silent: the one goes on, the other has a longer limit."""
    world = quick
    bo, cy = world.person("bo"), world.person("cy")
    bo.start()
    world.host.exec("kill", "-STOP", str(server_pid(world, bo)))
    stopped = time.time()
    time.sleep(LIMIT_S + 5)
    assert serves(bo), "ended at the limit of one that says what it does"
    await_end(world, bo, UNKNOWN_S)
    assert time.time() >= stopped + UNKNOWN_S - 5

    cy.start()
    begun = time.time()
    uuid = world.lease(cy)["gpus"][0]["uuid"]
    load_gpu(world, uuid, "--quirks", "hangs")
    await_state(cy, "unmeasured", seconds=40)
    time.sleep(max(5.0, begun + LIMIT_S + LATE_S - time.time()))
    assert serves(cy), "ended though its GPU could not be measured"
    assert world.lease(cy)["state"] == "active"
    load_gpu(world, uuid, "--quirks", "none")
    told = await_state(cy, "idle", seconds=40)
    assert told["idle_for_s"] < LIMIT_S, "a gap may hide work"


def server_pid(world: World, person: Person) -> int:
    return pid_of(world, person, "/opt/nb/bin/jupyterhub-singleuser")


@pytest.mark.parametrize("when", ["first", "last"])
def test_the_hub_restarts_within_the_warning(quick: World, when: str) -> None:
    """No warning period is lost, none is doubled."""
    world = quick
    ana = world.person("ana")
    ana.start()
    begun = time.time()
    poll(
        f"the {when} warning",
        lambda: judged(ana),
        lambda told: told["warning"] == when,
        seconds=LIMIT_S + LATE_S,
        every=0.2,
    )
    idle_since = time.time() - judged(ana)["idle_for_s"]
    world.host.docker("restart", "-t", "5", HUB)
    await_product(world)
    back = time.time()  # or a little before: while it was away no time has passed
    ended = moment(await_end(world, ana, LIMIT_S)["ended_at"])
    assert ended >= idle_since + LIMIT_S - 1, "a warning's time was lost"
    late = max(idle_since + LIMIT_S, back) + 0.05 * LIMIT_S + LATE_S
    assert ended <= late, "a warning's time was doubled"
    report.say(
        f"hub restarted in the {when} warning: ended {ended - begun:.1f} s after the start,"
        f" {ended - back:.1f} s after the hub was back"
    )


def test_nobody_keeps_or_sees_what_is_another_s(quick: World) -> None:
    world = quick
    ana, bo, cy = world.person("ana", "vision"), world.person("bo", "vision"), world.person("cy")
    at_once(ana.start, bo.start)
    page = "/services/gpus/api"
    answer = cy.call("POST", f"{page}/keep", json={"server": ""})
    assert answer.status_code in (404, 409), "cy has no server, so there is nothing to keep"
    body = {"server": "", "name": ana.name, "user": ana.name}
    assert cy.call("POST", f"{page}/keep", json=body).status_code == 400
    assert cy.call("GET", f"{page}/me").json()["servers"] == []

    def names(person: Person) -> set[str]:
        told = person.call("GET", f"{page}/gpus").json()["gpus"]
        owners = [lease["owner"] for gpu in told for lease in gpu["leases"]]
        return {owner["user"] for owner in owners if owner}

    assert names(ana) == {ana.name, bo.name}, "show_holders is `group`, and they share one"
    assert names(cy) == set()
    for person, sees in ((ana, True), (cy, False)):
        said = person.call("GET", f"{page}/gpus").text
        assert (bo.name in said) == sees
    nobody = ana.call("GET", f"{page}/me", headers={"X-Nobody": "1"})
    assert nobody.status_code == 403, nobody.text


def test_the_next_in_line_has_the_gpu_at_once(quick: World) -> None:
    world = quick
    ana, bo = world.person("ana"), world.person("bo")
    uuids = world.allocator.uuids()
    on_gpus(world, 0)
    world.allocator.call("PATCH", f"/v1/gpus/{uuids[0]}", {"slots": 1})
    try:
        ana.start()
        lease = world.lease(ana)
        assert bo.ask("one-gpu").status_code in (201, 202)
        await_end(world, ana, LIMIT_S + LATE_S)
        bo.await_ready()
        mine = world.lease(bo)
        gone = next(use.end_ns / 1e9 for use in world.uses() if use.container == lease["container"])
        waited = moment(mine["granted_at"]) - gone
        report.say(f"idle server's container gone to the next one's grant: {waited * 1000:.0f} ms")
        assert waited < 1
    finally:
        give_slots(world, 3)
