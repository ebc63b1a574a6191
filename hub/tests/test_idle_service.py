"""The service as the hub starts it: a process of its own, killed and started again."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest
from conftest import until
from hub_with import stop
from idle_scene import JUDGE_TOKEN, Scene
from test_settings import TOLD

from jupyterhub_gpu.idle import configured
from jupyterhub_gpu.idle.store import last_end

IDLE = {"enabled": True, "gpu_limit_s": 4, "limit_s": None, "unknown_limit_s": 60, "keep_s": 30}
IDLE |= {"keep_max_s": 60, "look_every_s": 1, "exempt_users": [], "exempt_groups": []}


class WithService(Scene):
    """As a Scene, but the hub itself starts the judge."""

    def _configure(self, c):
        allocator = {**TOLD["allocator"], "socket": str(self.allocator.socket)}
        told = {**TOLD, "idle": IDLE, "allocator": allocator}
        (self.folder / "hub.json").write_text(json.dumps(told))
        self.socket = self.folder / "idle.sock"
        options = {"config": "hub.json", "listen": "idle.sock", "engine": "engine.sock"}
        arguments = [f"--{key}={self.folder / name}" for key, name in options.items()]
        configured.configure_idle(c, self.state, JUDGE_TOKEN, *arguments)
        c.GpuMixin.isolate = False

    def begin(self):
        pass

    async def close(self):
        await self.service.stop()
        await self.servers.close()
        await self.runner.cleanup()
        stop(self.app)

    @property
    def service(self):
        return self.app._service_map[configured.SERVICE]

    async def person(self, name):
        connector = aiohttp.UnixConnector(path=str(self.socket))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(f"http://judge/people/{name}") as reply,
        ):
            return await reply.json()

    async def answers(self):
        async def one():
            try:
                return await self.person("ana")
            except aiohttp.ClientError:
                return None

        for _ in range(200):
            if await one():
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the judge never answered")


@pytest.fixture
async def scene(tmp_path, allocator, engine):
    scene = await WithService(tmp_path, allocator, engine).open()
    yield scene
    await scene.close()


async def test_it_starts_with_the_hub_and_ends_what_is_idle(scene):
    ana, bo = await scene.run("ana"), await scene.run("bo")
    bo.gpu_busy = True
    await scene.answers()
    told = await scene.person("ana")
    assert told["servers"][0]["state"] == "idle"
    await until(lambda: scene.runs() == {"bo"}, limit_s=15)
    assert last_end(scene.state, "ana", "")[1].startswith("GPU idle for ")
    assert {token for _, token in ana.asked} != {f"token {JUDGE_TOKEN}"}
    (ended,) = (await scene.person("ana"))["history"]
    assert ended["words"].startswith("GPU idle for ")


async def test_it_is_started_again_and_goes_on(scene):
    await scene.answers()
    first = scene.service.proc
    first.send_signal(signal.SIGKILL)
    await until(lambda: first.poll() is not None)
    await scene.service.spawner.poll_and_notify()  # the hub looks every half minute
    await until(lambda: scene.service.proc is not first)
    await scene.answers()
    await scene.run("ana")
    await until(lambda: scene.runs() == set(), limit_s=15)


async def test_it_ends_when_it_is_told_to(scene):
    await scene.answers()
    first = scene.service.proc
    first.send_signal(signal.SIGINT)
    await until(lambda: first.poll() is not None, limit_s=3)
    assert first.returncode == 0


async def test_a_second_one_does_not_interfere(scene):
    await scene.answers()
    env = {**os.environ, "JUPYTERHUB_API_URL": scene.url, "JUPYTERHUB_API_TOKEN": "x"}
    second = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            "import jupyterhub_gpu.idle.service as s; s.LOCK_WAIT_S = 0.5; s.main()",
        ),
        *(f"--config={scene.folder / 'hub.json'}", f"--state={scene.state}"),
        f"--listen={scene.folder / 'other.sock'}",
        env=env,
        cwd=Path(__file__).parents[1],
    )
    assert await asyncio.wait_for(second.wait(), 20) == 75
    assert not (scene.folder / "other.sock").exists()


async def test_it_may_do_no_more_than_it_must(scene):
    headers = {"Authorization": f"token {JUDGE_TOKEN}"}
    await scene.run("bo")
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{scene.url}/users") as reply:
            assert reply.status == 200
            (model,) = [each for each in await reply.json() if each["name"] == "bo"]
            assert "state" not in model["servers"][""]
        for method, path in (
            ("POST", "/users/eve"),
            ("POST", "/users/bo/servers/x"),
            ("POST", "/users/bo/tokens"),
            ("GET", "/users/bo/tokens"),
            ("PATCH", "/users/bo"),
        ):
            async with session.request(method, scene.url + path, json={}) as reply:
                assert reply.status in (403, 404), (method, path)
