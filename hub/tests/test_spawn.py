"""A start, from the choice to the running container, through a real hub."""

import asyncio

from conftest import until
from dockerspawner import SystemUserSpawner
from fake_allocator import DROP, problem
from fake_engine import engine_error

from jupyterhub_gpu import GpuMixin


async def test_two_people_get_different_gpus(hub, engine, allocator):
    await asyncio.gather(hub.start("ana"), hub.start("bo"))
    gpus = {
        each["Config"]["Labels"]["gpuhub.gpus"]: each["Name"] for each in engine.containers.values()
    }
    assert len(gpus) == 2
    assert allocator.state("ana") == allocator.state("bo") == ["active"]


async def test_the_container_gets_labels_and_environment_of_the_lease(hub, engine, allocator):
    await hub.start("ana", "none")
    (container,) = engine.containers.values()
    labels = container["Config"]["Labels"]
    assert labels["gpuhub.owner"] == "hub/ana/"
    assert (labels["gpuhub.notebook"], labels["gpuhub.profile"]) == ("1", "none")
    assert "NVIDIA_VISIBLE_DEVICES=void" in container["Config"]["Env"]
    assert container["HostConfig"]["AutoRemove"] is True


async def test_bound_after_create_and_before_start(hub, engine, allocator):
    await hub.start("ana")
    calls = [path for method, path, _ in allocator.seen if method == "POST"]
    assert calls == ["/v1/leases", "/v1/leases/L-0000/bind"]
    created, started = engine.calls.index("create_container"), engine.calls.index("start")
    assert created < started


async def test_refused_when_all_are_leased_in_words(hub, engine, allocator):
    allocator.queue_enabled = False
    await hub.start("ana", "two-gpus")
    status, told = await hub.ask("bo")
    assert status == 409
    assert "No GPU is free for “1 GPU” now. Held by: GPUs 0, 1: ana since" in told["message"]
    assert engine.shown() == {"nb-ana--": "running"}
    assert allocator.state("bo") == []


async def test_the_refusal_shows_on_the_page(hub, engine, allocator):
    allocator.queue_enabled = False
    await hub.start("ana", "two-gpus")
    async with await hub.log_in("bo") as session:
        status, page = await hub.form(session, "bo", {"profile": "one-gpu"})
        assert status == 409
        assert "Held by: GPUs 0, 1: ana since" in page
        status, page = await hub.form(session, "bo")
        assert status == 200
        assert "0 of 2 GPUs have room now" in page


async def test_a_form_starts_a_server(hub, engine, allocator):
    async with await hub.log_in("bo") as session:
        await hub.form(session, "bo", {"profile": "two-gpus"})
        await until(lambda: engine.shown() == {"nb-bo--": "running"})
    assert len(allocator.leases["L-0000"]["gpus"]) == 2


async def test_bad_options_are_refused_the_same_by_form_and_api(hub, engine, allocator):
    async with await hub.log_in("bo") as session:
        for form in ({"profile": "x"}, {"profile": "none", "image": "evil"}, {"a": "b"}):
            status, page = await hub.form(session, "bo", form)
            assert status == 400
            assert "spawn-error-msg" in page
    for options in ({"profile": "x"}, {"profile": ["none"]}, {"image": "e"}, {"profile": None}):
        status, told = await hub.ask("bo", options)
        assert status == 400, told
    assert engine.containers == {}
    assert allocator.leases == {}


async def test_bad_options_are_not_kept_for_the_next_start(hub, engine, allocator):
    assert (await hub.ask("bo", {"profile": "x"}))[0] == 400
    await hub.start("bo")


async def test_not_ready_is_said_in_words(hub, engine, allocator):
    allocator.script = [problem("not-ready", 503, "the engine does not answer")] * 9
    status, told = await hub.ask("ana")
    assert status == 503
    assert "the engine does not answer" in told["message"]


async def test_not_ready_for_a_moment_is_waited_for(hub, engine, allocator):
    allocator.script = [problem("not-ready", 503)]
    await hub.start("ana")


async def test_a_dead_allocator_is_said_in_words(hub, engine, allocator):
    await allocator.stop()
    status, told = await hub.ask("ana")
    assert status == 503
    assert "does not answer" in told["message"]


async def test_an_answer_lost_on_the_way_is_asked_for_again(hub, engine, allocator):
    allocator.script = [None, DROP]
    await hub.start("ana")
    assert allocator.state("ana") == ["active"]


async def test_impossible_is_said_in_words(hub, engine, allocator):
    allocator.script = [None, problem("impossible", 422, "there are 2 GPUs")]
    status, told = await hub.ask("ana")
    assert status == 422
    assert "This machine cannot serve “1 GPU”: there are 2 GPUs" in told["message"]


async def test_a_refused_bind_removes_the_container(hub, engine, allocator):
    allocator.script = [None, None, problem("lease-state", 409)]
    status, told = await hub.ask("ana")
    assert status == 503
    assert "taken back" in told["message"]
    assert engine.containers == {}
    assert "start" not in engine.calls
    assert allocator.state("ana") == ["ended"]


async def test_a_failed_create_gives_the_lease_back(hub, engine, allocator):
    engine.fail["create_container"] = [engine_error(404, "No such image: nb")]
    status, told = await hub.ask("ana")
    assert status == 500
    assert "No such image: nb" in told["message"]
    assert allocator.state("ana") == ["ended"]


async def test_a_failed_start_leaves_nothing(hub, engine, allocator):
    engine.fail["start"] = [engine_error(500, "unresolvable CDI devices")]
    status, told = await hub.ask("ana")
    assert status == 500
    assert "unresolvable CDI devices" in told["message"]
    assert engine.containers == {}
    allocator.settle()
    assert allocator.state("ana") == ["ended"]
    await hub.start("ana")


async def test_the_admins_hooks_still_run(hub, engine, allocator):
    seen = []

    async def before(spawner):
        seen.append(("before", spawner.user.name, spawner.lease_id))

    def after(spawner):
        seen.append(("after", spawner.user.name, bool(spawner.lease_id)))

    hub.app.config.Spawner.pre_spawn_hook = before
    hub.app.config.Spawner.post_stop_hook = after
    await hub.start("ana")
    await hub.stop("ana")
    assert seen == [("before", "ana", ""), ("after", "ana", True)]


async def test_a_failing_hook_of_the_admin_takes_no_lease(hub, engine, allocator):
    def before(spawner):
        raise RuntimeError("no")

    hub.app.config.Spawner.pre_spawn_hook = before
    assert (await hub.ask("ana"))[0] == 500
    assert allocator.leases == {}


async def test_settings_that_name_devices_are_refused(hub, engine, allocator):
    hub.app.config.DockerSpawner.extra_host_config = {"privileged": True}
    status, told = await hub.ask("ana")
    assert status == 500
    assert "contradicts the bookkeeping" in told["message"]
    assert engine.containers == {}


async def test_progress_says_what_is_waited_for(hub, engine, allocator):
    engine.slow["create_container"] = 0.5
    asking = asyncio.ensure_future(hub.ask("ana"))
    await until(lambda: "ana" in hub.app.users and hub.spawner("ana").story.messages)
    seen = []

    async def watch():
        async for event in hub.spawner("ana").progress():
            seen.append(event["message"])

    watching = asyncio.ensure_future(watch())
    assert (await asking)[0] == 201
    watching.cancel()
    assert seen == [
        "You got GPU 0 (A100-40G); creating the container",
        "Starting the container",
        "Waiting for the server to answer",
    ]


def test_the_mixin_goes_over_any_dockerspawner_class():
    class Mixed(GpuMixin, SystemUserSpawner):
        pass

    spawner = Mixed()
    assert spawner.remove is True
    assert spawner.options_form is not None
    names = [each.__name__ for each in Mixed.__mro__]
    assert names.index("GpuMixin") < names.index("SystemUserSpawner") < names.index("DockerSpawner")
