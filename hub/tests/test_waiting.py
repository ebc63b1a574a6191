"""Waiting in line for a GPU, through a real hub."""

import asyncio
import json

import aiohttp
import pytest
from bs4 import BeautifulSoup
from conftest import PROFILES, TOKEN, until
from fake_allocator import problem

from jupyterhub_gpu import waiting
from jupyterhub_gpu.leasing import Leasing

OTHER = "f" * 64


@pytest.fixture
def held(allocator):
    """Both GPUs are held by somebody else, until `allocator.end`."""
    return allocator.holds("cy", 2, container=OTHER)


async def ready(hub, user, server=""):
    await until(lambda: hub.spawner(user, server).ready)


async def looked_again(allocator, **change):
    """Change something, and return when all who wait have seen it and look for the next."""
    looks, line = len(allocator.seen), allocator.state_count("queued")
    allocator.change(**change)
    await until(lambda: len(allocator.seen) >= looks + line)


async def over(spawner):
    await until(lambda: not spawner.pending)


async def test_a_start_waits_and_goes_on_with_the_grant(hub, engine, allocator, held):
    spawner = await hub.wait_in_line("ana")
    assert allocator.asks()[-1]["wait"] is True
    (said,) = spawner.story.messages
    assert said.startswith("You are next in line for “1 GPU”: how long")
    assert "Held by: GPUs 0, 1: cy since" in said
    assert engine.containers == {}
    allocator.end(held, "released")
    await ready(hub, "ana")
    assert engine.shown() == {"nb-ana--": "running"}
    assert allocator.state("ana") == ["active"]


async def test_the_wait_outlasts_every_timeout_of_a_start(hub, engine, allocator, held):
    hub.app.config.Spawner.start_timeout = 1
    hub.app.config.Spawner.http_timeout = 1
    spawner = await hub.wait_in_line("ana")
    now = asyncio.get_running_loop().time
    since = now()
    await until(lambda: now() - since > 2.5)
    assert spawner.pending == "spawn"
    allocator.end(held, "released")
    await ready(hub, "ana")


async def test_first_come_first_served_and_each_is_told_of_moving_up(hub, engine, allocator, held):
    allocator.estimate = {"early_s": 60, "likely_s": 1200, "late_s": 2400}
    for user in ("ana", "bo", "di"):
        await hub.wait_in_line(user)
    view = View(hub.spawner("di"))
    await until(lambda: view.seen)
    assert view.seen[-1]["message"].startswith("You are third in line")
    await hub.stop("ana")
    await until(lambda: "second" in view.seen[-1]["message"])
    assert view.seen[-1]["message"].startswith("You have moved up. You are second")
    assert hub.spawner("bo").story.messages[-1].startswith("You have moved up. You are next")
    told = len(view.seen)
    await looked_again(allocator, estimate={"early_s": 61, "likely_s": 1195, "late_s": 2390})
    assert len(view.seen) == told
    allocator.end(held, "released")
    await ready(hub, "bo")
    await ready(hub, "di")


async def test_viewers_get_one_event_per_change_and_a_newcomer_the_present(
    hub, engine, allocator, held
):
    spawner = await hub.wait_in_line("ana")
    first = View(spawner)
    await until(lambda: len(first.seen) == 1)
    allocator.change(estimate={"early_s": 60, "likely_s": 1200, "late_s": 2400})
    await until(lambda: len(first.seen) == 2)
    await looked_again(allocator, estimate={"early_s": 61, "likely_s": 1195, "late_s": 2390})
    assert len(first.seen) == 2  # not worth a word
    allocator.change(why="GPU 0 is kept for a request that asks for both")
    await until(lambda: len(first.seen) == 3)
    assert "about 20 minutes, probably between 1 and 40" in first.seen[1]["message"]
    assert "<table" in first.seen[2]["html_message"]
    assert "progress" not in first.seen[2]
    later = View(spawner)
    await until(lambda: later.seen)
    assert later.seen == first.seen[-1:]
    assert "GPU 0 is kept for" in later.seen[0]["message"]


class View:
    """Somebody who looks at the page."""

    def __init__(self, spawner):
        self.seen = []
        self.task = asyncio.ensure_future(self._look(spawner))

    async def _look(self, spawner):
        async for event in spawner.progress():
            self.seen.append(event)


async def test_the_hubs_event_stream_carries_it(hub, engine, allocator, held):
    await hub.wait_in_line("ana")
    events = []
    headers = {"Authorization": f"token {TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{hub.url}/hub/api/users/ana/server/progress") as reply,
    ):
        async for line in reply.content:
            if line.startswith(b"data: "):
                events.append(json.loads(line.removeprefix(b"data: ")))
            if len(events) == 2:
                allocator.end(held, "released")
    messages = [event["message"] for event in events]
    assert messages[0] == "Server requested"
    assert messages[1].startswith("You are next in line")
    assert messages[2] == "You got GPU 0 (A100-40G); creating the container"
    assert events[-1]["ready"] is True


async def test_those_who_look_are_told_of_a_stop(hub, engine, allocator, held):
    """JupyterHub by itself would take the stopped start for a server that is ready."""
    await hub.wait_in_line("ana")
    events, stopping = [], None
    headers = {"Authorization": f"token {TOKEN}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{hub.url}/hub/api/users/ana/server/progress") as reply,
    ):
        async for line in reply.content:
            if line.startswith(b"data: "):
                events.append(json.loads(line.removeprefix(b"data: ")))
            if len(events) == 2 and stopping is None:
                stopping = asyncio.ensure_future(hub.stop("ana"))
    assert events[-1]["message"] == "Spawn cancelled"
    assert not any(event.get("ready") for event in events)
    assert await stopping == 204


async def test_stopping_takes_the_request_out(hub, engine, allocator, held):
    spawner = await hub.wait_in_line("ana")
    stopping = asyncio.ensure_future(hub.stop("ana"))
    await until(lambda: allocator.last("ana")["state"] == "ended")
    assert not stopping.done()  # at once, not only when the hub cleans up
    assert await stopping == 204
    assert allocator.last("ana")["reason"] == "cancelled"
    assert not spawner.pending
    allocator.end(held, "released")
    await hub.start("ana", "two-gpus")


async def test_closing_the_page_does_not(hub, engine, allocator, held):
    spawner = await hub.wait_in_line("ana")
    view = View(spawner)
    await until(lambda: view.seen)
    view.task.cancel()
    await asyncio.wait([view.task])
    allocator.end(held, "released")
    await ready(hub, "ana")


async def test_a_place_is_renewed_often_enough(hub, engine, allocator, held):
    allocator.renew_timeout_s = 8.0
    await hub.wait_in_line("ana")
    now = asyncio.get_running_loop().time
    since, renewal = now(), ("POST", f"/v1/leases/{allocator.last('ana')['id']}/renew", None)
    await until(lambda: allocator.seen.count(renewal) == 2)
    assert 2.0 < now() - since < 4.5


async def test_a_request_that_is_refused_a_place(hub, engine, allocator, held):
    allocator.queue_max = 1
    await hub.wait_in_line("ana")
    status, told = await hub.ask("bo")
    assert status == 409
    assert "The line is full: 1 wait already. Please try again later. Held by" in told["message"]
    assert allocator.state("bo") == []


async def test_where_starts_are_set_not_to_wait(hub, engine, allocator, held):
    hub.app.config.GpuMixin.wait_in_line = False
    status, told = await hub.ask("ana")
    assert (status, allocator.asks()[-1]["wait"]) == (409, False)
    assert "No GPU is free for “1 GPU” now. Held by" in told["message"]


@pytest.mark.parametrize(
    "end",
    [
        ("expired", -1.0, "You have waited as long as one may"),
        ("expired", 3600.0, "Your place in line was lost"),
        ("cancelled", 3600.0, "taken out of the line from outside the hub"),
        ("replaced", 3600.0, "A newer request of yours"),
    ],
)
async def test_a_wait_that_ends_without_a_gpu(hub, engine, allocator, held, end):
    reason, allocator.longest_wait_s, text = end
    spawner = await hub.wait_in_line("ana")
    allocator.end(allocator.last("ana"), reason)
    await over(spawner)
    async with (
        await hub.log_in("ana") as session,
        session.get(f"{hub.url}/hub/spawn-pending/ana") as reply,
    ):
        page = await reply.text()
    assert text in page
    assert allocator.state("ana") == ["ended"]


async def test_a_lost_store_puts_all_in_line_again(hub, engine, allocator, held):
    spawner = await hub.wait_in_line("ana")
    allocator.forget()
    await until(lambda: allocator.state("ana") == ["queued"])
    assert "The line was lost; you are put in line again" in spawner.story.messages
    assert len({ask["request_id"] for ask in allocator.asks()}) == 1
    allocator.end(held, "released")
    await ready(hub, "ana")


async def test_a_place_outlives_a_restart_of_the_allocator(hub, engine, allocator, held):
    spawner = await hub.wait_in_line("ana")
    await allocator.stop()
    await until(lambda: "does not answer" in spawner.story.messages[-1])
    await allocator.start()
    await until(lambda: "You are next in line" in spawner.story.messages[-1])
    allocator.end(held, "released")
    await ready(hub, "ana")
    assert len(allocator.asks()) == 1


async def test_a_place_is_kept_while_the_allocator_gives_nothing_out(
    hub, engine, allocator, held, monkeypatch
):
    monkeypatch.setattr(waiting, "OUTAGE_S", 0.0)
    spawner = await hub.wait_in_line("ana")
    allocator.script = [problem("not-ready", 503, "the engine does not answer")] * 6
    allocator.change(why="x")
    await until(lambda: "not given out" in spawner.story.messages[-1])
    assert "just now: the engine does not answer. Your place" in spawner.story.messages[-1]
    await until(lambda: "You are next in line" in spawner.story.messages[-1])
    assert allocator.state("ana") == ["queued"]


async def test_an_allocator_that_stays_away_ends_the_wait_in_words(
    hub, engine, allocator, held, monkeypatch
):
    monkeypatch.setattr(waiting, "OUTAGE_S", 0.0)
    spawner = await hub.wait_in_line("ana")
    await allocator.stop()
    await over(spawner)
    assert "does not answer" in spawner._spawn_future.exception().jupyterhub_message


async def test_the_end_of_the_previous_server_is_waited_for_in_line(hub, engine, allocator):
    previous = allocator.holds("ana", 1, container=OTHER)
    previous["state"] = "ending"
    allocator.why = "your previous server has not ended yet"
    spawner = await hub.wait_in_line("ana")
    assert "Your previous server has not ended yet." in spawner.story.messages[-1]
    allocator.gone(OTHER)
    await ready(hub, "ana")


async def test_named_servers_wait_each_for_itself(hub, engine, allocator, held):
    await hub.wait_in_line("ana", "one-gpu")
    await hub.wait_in_line("ana", "two-gpus", server="big")
    await hub.start("ana", "none", server="small")
    assert await hub.stop("ana") == 204
    assert allocator.state("ana", "big") == ["queued"]
    allocator.end(held, "released")
    await ready(hub, "ana", "big")
    assert len(allocator.last("ana", "big")["gpus"]) == 2


async def test_deleting_a_user_takes_the_request_out(hub, engine, allocator, held):
    await hub.wait_in_line("ana")
    await hub.wait_in_line("ana", server="big")
    assert (await hub.api("DELETE", "/users/ana"))[0] == 204
    assert [lease["reason"] for lease in allocator.leases.values()][1:] == ["cancelled"] * 2


async def test_those_who_wait_leave_room_for_those_who_start(hub, engine, allocator, held):
    hub.app.config.GpuMixin.starts_limit = 2
    waiters = [await hub.wait_in_line(f"w{number}") for number in range(4)]
    await hub.start("ana", "none")
    engine.slow["create_container"] = 1.0
    starts = [asyncio.ensure_future(hub.ask(user, {"profile": "none"})) for user in ("bo", "di")]
    await until(lambda: engine.calls.count("create_container") >= 2)
    status, told = await hub.ask("eve", {"profile": "none"})
    assert status == 429
    assert "Too many servers are starting just now" in told["message"]
    assert [each[0] for each in await asyncio.gather(*starts)] == [201, 201]
    assert all(each.in_line for each in waiters)


async def test_a_crowd_is_told_when_to_come_again(hub, engine, allocator, held):
    hub.app.config.GpuMixin.starts_limit = 1
    engine.slow["create_container"] = 1.0
    start = asyncio.ensure_future(hub.ask("bo", {"profile": "none"}))
    await until(lambda: "create_container" in engine.calls)
    await hub.api("POST", "/users/eve")
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"token {TOKEN}"}) as session,
        session.post(f"{hub.url}/hub/api/users/eve/server") as reply,
    ):
        assert (reply.status, reply.headers["Retry-After"]) == (429, "30")
    await start


@pytest.mark.parametrize("server", ["", "big"])
async def test_the_page_of_a_wait(hub, engine, allocator, held, server):
    await hub.wait_in_line("ana", server=server)
    place = f"/hub/spawn-pending/ana{f'/{server}' if server else ''}"
    async with await hub.log_in("ana") as session, session.get(f"{hub.url}{place}") as reply:
        assert reply.status == 200
        page = BeautifulSoup(await reply.text(), "html.parser")
    assert page.find("button", id="stop-server-btn").text == "Stop this start"
    script = page.find_all("script")[-1].text
    assert 'userName = "ana"' in script
    assert f'serverName = "{server}"' in script
    assert f"{'servers/big' if server else 'server'}/progress" in script
    assert page.find(id="progress-message")["aria-live"] == "polite"


async def test_the_form_says_that_one_would_wait(hub, engine, allocator, held):
    async with await hub.log_in("ana") as session:
        _, page = await hub.form(session, "ana")
        assert "Not free now (needs 1, 0 with room). You would wait in line." in page
        status, page = await hub.form(session, "ana", {"profile": PROFILES[1]["slug"]})
    assert status == 200
    assert "Stop this start" in page
    await until(lambda: hub.spawner("ana").in_line)  # the page does not wait for the allocator
    await hub.stop("ana")
    assert not Leasing._background
