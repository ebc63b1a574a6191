"""The judge's API on its unix socket: what it tells, what it refuses, and who may reach it."""

import asyncio
import contextlib
import json
import stat

import aiohttp
import pytest
from fake_allocator import problem, uuid_of
from idle_scene import EVERY_S, LIMIT_S, SKIP_S, Scene

from jupyterhub_gpu.idle import KEEP_MOST_S, ask
from jupyterhub_gpu.idle.api import application, listen
from jupyterhub_gpu.status.judge import Judge, JudgeAway


@pytest.fixture
async def scene(tmp_path, allocator, engine):
    scene = await Scene(tmp_path, allocator, engine).open()
    scene.socket = tmp_path / "run" / "idle.sock"
    server = listen(application(scene.judge, scene.client), scene.socket)
    yield scene
    server.stop()
    await scene.close()


async def call(scene, method, path, body=None, raw=None):
    connector = aiohttp.UnixConnector(path=str(scene.socket))
    data = raw if raw is not None else None if body is None else json.dumps(body)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.request(method, f"http://judge{path}", data=data) as reply,
    ):
        return reply.status, await reply.json()


async def test_a_persons_servers(scene):
    await scene.run("ana")
    await scene.tick(600)
    status, told = await call(scene, "GET", "/people/ana")
    assert (status, told["name"], told["history"]) == (200, "ana", [])
    (server,) = told["servers"]
    started, ends_at = server.pop("started_at"), server.pop("ends_at")
    assert started.startswith("20")
    assert ends_at.endswith("Z")
    cap = server.pop("keep_until_max")
    assert cap > ends_at
    assert server.pop("ends_in_s") == pytest.approx(LIMIT_S - 600, abs=5)
    assert server.pop("idle_for_s") == pytest.approx(600, abs=5)
    usage = server.pop("usage")
    assert (usage["measured"], usage["busy"]) == ("process", False)
    assert server == {
        "server": "",
        "profile": "one-gpu",
        "gpus": [{"index": 0, "model": "A100-40G", "uuid": uuid_of(0)}],
        "state": "idle",
        "why": "GPU idle for 10 minutes",
        "limit_s": LIMIT_S,
        "ends_why": "idle",
        "warning": None,
        "kept_until": None,
        "keep_s": LIMIT_S,
        "lifetime_ends_at": None,
    }


async def test_everybodys_servers_as_an_admin_reads_them(scene):
    await scene.run("ana")
    await scene.run("bo")
    await scene.tick(600)
    status, told = await call(scene, "GET", "/servers")
    assert (status, [each["user"] for each in told["servers"]]) == (200, ["ana", "bo"])
    servers = await Judge(str(scene.socket)).servers()
    head, first, second = ask.table(servers).splitlines()
    assert head.split("  ")[0] == "SERVER"
    assert first.startswith("ana/    one-gpu  0     idle   10 minutes  20 minutes  ")
    assert first.endswith("  GPU idle for 10 minutes")
    assert second.startswith("bo/")
    with pytest.raises(JudgeAway, match=r"away\.sock"):
        await Judge(str(scene.socket.with_name("away.sock"))).servers()


async def test_times_are_computed_when_they_are_told(scene):
    await scene.run("ana")
    await scene.tick(600)
    scene.hands.passed += 20
    _, told = await call(scene, "GET", "/people/ana")
    assert told["servers"][0]["idle_for_s"] == pytest.approx(620, abs=5)


async def test_a_server_that_works(scene):
    ana = await scene.run("ana")
    ana.kernel = "busy"
    await scene.tick(0)
    _, told = await call(scene, "GET", "/people/ana")
    (server,) = told["servers"]
    assert (server["state"], server["why"]) == ("busy", "a cell is running")
    nothing = {key: server[key] for key in ("idle_for_s", "ends_at", "ends_in_s", "ends_why")}
    assert set(nothing.values()) == {None}


async def test_a_new_server_is_judged_when_it_is_asked_for(scene):
    await scene.run("bo")
    await scene.tick(0)
    scene.hands.passed += 5
    await scene.run("ana")
    _, told = await call(scene, "GET", "/people/ana")
    assert [each["state"] for each in told["servers"]] == ["idle"]


async def test_the_history_says_why(scene, allocator):
    await scene.run("ana")
    await scene.until_warned("ana")
    await scene.until_end(LIMIT_S)
    await scene.run("ana", "two-gpus")
    await scene.tick()
    await scene.api("DELETE", "/users/ana/server")
    await scene.run("ana", "none")
    allocator.settle()
    allocator.end(allocator.last("ana"), "container_exited", 1, False)
    _, told = await call(scene, "GET", "/people/ana")
    history = told["history"]
    assert [each["words"] for each in history] == [
        "it stopped by itself (exit code 1)",
        "it was stopped",
        "GPU idle for 20 minutes",
    ]
    assert [each["profile"] for each in history][1:] == ["two-gpus", "one-gpu"]
    assert [len(each["gpus"]) for each in history] == [0, 2, 1]
    assert history[2]["gpus"] == [{"index": 0, "model": "A100-40G"}]
    assert history[2]["reason"] == "released"


async def test_a_person_without_servers_and_nobody(scene):
    await scene.api("POST", "/users/ana")
    assert await call(scene, "GET", "/people/ana") == (
        200,
        {"name": "ana", "servers": [], "history": []},
    )
    assert (await call(scene, "GET", "/people/nobody"))[0] == 404
    assert (await call(scene, "POST", "/people/nobody/keep", {"server": ""}))[0] == 404
    assert (await call(scene, "POST", "/people/ana/keep", {"server": ""}))[0] == 404
    for path in ("/", "/people", "/people/", "/people/a/b", "/people/%2e%2e"):
        assert (await call(scene, "GET", path))[0] == 404


async def test_keep(scene):
    await scene.run("ana")
    await scene.tick(SKIP_S)
    await scene.tick()
    status, told = await call(scene, "POST", "/people/ana/keep", {"server": ""})
    assert (status, told["state"], told["warning"]) == (200, "kept", None)
    assert told["ends_in_s"] == pytest.approx(LIMIT_S, abs=5)
    asked = {"server": "", "for_s": KEEP_MOST_S}  # as long as the page lets anybody ask
    status, told = await call(scene, "POST", "/people/ana/keep", asked)
    assert (status, told["keep_until_max"]) == (200, None)
    assert told["ends_in_s"] == pytest.approx(3 * LIMIT_S - SKIP_S - EVERY_S, abs=5)
    status, told = await call(scene, "POST", "/people/ana/keep", {"server": ""})
    assert (status, list(told)) == (409, ["detail"])


BAD = [
    None,
    [],
    {},
    {"server": 7},
    {"server": None},
    {"server": "", "for_s": 0},
    {"server": "", "for_s": -1},
    {"server": "", "for_s": True},
    {"server": "", "for_s": 1.5},
    {"server": "", "for_s": 10**9},
    {"server": "", "for_s": "1"},
    {"server": "", "until": 7},
    {"server": "x" * 2000},
    {"server": "a\nb"},
]


async def test_bad_input_is_refused(scene):
    await scene.run("ana")
    for body in BAD:
        status, told = await call(scene, "POST", "/people/ana/keep", body)
        assert (body, status, list(told)) == (body, 400, ["detail"])


async def test_large_bodies_do_not_get_in(scene):
    with contextlib.suppress(aiohttp.ClientError):
        status, _ = await call(scene, "POST", "/people/ana/keep", raw=" " * 100_000)
        assert status >= 400
    status, _ = await call(scene, "POST", "/people/ana/keep", raw="[" * 4000)
    assert status == 400


async def test_the_inventory_as_a_person_may_see_it(scene, allocator):
    status, told = await call(scene, "GET", "/gpus?user=ana&groups=lab%20a,b")
    assert (status, len(told["gpus"])) == (200, 2)
    assert allocator.shown_to[-1] == {"user": "ana", "groups": "lab a,b"}
    assert (await call(scene, "GET", "/gpus"))[0] == 400
    allocator.script = [problem("not-ready", 503, "wait")] * 9
    assert await call(scene, "GET", "/gpus?user=ana") == (503, {"detail": "wait"})
    await allocator.stop()
    assert (await call(scene, "GET", "/gpus?user=ana"))[0] == 503


async def test_only_root_may_ask(scene):
    assert stat.S_IMODE(scene.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(scene.socket.parent.stat().st_mode) == 0o700


async def test_without_a_hub_it_says_so(scene):
    scene.judge.hub.url = "http://127.0.0.1:1/hub/api"
    assert (await call(scene, "GET", "/people/ana"))[0] == 503
    assert (await call(scene, "POST", "/people/ana/keep", {"server": ""}))[0] == 503


async def test_many_who_ask_at_once_make_one_look(scene, allocator):
    await scene.run("ana")
    allocator.seen.clear()
    scene.hands.passed += 10 * EVERY_S
    told = await asyncio.gather(*(call(scene, "GET", "/people/ana") for _ in range(20)))
    assert {status for status, _ in told} == {200}
    looks = [path for method, path, _ in allocator.seen if path == "/v1/leases"]
    assert len(looks) == 1 + 20  # one look, and each his own history
