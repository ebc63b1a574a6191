"""Idle servers end after two warnings and say why; who works, keeps or cannot be judged goes on.

What mostly waits for a limit waits together: each scene is one test, all are begun at once.
"""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime

import pytest
from playwright.sync_api import Page

from conftest import Worlds
from harness import report
from harness.browser import browsers, shot
from harness.hub import Person, at_once
from harness.poll import poll
from harness.product import configure, gpuhub, settings
from harness.recovery import await_product
from harness.tab import Card, Tab, lab, open_notebook_with_busy_cell
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

LIMIT_S, KEEP_S, KEEP_MAX_S = 75, 20, 30  # the limit: time for twenty people to begin
PATIENT_S = 90  # of profiles of their own: time to see each warning, and to stand in line
UNKNOWN_S = 120  # after all others have ended: the stop of a silent server takes ten seconds
QUICK_S = 45  # for who has the machine alone
FIRST_S, LAST_S = 0.2 * QUICK_S, 0.05 * QUICK_S  # before the end, that the two warnings begin
SLOTS = 24
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
[[profiles]]
slug = "quick"
gpus = 1
idle_limit = "{QUICK_S}s"
[[profiles]]
slug = "alone"
gpus = 1
mode = "exclusive"
idle_limit = "{PATIENT_S}s"
"""
HUB = "gpuhub-hub-1"
LATE_S = 20  # after its time, at most: looks, the stops of others before it, its own
SILENT_S = 15  # longer: it is asked once more, in vain, and its stop is not heard
SURE_S = 15  # who still serves so long after a limit was not ended for being idle
GPU_IDLE = r"GPU idle for (\d\d seconds|\d minutes?)"
PRINTING = "import time\nfor n in range(600): print(n, flush=True); time.sleep(1)"

type Scene = Callable[[World], None]
SCENES: dict[str, Scene] = {}


def scene(work: Scene) -> Scene:
    """A test that waits beside the others, all of them on one GPU."""
    SCENES[work.__name__] = work
    return work


@pytest.fixture(scope="module")
def quick_world(worlds: Worlds) -> Iterator[World]:
    """The product with short limits and many slots on each GPU; afterwards as it was."""
    world = worlds.get("plain")
    before = world.host.exec("cat", "/opt/gpuhub/gpuhub.toml").out
    text = settings(world.host, slots=SLOTS, extra=SETTINGS)
    configure(world.host, text.replace("[allocator]", '[allocator]\nshow_holders = "group"'))
    gpuhub(world.host, "up")
    give_slots(world, SLOTS)  # what was said of single GPUs before wins over the file
    rest_all_gpus(world)
    yield world
    clear(world)
    configure(world.host, before)
    gpuhub(world.host, "up")
    give_slots(world, 1)


def give_slots(world: World, number: int) -> None:
    for uuid in world.allocator.uuids():
        set_gpu(world, uuid, slots=number)


def on_gpus(world: World, number: int) -> None:
    """New leases go to the first GPUs only."""
    for index, uuid in enumerate(world.allocator.uuids()):
        set_gpu(world, uuid, drain=index >= number)


def set_gpu(world: World, uuid: str, **what: int) -> None:
    answer = world.allocator.call("PATCH", f"/v1/gpus/{uuid}", what)
    assert answer.status == 200, answer


def clear(world: World) -> None:
    """Everything stopped, all GPUs at rest and open to all."""
    world.stop_everything()
    world.await_nothing_left()
    rest_all_gpus(world)
    on_gpus(world, len(world.allocator.uuids()))


@pytest.fixture
def quick(quick_world: World) -> Iterator[World]:
    clear(quick_world)
    yield quick_world
    clear(quick_world)


@pytest.fixture(scope="module")
def scenes(request: pytest.FixtureRequest, quick_world: World) -> Iterator[dict[str, Future[None]]]:
    """Those that were asked for, begun. Two GPUs: one for all, and one for who wants it alone."""
    named = [getattr(item, "callspec", None) for item in request.session.items]
    asked = {each.params["name"] for each in named if each and "name" in each.params} & set(SCENES)
    on_gpus(quick_world, 2)
    alone = quick_world.person("alone")
    alone.start("alone")
    with ThreadPoolExecutor(len(SCENES)) as pool:
        yield {name: pool.submit(SCENES[name], quick_world) for name in asked}


def moment(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()


def await_end(world: World, person: Person, seconds: float) -> float:
    """When the person's lease has ended."""
    person.await_stopped(seconds=seconds)
    ended = world.allocator.leases("ended", person.name)
    return max(moment(lease["ended_at"]) for lease in ended)


def serves(person: Person) -> bool:
    model = person.server()
    return bool(model and model["ready"])


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


def hold_memory(world: World, person: Person) -> float:
    """Memory on the GPU, and no more work. When it began."""
    begun = time.time()
    person.start("patient")
    kernel = Kernel.begin(world, person)
    kernel.run("x = 1")
    use_gpu(world, person, kernel.pid(), percent=0, memory_mib=4000)
    return begun


@scene
def who_works_goes_on(world: World) -> None:
    names = ["silent", "printer", "nohup", "shell", "tabbed"]
    people = {name: world.person(name) for name in names}
    with browsers() as chromium:
        at_once(
            lambda: begin_cell(world, people["silent"], "import time; time.sleep(600)"),
            lambda: begin_cell(world, people["printer"], PRINTING),
            lambda: begin_nohup(world, people["nohup"]),
            lambda: begin_shell(people["shell"]),
        )
        people["tabbed"].start()
        open_notebook_with_busy_cell(world, chromium.log_in(people["tabbed"]), people["tabbed"])
        until = time.time() + LIMIT_S + SURE_S
        while time.time() < until:
            lost = [name for name in names if not serves(people[name])]
            assert lost == [], f"ended though at work: {lost}"
            time.sleep(1)
        states = {name: judged(people[name]) for name in names}
        assert {each["state"] for each in states.values()} == {"busy"}, states


@scene
def a_person_who_types_goes_on(world: World) -> None:
    person = world.person("typist")
    with browsers() as chromium:
        page = chromium.log_in(person)
        person.start()
        lab(page, person)
        until = time.time() + LIMIT_S + SURE_S
        while time.time() < until:
            page.keyboard.press("Shift")
            assert serves(person), "ended though he types"
            time.sleep(0.5)
        told = judged(person)
        assert told["idle_for_s"] < LIMIT_S / 2, told


@scene
def of_two_on_one_gpu_only_the_idle_one_is_ended(world: World) -> None:
    """One is at work by a thread of a cell that has ended; the other's kernel holds memory."""
    busy, idle = world.person("thread"), world.person("holder")
    begun, _ = at_once(lambda: hold_memory(world, idle), lambda: begin_thread(world, busy))
    one, other = (world.lease(person)["gpus"][0]["uuid"] for person in (busy, idle))
    assert one == other, "one GPU, two people"
    with browsers() as chromium:
        page = chromium.log_in(idle)
        tab = Tab(page, idle)
        ends_after_two_warnings(world, idle, tab, begun, time.time())
        the_pages_say_why(page, idle)
    assert serves(busy)
    assert judged(busy)["state"] == "busy"


def ends_after_two_warnings(
    world: World, person: Person, tab: Tab | Card, begun: float, left: float
) -> None:
    """A server of the patient profile, nobody there since `left`: warned twice, ended in time."""
    while serves(person):
        assert time.time() <= left + PATIENT_S + LATE_S, tab.seen
        tab.look()
        time.sleep(0.5)
    tab.look()
    ended = await_end(world, person, LATE_S)
    assert begun + PATIENT_S <= ended <= left + PATIENT_S + LATE_S, (begun, ended, left)
    for which, warning in tab.WARNINGS.items():
        assert any(re.fullmatch(warning, text) for text in tab.seen), (which, tab.seen)
    report.say(f"warnings that {person.name} saw: {tab.seen}")


def the_pages_say_why(page: Page, person: Person) -> None:
    page.goto(f"{person.base}/hub/home")
    said = page.locator(".gpuhub-ended").inner_text()
    shot(page, "idle-ended-home")
    assert re.search(f"ended at .*: {GPU_IDLE}", said), said
    for path, name in (("/hub/spawn", "form"), (f"/user/{person.name}/lab", "not-running")):
        page.goto(person.base + path)
        shot(page, f"idle-ended-{name}")
        assert re.search(GPU_IDLE, page.inner_text("body")), name


@scene
def a_closed_tab_is_nobody(world: World) -> None:
    """JupyterLab is closed; the warnings stand on the page of the GPUs, which is no use of it."""
    person = world.person("gone")
    begun = time.time()
    person.start("patient")
    with browsers() as chromium:
        page = chromium.log_in(person)
        lab(page, person)
        elsewhere = page.context.new_page()
        page.close()
        closed = time.time()
        ends_after_two_warnings(world, person, Card(elsewhere, person), begun, closed)


@scene
def a_forgotten_tab_is_warned_twice(world: World) -> None:
    person = world.person("forgetful")
    begun = time.time()
    person.start("patient")
    with browsers() as chromium:
        page = chromium.log_in(person)
        tab = Tab(page, person)
        left = time.time()
        shot(page, "idle-status-item")
        ends_after_two_warnings(world, person, tab, begun, left)


@scene
def keep_extends_up_to_the_cap(world: World) -> None:
    ana, bo = world.person("ana"), world.person("bo")
    at_once(ana.start, bo.start)
    with browsers() as chromium:
        tab = chromium.log_in(ana)
        lab(tab, ana)
        tab.get_by_role("button", name="Keep").wait_for(timeout=(LIMIT_S + LATE_S) * 1000)
        cap = keep_by_api(bo)
        press_keep(tab, ana)
    ended = await_end(world, bo, LIMIT_S + KEEP_MAX_S + LATE_S)
    assert cap - 2 <= ended <= cap + LATE_S, (ended, cap)


def keep_by_api(person: Person) -> float:
    """Again and again, and for long: never beyond the limit and what Keep gives in all. Its end."""
    before = poll("his warning", lambda: judged(person), lambda told: told["warning"])
    cap = time.time() - before["idle_for_s"] + LIMIT_S + KEEP_MAX_S
    for asked in (KEEP_S, 10**6, KEEP_MAX_S):
        answer = person.call("POST", "/services/gpus/api/keep", json={"server": "", "for_s": asked})
        assert answer.status_code in (200, 409), answer.text
    kept = judged(person)
    assert kept["state"] == "kept"
    assert abs(moment(kept["ends_at"]) - cap) <= 3, (kept, cap)
    return cap


def press_keep(tab: Page, person: Person) -> None:
    tab.get_by_role("button", name="Keep").click()
    shot(tab, "idle-kept")
    after = poll("more time", lambda: judged(person), lambda told: told["warning"] is None)
    assert after["ends_in_s"] >= KEEP_S - 5, after


@scene
def a_silent_server_has_a_longer_limit(world: World) -> None:
    person = world.person("mute")
    begun = time.time()
    person.start()
    server = pid_of(world, person, "/opt/nb/bin/jupyterhub-singleuser")
    world.host.exec("kill", "-STOP", str(server))
    stopped = time.time()
    late = UNKNOWN_S + LATE_S + SILENT_S
    ended = await_end(world, person, late)
    assert begun + UNKNOWN_S <= ended <= stopped + late, (begun, ended, stopped)


@scene
def the_next_in_line_has_the_gpu_at_once(world: World) -> None:
    first = next(each for each in world.people if each.name.startswith("alone"))
    lease = world.lease(first)
    beside, second = world.person("beside"), world.person("second")
    beside.start("patient")  # so that the other GPU is nobody's alone
    assert second.ask("alone").status_code in (201, 202)
    assert world.lease(second)["state"] == "queued"
    await_end(world, first, PATIENT_S + LATE_S)
    second.await_ready()
    mine = world.lease(second)
    gone = next(use.end_ns / 1e9 for use in world.uses() if use.container == lease["container"])
    waited = moment(mine["granted_at"]) - gone
    report.say(f"idle server's container gone to the next one's grant: {waited * 1000:.0f} ms")
    assert waited < 1


@scene
def nobody_keeps_or_sees_what_is_another_s(world: World) -> None:
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
    at_once(ana.stop, bo.stop)


@pytest.mark.parametrize("name", SCENES)
def test_at_once(scenes: dict[str, Future[None]], name: str) -> None:
    scenes[name].result()


def test_the_hub_restarts_within_each_warning(quick: World) -> None:
    """No warning period is lost, none is doubled: where the judge was, there it goes on."""
    world = quick
    ana = world.person("ana")
    ana.start("quick")
    begun = time.time()
    told = await_warning(ana, "first")
    idle_since = time.time() - told["idle_for_s"]
    world.host.docker("restart", "-t", "5", HUB)
    told = poll("an answer", lambda: judged(ana), seconds=60)
    assert told["warning"] in ("first", "last"), told
    assert told["ends_in_s"] <= FIRST_S, "the first warning has begun anew"
    told = await_warning(ana, "last")
    world.host.docker("restart", "-t", "5", HUB)
    while told := poll("an answer", lambda: [judged_or_gone(ana)], seconds=60)[0]:
        assert told["warning"] == "last", told
        assert told["ends_in_s"] <= LAST_S + 1, "the last warning has begun anew"
    ended = await_end(world, ana, LATE_S)
    assert ended >= idle_since + QUICK_S - 1, "a warning's time was lost"
    report.say(f"hub restarted in each warning: ended {ended - begun:.1f} s after the start")
    await_product(world)


def await_warning(person: Person, which: str) -> dict:
    return poll(
        f"the {which} warning",
        lambda: judged(person),
        lambda told: told["warning"] == which,
        seconds=QUICK_S + LATE_S,
        every=0.2,
    )


def judged_or_gone(person: Person) -> dict | None:
    return judged(person) if serves(person) else None


def test_nobody_is_ended_while_the_driver_hangs(quick: World) -> None:
    world = quick
    cy = world.person("cy")
    cy.start("quick")
    begun = time.time()
    uuid = world.lease(cy)["gpus"][0]["uuid"]
    load_gpu(world, uuid, "--quirks", "hangs")
    await_state(cy, "unmeasured", seconds=40)
    time.sleep(max(5.0, begun + QUICK_S + SURE_S - time.time()))
    assert serves(cy), "ended though its GPU could not be measured"
    assert world.lease(cy)["state"] == "active"
    load_gpu(world, uuid, "--quirks", "none")
    told = await_state(cy, "idle", seconds=40)
    assert told["idle_for_s"] < QUICK_S, "a gap may hide work"
