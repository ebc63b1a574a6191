"""Every way a server ends, and what must be true after it."""

import asyncio

import pytest
from conftest import until
from fake_allocator import problem
from fake_engine import engine_error
from requests.exceptions import ConnectionError as EngineGone

from jupyterhub_gpu.leasing import Leasing


def only(engine):
    (container,) = engine.containers.values()
    return container


async def background_done():
    while Leasing._background:
        await asyncio.gather(*Leasing._background, return_exceptions=True)


async def test_stop_gives_the_gpu_back_after_the_container_is_gone(hub, engine, allocator):
    await hub.start("ana", "two-gpus")
    engine.keeps_removed_s = 0.5
    assert await hub.stop("ana") == 204
    assert engine.containers == {}
    allocator.settle()
    assert allocator.state("ana") == ["ended"]
    assert allocator.leases["L-0000"]["reason"] == "released"


async def test_stop_and_start_at_once(hub, engine, allocator):
    await hub.start("ana")
    await hub.stop("ana")
    await hub.start("ana", "two-gpus")
    assert allocator.state("ana") == ["ended", "active"]


async def test_a_server_that_died_is_noticed_and_the_form_says_why(hub, engine, allocator):
    await hub.start("ana")
    ident = only(engine)["Id"]
    allocator.end(allocator.leases["L-0000"], "container_exited", 137, True)
    engine.die(ident, 137)
    await until(lambda: "" not in hub.app.users["ana"].spawners or not hub.spawner("ana").ready)
    async with await hub.log_in("ana") as session:
        _, page = await hub.form(session, "ana")
    assert "it ran out of memory (exit code 137)" in page


async def test_a_normal_stop_is_not_reported_as_a_death(hub, engine, allocator):
    await hub.start("ana")
    await hub.stop("ana")
    async with await hub.log_in("ana") as session:
        _, page = await hub.form(session, "ana")
    assert "Your last server" not in page


async def test_waits_for_the_end_of_the_previous_server(hub, engine, allocator):
    allocator.script = [None, problem("owner-ending", 409), problem("owner-ending", 409)]
    await hub.start("ana")
    asked = [body for method, path, body in allocator.seen if path == "/v1/leases" and body]
    assert len({body["request_id"] for body in asked}) == 1


async def test_refuses_in_words_when_the_previous_server_does_not_end(hub, engine, allocator):
    allocator.script = [None] + [problem("owner-ending", 409)] * 20
    status, told = await hub.ask("ana")
    assert status == 409
    assert "has not ended yet" in told["message"]


async def test_a_forgotten_server_is_ended_and_the_start_goes_on(hub, engine, allocator):
    await hub.start("ana")
    forgotten = only(engine)
    forgotten["Name"] = "another-name"
    hub.app.users["ana"].spawners.pop("")
    hub.app.users["ana"].orm_spawners[""].server = None
    hub.app.users["ana"].orm_spawners[""].state = {}
    hub.app.db.commit()
    await hub.start("ana")
    assert engine.shown() == {"nb-ana--": "running"}
    assert allocator.state("ana") == ["ended", "active"]


@pytest.mark.parametrize("stage", ["POST", "inspect_image", "create_container", "start", "wait"])
async def test_a_start_cancelled_at_each_stage_leaves_nothing(hub, engine, allocator, stage):
    if stage == "POST":
        allocator.script = [None] + [problem("owner-ending", 409)] * 20
    elif stage == "wait":
        engine.slow["start"] = 0.2
    else:
        engine.slow[stage] = 1.5
    asking = asyncio.ensure_future(hub.ask("ana"))
    seen = {"POST": lambda: len(allocator.seen) > 0, "wait": lambda: "start" in engine.calls}
    await until(seen.get(stage, lambda: stage in engine.calls))
    assert await hub.stop("ana") in (202, 204)
    await asking
    await until(lambda: not hub.spawner("ana").pending)
    if hub.spawner("ana").ready:  # it was up before the cancellation could take hold
        await hub.stop("ana")
    await background_done()
    engine.slow.clear()
    allocator.script.clear()
    assert engine.containers == {}
    allocator.settle()
    assert set(allocator.state("ana")) <= {"ended"}
    await hub.start("ana", "two-gpus")


async def test_an_engine_that_does_not_answer_changes_nothing(hub, engine, allocator):
    await hub.start("ana")
    engine.fail["inspect_container"] = [engine_error(500), EngineGone("refused"), engine_error(503)]
    await asyncio.sleep(3.5)
    assert engine.fail["inspect_container"] == []
    assert hub.spawner("ana").ready
    assert allocator.state("ana") == ["active"]


async def test_poll_without_an_engine_of_a_server_never_started(hub, engine, allocator):
    await hub.api("POST", "/users/ana")
    engine.fail["inspect_container"] = [EngineGone("refused")]
    assert await hub.spawner("ana").poll() == 0


async def test_a_created_container_in_the_way_is_removed(hub, engine, allocator):
    config = {"host_config": {}, "environment": {}, "labels": {"gpuhub.lease": "L-0999"}}
    engine.create_container(name="nb-ana--", **config)
    await hub.start("ana")
    assert engine.shown() == {"nb-ana--": "running"}


async def test_a_running_stranger_in_the_way_is_stopped_and_waited_for(hub, engine, allocator):
    made = engine.create_container(
        name="nb-ana--", host_config={}, environment={}, labels={"gpuhub.lease": "L-0999"}
    )
    engine.start(made["Id"])
    engine.keeps_removed_s = 0.5
    await hub.start("ana")
    assert made["Id"] not in engine.containers


async def test_one_that_cannot_be_removed_is_said_in_words(hub, engine, allocator):
    engine.create_container(name="nb-ana--", host_config={}, environment={}, labels={})
    engine.keeps_removed_s = 4.0
    status, told = await hub.ask("ana")
    assert status == 503
    assert "could not be removed yet" in told["message"]


def forget(hub, user):
    """As if the hub's database had lost this server."""
    wrapped = hub.app.users[user]
    spawner = wrapped.spawners.pop("")
    spawner.stop_polling()
    wrapped.orm_spawners[""].server = None
    wrapped.orm_spawners[""].state = {}
    hub.app.db.commit()


async def test_a_running_container_of_the_same_server_is_adopted(hub, engine, allocator):
    await hub.start("ana")
    ident = only(engine)["Id"]
    forget(hub, "ana")
    await hub.start("ana")
    assert list(engine.containers) == [ident]
    assert allocator.state("ana") == ["active"]
    assert hub.spawner("ana").lease_id == "L-0000"
    await hub.stop("ana")
    assert engine.containers == {}


async def test_it_is_not_adopted_for_another_profile(hub, engine, allocator):
    await hub.start("ana")
    ident = only(engine)["Id"]
    forget(hub, "ana")
    await hub.start("ana", "two-gpus")
    assert ident not in engine.containers
    assert len(allocator.leases["L-0001"]["gpus"]) == 2


@pytest.mark.parametrize("wrong", ["hub", "user", "container", "state"])
async def test_it_is_not_adopted_unless_all_fits(hub, engine, allocator, wrong):
    await hub.start("ana", "none")
    ident = only(engine)["Id"]
    lease = allocator.leases["L-0000"]
    if wrong in ("hub", "user"):
        lease["owner"] = {**lease["owner"], wrong: "other"}
    elif wrong == "container":
        lease["container"] = "f" * 64
    else:
        allocator.end(lease, "revoked")
    forget(hub, "ana")
    await hub.start("ana", "none")
    assert ident not in engine.containers


async def test_servers_live_through_a_restart_of_the_hub(hub_again, engine, allocator):
    hub = await hub_again()
    await hub.start("ana")
    ident = only(engine)["Id"]
    hub = await hub_again()
    assert hub.spawner("ana").ready
    assert hub.spawner("ana").lease_id == "L-0000"
    assert list(engine.containers) == [ident]
    await hub.stop("ana")
    assert allocator.leases["L-0000"]["state"] == "ended"


async def test_the_hub_dies_before_it_noted_the_lease(hub_again, engine, allocator):
    hub = await hub_again()
    await hub.start("ana")
    orm_spawner = hub.app.users["ana"].orm_spawners[""]
    orm_spawner.state, orm_spawner.server.ip = {}, ""
    hub.app.db.commit()
    hub = await hub_again()
    assert hub.spawner("ana").ready
    await hub.stop("ana")
    assert (engine.containers, allocator.leases["L-0000"]["state"]) == ({}, "ended")


async def test_the_hub_restarts_while_the_engine_is_down(hub_again, engine, allocator):
    hub = await hub_again()
    await hub.start("ana")
    engine.fail["inspect_container"] = [EngineGone("refused"), EngineGone("refused")]
    hub = await hub_again()
    assert hub.spawner("ana").ready
    assert allocator.state("ana") == ["active"]


async def test_deleting_a_user_ends_named_servers_too(hub, engine, allocator):
    await hub.start("ana", "none")
    await hub.start("ana", "two-gpus", server="big")
    assert (await hub.api("DELETE", "/users/ana"))[0] == 204
    assert engine.containers == {}
    assert set(allocator.state("ana") + allocator.state("ana", "big")) == {"ended"}
    assert not [route for route in hub.app.proxy.routes if "ana" in route]


async def test_deleting_a_user_cancels_a_pending_start(hub, engine, allocator):
    engine.slow["create_container"] = 1.0
    asking = asyncio.ensure_future(hub.ask("ana", None, "big"))
    await until(lambda: "create_container" in engine.calls)
    assert (await hub.api("DELETE", "/users/ana"))[0] == 204
    await asking
    await background_done()
    assert engine.containers == {}
    assert set(allocator.state("ana", "big")) == {"ended"}


async def test_a_release_that_did_not_get_through_is_repeated_at_the_next_start(
    hub, engine, allocator
):
    await hub.start("ana")
    await allocator.stop()
    assert await hub.stop("ana") in (202, 204)
    await until(lambda: not hub.app.users["ana"].spawners[""].pending)
    await allocator.start()
    await hub.start("ana")
    assert allocator.state("ana") == ["ended", "active"]
