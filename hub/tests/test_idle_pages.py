"""The reason on the hub's pages, until the server starts again; a broken file breaks no page."""

import pytest
from hub_with import Browser
from idle_scene import LIMIT_S, Scene

from jupyterhub_gpu.idle.pages import note_of
from jupyterhub_gpu.idle.store import Ended, Run, Store, last_end

REASON = "GPU idle for 20 minutes."


@pytest.fixture
async def scene(tmp_path, allocator, engine):
    scene = await Scene(tmp_path, allocator, engine).open()
    yield scene
    await scene.close()


async def end(scene, server=""):
    """The rule has just ended ana's server."""
    await scene.run("ana", "one-gpu", server)
    await scene.tick(0)
    judged = scene.judge.judged["ana", server]
    path = f"/users/ana/servers/{server}" if server else "/users/ana/server"
    lease = judged.seen.lease.id
    at = scene.hands.wall()
    scene.judge.store.note_end(Ended(judged.run, lease, at, "idle", "GPU idle for 20 minutes"))
    assert (await scene.api("DELETE", path))[0] in (None, 204)


async def page(scene, path):
    async with Browser(scene.app) as browser:
        await browser.log_in("ana", "x")
        status, text, _ = await browser.get(path)
        return status, text


PAGES = ["/home", "/spawn/ana", "/user/ana/lab"]


async def test_the_pages_say_why(scene):
    await end(scene)
    for path in PAGES:
        status, text = await page(scene, path)
        assert status in (200, 424)
        assert 'Your server was ended at <time class="gpuhub-time" datetime="20' in text
        assert f"</time>: {REASON}" in text
        assert " UTC</time>" in text  # until the script has put it into the reader's own zone
        assert text.count(REASON) == 1


async def test_nothing_is_said_while_it_runs_or_when_somebody_stopped_it(scene):
    await end(scene)
    await scene.run("ana")
    assert REASON not in (await page(scene, "/home"))[1]
    await scene.tick()
    await scene.api("DELETE", "/users/ana/server")
    for path in PAGES:
        assert REASON not in (await page(scene, path))[1]


async def test_named_servers_have_their_own_reason(scene):
    await end(scene, "second")
    _, text = await page(scene, "/home")
    assert "Your server second was ended at" in text
    assert "Your server was ended" not in text
    assert "Your server second was ended at" in (await page(scene, "/spawn/ana/second"))[1]
    assert REASON not in (await page(scene, "/spawn/ana"))[1]
    assert "Your server second was ended at" in (await page(scene, "/user/ana/second/lab"))[1]


@pytest.mark.parametrize("file", [None, b"", b"broken" * 1000])
async def test_a_missing_or_broken_file_breaks_no_page(scene, file):
    await scene.api("POST", "/users/ana")
    scene.judge.store.close()
    for suffix in ("", "-wal", "-shm"):
        scene.state.with_name(f"idle.sqlite{suffix}").unlink(missing_ok=True)
    if file is not None:
        scene.state.write_bytes(file)
    for path in PAGES:
        status, text = await page(scene, path)
        assert status in (200, 424)
        assert "was ended" not in text
    assert scene.state.exists() == (file is not None)  # reading makes no file


async def test_an_admin_sees_the_persons_reason(scene):
    await end(scene)
    user = scene.app.users["ana"]
    assert REASON in note_of(scene.state, user, "")
    assert note_of(scene.state, user, "no-such") == ""
    assert note_of(scene.state, None, "") == ""


async def test_words_are_escaped(scene):
    await end(scene)
    run = Run("ana", "", "2026")
    scene.judge.store.note_end(Ended(run, "L", scene.hands.wall() + 1, "idle", "<b>&"))
    assert "&lt;b&gt;&amp;." in note_of(scene.state, scene.app.users["ana"], "")


async def test_the_reason_outlives_the_judge_and_the_hub(scene):
    await scene.run("ana")
    await scene.until_warned("ana")
    await scene.until_end(LIMIT_S)
    scene.judge.store.close()
    assert last_end(scene.state, "ana", "")[1] == "GPU idle for 20 minutes"
    scene.judge.store = Store(scene.state)


async def test_pages_of_a_hub_without_the_rule(hub):
    session = await hub.log_in("ana")
    async with session, session.get(f"{hub.url}/hub/home") as reply:
        assert reply.status == 200
        assert "was ended" not in await reply.text()
