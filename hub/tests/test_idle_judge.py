"""The judge with the real culler, over real HTTP, beside a real hub: who is ended, who is not."""

import asyncio
import dataclasses

import pytest
from fake_allocator import now_text, problem
from idle_scene import EVERY_S, LIMIT_S, SKIP_S, Scene

from jupyterhub_gpu.idle.look import SLOW_S
from jupyterhub_gpu.idle.rule import CannotKeep
from jupyterhub_gpu.idle.store import Run, last_end


@pytest.fixture
async def scene(tmp_path, allocator, engine):
    scene = await Scene(tmp_path, allocator, engine).open()
    yield scene
    await scene.close()


async def test_an_idle_server_is_ended_after_two_warnings(scene, allocator):
    await scene.run("ana")
    await scene.tick(SKIP_S)
    assert (scene.verdict("ana").state, scene.verdict("ana").warning) == ("idle", None)
    await scene.until_warned("ana", "first")
    first = scene.hands.passed
    await scene.until_warned("ana", "last")
    last = scene.hands.passed
    await scene.until_end(LIMIT_S)
    told = [first / LIMIT_S, last / LIMIT_S, scene.hands.passed / LIMIT_S]
    assert told == pytest.approx([0.8, 0.95, 1.0], abs=2 * EVERY_S / LIMIT_S)
    assert scene.ends == ["ana"]
    assert scene.engine.containers == {}
    assert last_end(scene.state, "ana", "")[1] == "GPU idle for 20 minutes"
    assert allocator.state("ana") == ["ended"]


KEPT = {
    "a silent cell": {"kernel": "busy"},
    "a thread on the GPU after its cell": {"gpu_busy": True},
    "nohup on the GPU": {"gpu_busy": True, "kernel": "idle"},
    "a terminal with a silent program": {"terminal": True, "job": True},
    "a silent cell without our extension": {"kernel": "busy", "extension": False},
    "a terminal without our extension": {"terminal": True, "extension": False},
    "NVML does not answer": {"measured": "none"},
    "its server does not answer": {"answer": (503, b"")},
    "its server sends us elsewhere": {"answer": (302, b"http://127.0.0.1:1/")},
    "its server wants a log-in": {"answer": (403, b"{}")},
    "its server talks nonsense": {"answer": (200, b"[[[")},
    "its server is deep nonsense": {"answer": (200, b"[" * 200_000)},
    "its server never stops talking": {"answer": (200, b" " * 300_000)},
}


ENDED = {
    "a forgotten page": {},
    "a closed page": {"kernel": "idle"},
    "an idle kernel that holds memory": {"kernel": "idle"},
    "the same without our extension": {"extension": False},
    "an idle shell": {"terminal": True},
    "a kernel to which nobody connected": {"kernel": "starting"},
    "measured by the whole GPU": {"measured": "gpu"},
}


async def test_what_works_or_is_not_known_is_kept_and_what_is_idle_is_ended(scene, allocator):
    """All at once: nobody's case is another's."""
    allocator.gpus = len(KEPT) + len(ENDED)
    names = {case: f"p{number}" for number, case in enumerate([*KEPT, *ENDED])}
    for case, doing in {**KEPT, **ENDED}.items():
        vars(await scene.run(names[case])).update(doing)
    await scene.ticks(1.2 * LIMIT_S)
    running = scene.runs()
    assert [case for case in KEPT if names[case] not in running] == []
    assert [case for case in ENDED if names[case] in running] == []


async def test_a_person_types(scene):
    ana = await scene.run("ana")
    for _ in range(4):
        await scene.ticks(0.9 * LIMIT_S)
        ana.touch()
    assert scene.runs() == {"ana"}


async def test_of_two_on_one_gpu_only_the_idle_one_is_ended(scene):
    ana, _ = await scene.run("ana"), await scene.run("bo")
    ana.gpu_busy = True
    await scene.ticks(1.2 * LIMIT_S)
    assert (scene.ends, scene.runs()) == (["bo"], {"ana"})


async def test_servers_without_gpus_have_their_own_limit(scene):
    await scene.run("ana", "none")
    await scene.tick(0)
    assert scene.verdict("ana").limit_s == 2 * LIMIT_S
    await scene.tick(SKIP_S)
    await scene.ticks(1.4 * LIMIT_S)
    assert last_end(scene.state, "ana", "")[1] == "idle for 40 minutes"


async def test_limits_of_profiles_come_first(scene):
    one = next(each for each in scene.told.profiles if each.slug == "one-gpu")
    never = dataclasses.replace(one, idle_limit_s=0)
    two = dataclasses.replace(one, slug="two-gpus", gpus={"count": 2}, idle_limit_s=60)
    scene.told = dataclasses.replace(scene.told, profiles=(never, two))
    scene.restart()
    await scene.run("ana")
    await scene.tick(0)
    assert scene.verdict("ana").state == "unlimited"
    scene.told = dataclasses.replace(
        scene.told, profiles=(dataclasses.replace(one, idle_limit_s=60),)
    )
    scene.restart()
    await scene.tick(0)
    assert scene.verdict("ana").limit_s == 60


async def test_a_lifetime_ends_even_what_works(scene):
    one = next(each for each in scene.told.profiles if each.slug == "one-gpu")
    short = dataclasses.replace(one, max_lifetime_s=LIMIT_S)
    scene.told = dataclasses.replace(scene.told, profiles=(short,))
    scene.set(enabled=False)
    scene.restart()
    ana = await scene.run("ana")
    ana.gpu_busy = True
    await scene.tick(0)
    verdict = scene.verdict("ana")
    assert (verdict.state, verdict.ends_why) == ("unlimited", "lifetime")
    await scene.ticks(1.2 * LIMIT_S)
    text = "it had run for 20 minutes, as long as its profile allows"
    assert (scene.ends, last_end(scene.state, "ana", "")[1]) == (["ana"], text)


async def test_a_lifetime_does_not_begin_while_one_stands_in_line(scene, allocator):
    one = next(each for each in scene.told.profiles if each.slug == "one-gpu")
    short = dataclasses.replace(one, max_lifetime_s=2 * LIMIT_S)
    scene.told = dataclasses.replace(scene.told, profiles=(short,))
    scene.restart()
    await scene.run("ana")
    waited_s = 0.7 * LIMIT_S
    allocator.last("ana")["granted_at"] = now_text(waited_s)
    await scene.tick(0.75 * LIMIT_S)
    verdict, now = scene.verdict("ana"), scene.judge.clock.now()
    left = waited_s + 2 * LIMIT_S - 0.75 * LIMIT_S
    assert verdict.lifetime_ends_at - now == pytest.approx(left, abs=5)
    for nonsense in ("yesterday", "2026-01-01T00:00:00", "", "9" * 40):
        allocator.last("ana")["granted_at"] = nonsense
        await scene.tick(1)
        assert scene.verdict("ana").lifetime_ends_at == pytest.approx(now + left, abs=5)


async def test_exempt_people_and_groups(scene):
    await scene.run("vip")
    await scene.run("bo")
    assert (await scene.api("POST", "/groups/staff"))[0] == 201
    assert (await scene.api("POST", "/groups/staff/users", {"users": ["bo"]}))[0] == 200
    await scene.ticks(1.2 * LIMIT_S)
    assert scene.runs() == {"vip", "bo"}
    assert scene.verdict("bo").state == "exempt"


async def test_named_servers_are_judged_one_by_one(scene):
    ana = await scene.run("ana", "none")
    await scene.run("ana", "one-gpu", "second")
    assert ana is not scene.doing["ana"]
    await scene.ticks(1.2 * LIMIT_S)
    assert scene.ends == ["ana/second"]


# --- what fails ---------------------------------------------------------------------------------


async def test_unknown_for_long_is_ended_too(scene):
    ana = await scene.run("ana")
    ana.answer = (503, b"")
    await scene.tick(0)
    assert (scene.verdict("ana").ends_why, scene.verdict("ana").limit_s) == ("unknown", 4 * LIMIT_S)
    for _ in range(4):
        await scene.tick(0.79 * LIMIT_S)
    assert await scene.until_end(1.2 * LIMIT_S) == pytest.approx(0.84 * LIMIT_S, abs=2 * EVERY_S)
    assert scene.ends == ["ana"]
    assert last_end(scene.state, "ana", "")[1].endswith("and it did not say what else it did")


async def test_an_allocator_that_is_away_ends_nothing(scene, allocator):
    await scene.run("ana")
    await scene.until_warned("ana")
    await allocator.stop()
    await scene.ticks(0.2 * LIMIT_S)
    assert (scene.runs(), scene.verdict("ana").state) == ({"ana"}, "unmeasured")
    await allocator.start()
    assert await scene.until_end(0.3 * LIMIT_S) == pytest.approx(0.2 * LIMIT_S, abs=2 * EVERY_S)


async def test_a_measure_that_is_not_understood_is_none(scene, allocator):
    await scene.run("ana")
    for usage in ({}, {"measured": "x"}, {"measured": "gpu", "busy": False}, 7):
        allocator.usage["ana"] = lambda told=usage: told
        await scene.tick(2 * LIMIT_S)
        assert scene.verdict("ana").state == "unmeasured"


async def test_a_moment_of_silence_changes_nothing_and_ends_nothing(scene):
    ana = await scene.run("ana")
    await scene.until_warned("ana")
    ana.answer = (503, b"")
    await scene.ticks(2.5 * EVERY_S)
    verdict = scene.verdict("ana")
    assert (scene.ends, verdict.warning, verdict.limit_s) == ([], "last", LIMIT_S)
    ana.answer = None
    await scene.tick()
    assert scene.ends == ["ana"]


async def test_what_goes_on_between_look_and_end_is_seen(scene, monkeypatch):
    ana = await scene.run("ana")
    await scene.until_warned("ana")
    all_at_once = scene.judge.look.at_all

    async def and_then(running):
        seen = await all_at_once(running)
        ana.kernel = "busy"
        return seen

    monkeypatch.setattr(scene.judge.look, "at_all", and_then)
    await scene.ticks(0.1 * LIMIT_S)
    assert (scene.runs(), scene.verdict("ana").state) == ({"ana"}, "busy")


async def test_a_server_started_anew_meanwhile_is_another(scene, monkeypatch):
    await scene.run("ana")
    await scene.until_warned("ana")
    old = scene.judge.judged["ana", ""].running
    await scene.api("DELETE", "/users/ana/server")
    await scene.run("ana")
    assert await scene.judge._end(old) is False
    assert scene.runs() == {"ana"}


async def test_a_hub_that_does_not_answer_ends_nothing(scene):
    await scene.run("ana")
    await scene.tick(0)
    model = {"full_name": "ana/", "name": ""}
    model["started"] = scene.judge.judged["ana", ""].running.started
    scene.judge.hub.url = "http://127.0.0.1:1/hub/api"
    scene.hands.passed += 3 * LIMIT_S
    assert await scene.judge.arbiter(server=model) is False
    assert await scene.judge.arbiter(server={}) is False


async def test_an_allocator_that_talks_nonsense_ends_nothing(scene, allocator):
    await scene.run("ana")
    for reply in (problem("not-ready", 503), (200, {"leases": 7}), (200, [])):
        allocator.script = [reply] * 50
        await scene.tick(2 * LIMIT_S)
        assert scene.verdict("ana").state == "unmeasured"


async def test_a_slow_server_holds_up_nobody(scene, engine):
    await scene.run("ana")
    await scene.run("bo")
    engine.slow["stop"] = 0.3
    loop = asyncio.get_running_loop()
    scene.servers.timeout_s = 0.3
    slow = asyncio.Event()

    async def hang(*_):
        await slow.wait()

    scene.servers._ask, asked = hang, loop.time()
    await scene.tick(LIMIT_S)
    assert loop.time() - asked < 3
    assert scene.verdict("bo").ends_why == "unknown"


async def test_who_is_slow_is_waited_for_once_and_heard_later(scene):
    ana = await scene.run("ana")
    await scene.run("bo")
    ana.kernel = "busy"
    ask, asked, goes_on = scene.servers._ask, [], asyncio.Event()

    async def slowly(door, path, reader):
        if "/ana/" in path:
            asked.append(path)
            await goes_on.wait()
        return await ask(door, path, reader)

    scene.servers._ask, scene.servers.timeout_s = slowly, 2 * SLOW_S
    await scene.tick()
    assert (len(asked), scene.verdict("ana").state) == (1, "idle")
    scene.servers.timeout_s = 60.0
    async with asyncio.timeout(30):  # it is not waited for
        await scene.tick()
        await scene.tick()
    assert (len(asked), scene.verdict("ana").state) == (2, "idle")
    assert scene.verdict("bo").state == "idle"
    goes_on.set()
    await scene.tick()
    assert (len(asked), scene.verdict("ana").state) == (2, "busy")
    await scene.tick()
    await scene.tick()
    assert (len(asked), scene.verdict("ana").state) == (4, "busy")


async def test_a_look_that_lasts_is_not_made_for_each_server_anew(scene, monkeypatch):
    for user in ("ana", "bo"):
        await scene.run(user)
    at_all, looks = scene.judge.look.at_all, []

    async def lasts(running):
        looks.append(1)
        scene.hands.passed += 2 * EVERY_S
        return await at_all(running)

    monkeypatch.setattr(scene.judge.look, "at_all", lasts)
    await scene.tick()
    assert len(looks) == 1
    await scene.tick()
    assert len(looks) == 2


# --- restarts and clocks ------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0.7, 0.82, 0.93, 0.97])
async def test_a_restart_in_the_warning_period_loses_and_doubles_nothing(scene, at):
    await scene.run("ana")
    await scene.tick(0.65 * LIMIT_S)
    passed, restarted = 0.65 * LIMIT_S, False
    while not scene.ends:
        await scene.tick()
        passed += EVERY_S
        if not restarted and passed >= at * LIMIT_S:
            scene.restart(away_s=20)
            restarted = True
        assert passed < 2 * LIMIT_S
    away = 20 if at >= 0.8 else 0
    assert passed + 20 == pytest.approx(LIMIT_S + away, abs=2 * EVERY_S)


async def test_warnings_are_durable_before_they_are_told(scene):
    await scene.run("ana")
    await scene.until_warned("ana", "first")
    judged = scene.judge.judged["ana", ""]
    run = Run("ana", "", judged.running.started)
    assert judged.verdict.warning == "first"
    assert scene.judge.store.remembered(run)[0].idle.first_at is not None


async def test_clocks_that_are_set_end_nothing_early(scene):
    ana = await scene.run("ana")
    await scene.ticks(0.3 * LIMIT_S)
    scene.hands.set_by += 100 * LIMIT_S
    ana.touch()
    await scene.ticks(0.3 * LIMIT_S)
    scene.hands.set_by -= 200 * LIMIT_S
    assert await scene.until_end(0.6 * LIMIT_S) is None
    assert scene.runs() == {"ana"}


# --- ends ---------------------------------------------------------------------------------------


async def test_an_end_is_noted_before_the_culler_is_told(scene, monkeypatch):
    await scene.run("ana")
    await scene.until_warned("ana")
    noted = []
    note_end = scene.judge.store.note_end
    monkeypatch.setattr(
        scene.judge.store, "note_end", lambda ended: (note_end(ended), noted.append(scene.runs()))
    )
    await scene.ticks(0.1 * LIMIT_S)
    assert noted == [{"ana"}]


async def test_what_could_not_be_stopped_has_not_ended(scene, monkeypatch):
    await scene.run("ana")
    await scene.until_warned("ana")
    model = {"full_name": "ana/", "name": ""}
    model["started"] = scene.judge.judged["ana", ""].running.started
    scene.hands.passed += 2.5 * EVERY_S
    assert await scene.judge.arbiter(server=model) is True
    assert last_end(scene.state, "ana", "") is not None
    with pytest.raises(Exception, match="is being ended"):
        await scene.judge.keep("ana", "", None)
    scene.doing["ana"].kernel = "busy"
    await scene.tick(100)
    assert last_end(scene.state, "ana", "") is None
    assert (await scene.judge.keep("ana", "", None)).verdict.state == "busy"


async def test_the_reason_goes_when_the_server_starts_again(scene):
    await scene.run("ana")
    await scene.until_warned("ana")
    await scene.until_end(LIMIT_S)
    assert last_end(scene.state, "ana", "") is not None
    await scene.run("ana")
    await scene.tick()
    assert last_end(scene.state, "ana", "") is None
    lease = next(iter(scene.allocator.leases))
    assert scene.judge.store.ends_of("ana") == {lease: "GPU idle for 20 minutes"}
    assert scene.judge.store.profile_of(lease) == "one-gpu"


# --- keep ---------------------------------------------------------------------------------------


async def test_keep_extends_and_survives_a_restart(scene):
    await scene.run("ana")
    await scene.tick(0.9 * LIMIT_S)
    assert scene.verdict("ana").warning == "first"
    kept = await scene.judge.keep("ana", "", None)
    assert (kept.verdict.state, kept.verdict.warning) == ("kept", None)
    scene.restart(away_s=5)
    await scene.tick()
    assert scene.verdict("ana").state == "kept"
    assert scene.verdict("ana").ends_at == pytest.approx(kept.verdict.ends_at, abs=2)


async def test_keep_ends_at_the_cap(scene):
    await scene.run("ana")
    await scene.tick(0)
    kept = await scene.judge.keep("ana", "", 10**6)
    assert kept.verdict.kept_until == pytest.approx(kept.verdict.active_at + 3 * LIMIT_S)
    with pytest.raises(CannotKeep):
        await scene.judge.keep("ana", "", 10**6)
    assert await scene.judge.keep("ana", "no-such", None) is None
    assert await scene.judge.keep("nobody", "", None) is None


# --- how a server is asked ----------------------------------------------------------------------


async def test_a_server_gets_its_own_token_and_nothing_else(scene, engine):
    ana = await scene.run("ana")
    await scene.tick(0)
    (container,) = engine.containers.values()
    own = next(x for x in container["Config"]["Env"] if x.startswith("JUPYTERHUB_API_TOKEN="))
    assert {token for _, token in ana.asked} == {f"token {own.partition('=')[2]}"}
    assert scene.app.own_url not in str(ana.asked)


async def test_where_our_extension_is_not_it_is_seldom_asked_for(scene):
    ana = await scene.run("ana")
    ana.extension = False
    await scene.ticks(10 * EVERY_S)
    assert len([path for path, _ in ana.asked if "gpuhub/activity" in path]) == 1


async def test_how_much_a_look_costs(scene):
    """One call of the hub, beside the culler's, and one of the allocator, for all servers."""
    for user in ("ana", "bo"):
        await scene.run(user)
    scene.allocator.seen.clear()
    await scene.tick()
    assert [path for _, path, _ in scene.allocator.seen] == ["/v1/leases"]
