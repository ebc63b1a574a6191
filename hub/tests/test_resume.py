"""The hub ends and starts again: in the middle of a wait, of a start, of a stop."""

import asyncio

import pytest
from aiohttp import web
from conftest import OWN_TOKEN, until
from requests.exceptions import ConnectionError as EngineGone

from jupyterhub_gpu import resume
from jupyterhub_gpu.allocator import AllocatorClient
from jupyterhub_gpu.lease import Owner

OTHER = "f" * 64


@pytest.fixture
def held(allocator):
    """Both GPUs are held by somebody else, until `allocator.end`."""
    return allocator.holds("cy", 2, container=OTHER)


async def ready(hub, user, server=""):
    await until(lambda: hub.spawner(user, server).ready)


async def in_line(hub, user, server=""):
    await until(lambda: hub.spawner(user, server).in_line)


# --- in the middle of a wait ------------------------------------------------------------------


async def test_the_hub_takes_up_the_wait_by_itself(hub_again, engine, allocator, held):
    hub = await hub_again()
    await hub.wait_in_line("ana", "two-gpus")
    await hub.wait_in_line("bo", server="big")
    before = [allocator.last("ana")["id"], allocator.last("bo", "big")["id"]]
    hub = await hub_again()
    assert allocator.state("ana") == allocator.state("bo", "big") == ["queued"]
    await hub.resume()
    await in_line(hub, "ana")
    await in_line(hub, "bo", "big")
    assert "You are second in line" in hub.spawner("bo", "big").story.messages[-1]
    allocator.end(held, "released")
    await ready(hub, "ana")
    await hub.stop("ana")
    await ready(hub, "bo", "big")
    after = [allocator.last("ana")["id"], allocator.last("bo", "big")["id"]]
    assert after == before
    assert len(allocator.last("ana")["gpus"]) == 2


async def test_a_grant_that_came_while_the_hub_was_away_is_used(hub_again, engine, allocator, held):
    hub = await hub_again()
    await hub.wait_in_line("ana")
    hub = await hub_again()
    allocator.end(held, "released")
    assert allocator.state("ana") == ["granted"]
    await hub.resume()
    await ready(hub, "ana")
    assert allocator.state("ana") == ["active"]


async def test_who_starts_again_with_the_same_wish_keeps_the_place(
    hub_again, engine, allocator, held
):
    hub = await hub_again()
    await hub.wait_in_line("ana")
    await hub.wait_in_line("bo")
    hub = await hub_again()
    spawner = await hub.wait_in_line("ana", "one-gpu")
    assert allocator.state("ana") == ["queued"]
    assert "You are next in line" in spawner.story.messages[-1]


async def test_who_starts_again_with_another_wish_is_put_at_the_end(
    hub_again, engine, allocator, held
):
    hub = await hub_again()
    await hub.wait_in_line("ana")
    await hub.wait_in_line("bo")
    hub = await hub_again()
    spawner = await hub.wait_in_line("ana", "two-gpus")
    assert allocator.state("ana") == ["ended", "queued"]
    assert "You are second in line" in spawner.story.messages[-1]
    assert allocator.leases["L-0001"]["reason"] == "replaced"


async def test_a_place_that_lapsed_while_the_hub_was_away_is_said(
    hub_again, engine, allocator, held
):
    hub = await hub_again()
    await hub.wait_in_line("ana")
    hub = await hub_again()
    allocator.end(allocator.last("ana"), "expired")
    await hub.resume()
    assert not hub.spawner("ana").pending
    async with await hub.log_in("ana") as session:
        _, page = await hub.form(session, "ana")
    assert "Your place in line ended" in page
    await hub.wait_in_line("ana")
    assert allocator.state("ana") == ["ended", "queued"]


async def test_a_place_that_lapses_between_look_and_ask_is_asked_for_anew(
    hub, engine, allocator, held
):
    lease = allocator.waits("ana", {"count": 1}, "hub:earlier")
    shown = {"leases": [allocator.shown(lease)]}
    allocator.end(lease, "expired")
    allocator.script = [(200, shown)]
    await hub.wait_in_line("ana")
    ids = [ask["request_id"] for ask in allocator.asks()]
    assert ids[0] == "hub:earlier" != ids[1]
    assert allocator.state("ana") == ["ended", "queued"]


async def test_what_stopped_before_is_not_taken_up(hub_again, engine, allocator, held):
    hub = await hub_again()
    await hub.wait_in_line("ana")
    await hub.stop("ana")
    hub = await hub_again()
    await hub.resume()
    assert not hub.spawner("ana").pending
    assert allocator.state("ana") == ["ended"]


async def test_the_engine_is_away_while_the_hub_restarts(hub_again, engine, allocator, held):
    hub = await hub_again()
    await hub.wait_in_line("ana")
    engine.fail["inspect_container"] = [EngineGone("refused")] * 3
    hub = await hub_again()
    assert allocator.state("ana") == ["queued"]
    await hub.resume()
    await in_line(hub, "ana")
    allocator.end(held, "released")
    await ready(hub, "ana")


async def test_resuming_waits_for_the_hub_and_passes_over_who_is_gone(allocator, hub_again, engine):
    allocator.waits("nobody", {"none": True}, "r1")
    allocator.waits("ana", {"none": True}, "r2", server="x y")
    client = AllocatorClient(str(allocator.socket), patience_s=1.0)
    hub = await hub_again()
    await hub.api("POST", "/users/ana")
    hub.app.http_server.stop()
    resuming = asyncio.ensure_future(resume.resume(client, f"{hub.url}/hub/api", OWN_TOKEN))
    await asyncio.wait([resuming], timeout=0.5)
    assert not resuming.done()
    hub.app.http_server.listen(int(hub.url.rpartition(":")[2]), address="127.0.0.1")
    await asyncio.wait_for(resuming, 5)
    assert allocator.state("nobody") == allocator.state("ana", "x y") == ["granted"]


class FakeHub:
    """The two calls that resuming makes; `told` are the server's states, one per look."""

    def __init__(self, told, posts=(202,)):
        self.told, self.posts, self.calls = list(told), list(posts), []

    async def handle(self, request):
        self.calls.append(f"{request.method} {request.path}")
        if request.method == "POST":
            return web.Response(status=self.posts.pop(0))
        return web.json_response(self.told.pop(0))

    async def __aenter__(self):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *args):
        await self.runner.cleanup()


STOPPED, LOOKING = {"ready": False, "pending": None}, {"ready": False, "pending": "check"}
LOOK, START = "GET /users/ana/server", "POST /users/ana/server"


@pytest.mark.parametrize(
    ("told", "posts", "calls"),
    [
        ([STOPPED], [202], [LOOK, START]),
        ([LOOKING, {"ready": False, "pending": "stop"}, STOPPED], [201], [LOOK] * 3 + [START]),
        ([STOPPED, STOPPED], [429, 202], [LOOK, START, LOOK, START]),
        ([STOPPED], [409], [LOOK, START]),
        ([{"ready": False, "pending": "spawn"}], [], [LOOK]),
        ([{"ready": True, "pending": None}], [], [LOOK]),
    ],
)
async def test_resuming_asks_until_it_is_settled(allocator, told, posts, calls):
    allocator.waits("ana", {"count": 1}, "r1")
    allocator.holds("bo", 1, container=OTHER)  # runs: not for resuming
    client = AllocatorClient(str(allocator.socket))
    async with FakeHub(told, posts) as hub:
        await resume.resume(client, hub.url, OWN_TOKEN)
    assert hub.calls == calls


async def test_resuming_without_an_allocator_gives_up_quietly(allocator, tmp_path):
    client = AllocatorClient(str(tmp_path / "none.sock"), patience_s=0.0)
    await resume.resume(client, "http://127.0.0.1:1/hub/api", OWN_TOKEN)


def test_paths_are_escaped():
    assert resume.server_path(Owner("hub", "a/b", "")) == "/users/a%2Fb/server"
    assert resume.server_path(Owner("hub", "ana", "x y")) == "/users/ana/servers/x%20y"


# --- in the middle of a start -----------------------------------------------------------------


async def test_ended_before_the_container_was_there(hub_again, engine, allocator):
    hub = await hub_again()
    engine.slow["inspect_image"] = 1.0
    asking = asyncio.ensure_future(hub.ask("ana"))
    await until(lambda: "inspect_image" in engine.calls)
    hub = await hub_again()
    assert asking.cancelled()
    engine.slow.clear()
    assert allocator.state("ana") == ["granted"]
    await hub.resume()
    await ready(hub, "ana")
    assert engine.shown() == {"nb-ana--": "running"}
    assert allocator.state("ana") == ["active"]


async def test_ended_while_the_container_was_made(hub_again, engine, allocator):
    hub = await hub_again()
    engine.slow["create_container"] = 1.0
    asking = asyncio.ensure_future(hub.ask("ana"))
    await until(lambda: "create_container" in engine.calls)
    hub = await hub_again()
    assert asking.cancelled()
    engine.slow.clear()
    assert engine.containers == {}  # the next hub's look found it created, and took it away
    await hub.resume()
    await ready(hub, "ana")
    assert engine.shown() == {"nb-ana--": "running"}
    assert allocator.state("ana") == ["active"]


async def test_ended_between_start_and_answer(hub_again, engine, allocator):
    """Bound and started: the next hub finds it running, as if nothing had been."""
    hub = await hub_again()
    engine.slow["start"] = 1.0
    asking = asyncio.ensure_future(hub.ask("ana"))
    await until(lambda: "start" in engine.calls)
    hub = await hub_again()
    assert asking.cancelled()
    engine.slow.clear()
    await hub.resume()
    await ready(hub, "ana")
    assert engine.shown() == {"nb-ana--": "running"}
    assert allocator.state("ana") == ["active"]
    await hub.stop("ana")
    assert engine.containers == {}
    await until(lambda: allocator.state("ana") == ["ended"])


async def test_killed_between_bind_and_start(hub_again, engine, allocator):
    """Nothing is left; the person starts again."""
    hub = await hub_again()
    await hub.start("ana")
    (container,) = engine.containers.values()
    container["State"] = engine._state("created")
    hub.app.users["ana"].orm_spawners[""].state = {}
    hub.app.db.commit()
    hub = await hub_again()
    await hub.resume()
    assert engine.containers == {}
    await until(lambda: allocator.state("ana") == ["ended"])
    await hub.start("ana")


# --- in the middle of a stop ------------------------------------------------------------------


async def test_killed_between_release_and_stop(hub_again, engine, allocator):
    """The lease is ending and the container runs: the next hub goes on with the stop."""
    hub = await hub_again()
    await hub.start("ana")
    lease = allocator.last("ana")
    lease["state"] = "ending"
    hub = await hub_again()
    assert engine.containers == {}
    assert not hub.spawner("ana").ready
    await until(lambda: lease["state"] == "ended")
    assert lease["reason"] == "released"
    await hub.start("ana")


async def test_ended_while_the_engine_stops_it(hub_again, engine, allocator):
    hub = await hub_again()
    await hub.start("ana")
    engine.slow["stop"] = 1.0
    stopping = asyncio.ensure_future(hub.stop("ana"))
    await until(lambda: "stop" in engine.calls)
    hub = await hub_again()
    assert stopping.cancelled()
    assert engine.containers == {}
    await until(lambda: allocator.state("ana") == ["ended"])
    await hub.start("ana")


async def test_a_server_is_kept_if_the_allocator_cannot_say(hub_again, engine, allocator):
    hub = await hub_again()
    await hub.start("ana")
    await allocator.stop()
    hub = await hub_again()
    assert hub.spawner("ana").ready
    await allocator.start()
