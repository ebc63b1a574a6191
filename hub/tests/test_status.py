"""The status service beside a real hub: who may see and keep what."""

from __future__ import annotations

import itertools
import json
import time

import pytest
from conftest import TOKEN as TESTER
from conftest import settings
from fake_judge import FakeJudge, at, gpu, server
from jupyterhub import orm
from status_with import Browser, World

from jupyterhub_gpu.status import PREFIX, SCOPE, api, identity


@pytest.fixture
async def fake(tmp_path):
    made = await FakeJudge(tmp_path / "idle.sock").start()
    made.knows("ana", server("", 0), server("big", 1), history=[])
    made.knows("bo", server("", 2))
    made.gpus = [gpu(0, "ana"), gpu(1, "ana"), gpu(2, None), gpu(3)]
    yield made
    await made.stop()


@pytest.fixture
def config(tmp_path, allocator):
    c = settings(tmp_path, allocator, "hub")
    c.GpuMixin.isolate = False
    return c


@pytest.fixture
async def world(tmp_path, fake, engine, config):
    made = await World(tmp_path, fake).start(config)
    yield made
    await made.stop()


@pytest.fixture
async def ana(world):
    browser = await world.browser("ana")
    await browser.open()
    yield browser
    await browser.close()


# --- who I am ---------------------------------------------------------------------------------


async def test_a_person_sees_his_own_servers(ana, fake):
    status, told = await ana.fetch("api/me")
    assert status == 200
    assert told["name"] == "ana"
    assert [each["server"] for each in told["servers"]] == ["", "big"]
    assert told["history"] == []
    assert told["xsrf_token"] == ana.xsrf
    assert {path for method, path, _ in fake.seen if path.startswith("/people")} == {"/people/ana"}


async def test_the_page_comes_by_the_hubs_log_in_without_a_question(world, ana):
    text = await ana.open()
    assert "Your server" in text
    assert "Server “big”" in text
    assert "ana" in text


async def test_who_is_not_logged_in_goes_to_the_hub_and_comes_back(world):
    browser = Browser(world.url)
    status, _, reply = await browser.get(PREFIX, allow_redirects=False)
    assert status == 302
    assert reply.headers["Location"].startswith("/hub/api/oauth2/authorize?client_id=service-gpus")
    _, _, reply = await browser.get(PREFIX)
    assert reply.url.path == "/hub/login"
    await browser.close()


async def test_the_api_without_an_identity_refuses_and_sends_nowhere(world, fake):
    calls = [("GET", "api/me"), ("GET", "api/gpus"), ("POST", "api/keep"), ("GET", "view")]
    for (method, path), token in itertools.product(calls, (None, "f" * 64)):
        status, told, reply = await world.api(path, token, method, data=b'{"server": ""}')
        assert status == 403, path
        assert "Not logged in" in told["detail"]
        assert "Location" not in reply.headers
        assert reply.content_type == "application/json"
        assert "Server" not in reply.headers
    assert fake.seen == []


async def test_of_whom_the_judge_knows_nothing_there_is_nothing(world):
    status, told, _ = await world.api("api/me", world.token("cy"))
    assert (status, told) == (200, {"name": "cy", "servers": [], "history": []})


async def test_a_name_with_strange_letters_stays_one_name(world, fake):
    await world.api("api/me", world.token("a/../bo?x=1"))
    assert fake.seen[-1][1] == "/people/a%2F..%2Fbo%3Fx%3D1"
    status, told, _ = await world.api("api/keep", world.token(".."), "POST", json={"server": ""})
    assert (status, len(fake.seen)) == (404, 1), told


async def test_an_answer_about_somebody_else_is_not_passed_on(world, fake):
    fake.script = [(200, fake.people["bo"])]
    status, told, _ = await world.api("api/me", world.token("ana"))
    assert (status, told["detail"]) == (503, api.JUDGE_AWAY)


# --- Keep -------------------------------------------------------------------------------------


async def test_a_person_keeps_his_own_server(ana, fake):
    status, told = await ana.fetch("api/keep", "POST", json={"server": "big", "for_s": 600})
    assert status == 200, told
    assert (told["server"], told["state"]) == ("big", "kept")
    assert fake.seen[-1] == ("POST", "/people/ana/keep", {"server": "big", "for_s": 600})


async def test_nobody_keeps_somebody_elses_server(world, ana, fake):
    token = world.token("ana")
    asks = [{"server": "", "name": "bo"}, {"server": "", "user": "bo"}]
    asks += [{"server": name} for name in ("bo", "../bo/", "/people/bo/keep", "bo/keep?", "%2e")]
    for ask in asks:
        for status, told in [
            await ana.fetch("api/keep", "POST", json=ask),
            await ana.fetch("api/keep?name=bo&user=bo", "POST", json=ask),
            (await world.api("api/keep", token, "POST", json=ask))[:2],
        ]:
            assert status in (400, 404), (ask, told)
    assert {path for method, path, _ in fake.seen if method == "POST"} <= {"/people/ana/keep"}
    assert fake.people["bo"]["servers"][0]["kept_until"] is None


async def test_an_admin_is_a_person_like_others_here(tmp_path, fake, engine, config):
    config.Authenticator.admin_users = {"root"}
    world = await World(tmp_path, fake).start(config)
    try:
        admin = await world.browser("root")
        await admin.open()
        status, told = await admin.fetch("api/keep", "POST", json={"server": "big"})
        assert (status, told["detail"]) == (404, "nobody of this name has a server")
        assert (await admin.fetch("api/me"))[1]["servers"] == []
        await admin.close()
    finally:
        await world.stop()


async def test_the_judges_no_is_passed_on_in_its_words(ana, fake):
    fake.script = [(409, {"detail": "It has been kept as long as may be."})]
    status, told = await ana.fetch("api/keep", "POST", json={"server": ""})
    assert (status, told) == (409, {"detail": "It has been kept as long as may be."})


# --- the GPUs ---------------------------------------------------------------------------------


async def test_the_names_to_be_seen_are_asked_for_by_name_and_groups_of_the_hub(world, fake):
    token = world.token("ana")
    person = world.app.users["ana"].orm_user
    person.groups = [orm.Group(name=name) for name in ("lab", "x,staff", "ü&b")]
    world.app.db.commit()
    status, told, _ = await world.api("api/gpus?user=bo&groups=staff", token)
    assert (status, told) == (200, {"gpus": fake.gpus})
    path, _, groups = fake.seen[-1][1].partition("&groups=")
    assert path == "/gpus?user=ana"
    # a group whose name would read as two is left out
    assert sorted(groups.split("%2C")) == ["%C3%BC%26b", "lab"]


# --- tokens -----------------------------------------------------------------------------------


async def test_a_servers_own_token_is_its_owners(world, fake, allocator):
    hub = world.hub()
    await hub.start("ana", "one-gpu")
    token = hub.spawner("ana").api_token
    status, told, _ = await world.api("api/me", token)
    assert (status, told["name"]) == (200, "ana")
    assert "xsrf_token" not in told
    status, told, _ = await world.api("api/keep", token, "POST", json={"server": "big"})
    assert (status, told["state"]) == (200, "kept")
    await hub.stop("ana")
    await hub.start("bo", "one-gpu")
    status, told, _ = await world.api("api/me", hub.spawner("bo").api_token)
    assert (status, told["name"]) == (200, "bo")


async def test_a_servers_token_keeps_what_it_could(world):
    hub = world.hub()
    await hub.start("ana", "one-gpu")
    token = orm.APIToken.find(world.app.db, hub.spawner("ana").api_token)
    own = {"users:activity!user", "access:servers!server=ana/"}
    assert set(token.scopes) == own | {SCOPE}


async def test_a_token_without_the_scope_is_refused(world, fake):
    token = world.token("ana", ["read:users!user"])
    status, told, _ = await world.api("api/me", token)
    assert (status, fake.seen) == (403, [])
    assert SCOPE in told["detail"]


async def test_services_are_refused(tmp_path, fake, engine, config):
    """Even one that may use all services."""
    config.JupyterHub.load_roles[0]["scopes"] += ["access:services"]
    world = await World(tmp_path, fake).start(config)
    try:
        for path in ("api/me", "api/gpus", "view"):
            status, told, _ = await world.api(path, TESTER)
            assert (status, told["detail"]) == (403, "This is for people, not for services.")
        assert fake.seen == []
    finally:
        await world.stop()


# --- browsers ---------------------------------------------------------------------------------


async def test_a_post_without_the_right_xsrf_token_is_refused(world, ana, fake):
    other = await world.browser("bo")
    await other.open()
    await other.close()
    fake.seen.clear()
    for token in ("", "x", other.xsrf):
        for mode in ("cors", "navigate"):
            headers = {"X-XSRFToken": token, "Sec-Fetch-Mode": mode}
            status, _ = await ana.fetch("api/keep", "POST", json={"server": ""}, headers=headers)
            assert status == 403
        status, _ = await ana.fetch("api/me", headers={"X-XSRFToken": token})
        assert status == 403
    assert fake.seen == []


async def test_no_script_of_another_page_reads_the_page_or_the_api(ana, fake):
    """All servers share one origin; what a script fetches says so of itself."""
    fake.seen.clear()
    for mode in ("cors", "same-origin", "no-cors"):
        headers = {"Sec-Fetch-Mode": mode, "Sec-Fetch-Site": "same-origin"}
        status, text, _ = await ana.get(PREFIX, headers=headers, allow_redirects=False)
        assert (status, ana.xsrf in text) == (403, False), mode
        status, text, _ = await ana.get(f"{PREFIX}api/me", headers=headers)
        assert status == 403, mode
    assert fake.seen == []


async def test_cookies_are_this_services_alone(world, ana):
    cookies = [c for c in ana.session.cookie_jar if c["path"].startswith("/services")]
    assert {c.key for c in cookies} == {"service-gpus", "_xsrf"}
    for cookie in cookies:
        assert cookie["path"] == PREFIX.rstrip("/") or cookie["path"] == PREFIX
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert not cookie["secure"]


async def test_cookies_keep_to_tls_where_people_come_by_it(tmp_path, fake, engine, config):
    world = await World(tmp_path, fake).start(config, tls=True)
    try:
        browser = Browser(world.url)
        _, _, reply = await browser.get(PREFIX, allow_redirects=False)
        cookies = reply.headers.getall("Set-Cookie")
        assert cookies
        assert all("Secure" in cookie and "HttpOnly" in cookie for cookie in cookies), cookies
        await browser.close()
    finally:
        await world.stop()


async def test_headers_of_every_answer(ana):
    for path in ("", "api/me", "view", "oauth_callback", "static/status.js", "x"):
        _, _, reply = await ana.get(f"{PREFIX}{path}")
        told = reply.headers
        assert told["X-Content-Type-Options"] == "nosniff"
        policy = told["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (told["Cache-Control"] == "no-store") == (not path.startswith("static/"))


async def test_the_page_holds_no_script_of_its_own_and_nothing_from_elsewhere(ana):
    text = await ana.open()
    assert "<script>" not in text
    assert "style=" not in text
    assert "://" not in text.replace("http://www.w3.org", "")
    assert "onclick" not in text


async def test_names_are_text_and_no_markup(world, fake):
    fake.knows("ana", server("<b>x", why="<script>alert(1)</script>"))
    fake.gpus = [gpu(0, "<i>eve", label="<u>")]
    browser = await world.browser("ana")
    text = await browser.open()
    assert "&lt;script&gt;" in text
    for tag in ("<b>", "<i>", "<u>", "<script>alert"):
        assert tag not in text
    await browser.close()


# --- somebody is away -------------------------------------------------------------------------


async def test_a_judge_that_is_away(world, ana, fake):
    await fake.stop()
    for path, method in (("api/me", "GET"), ("api/gpus", "GET"), ("api/keep", "POST")):
        status, told = await ana.fetch(path, method, data=b'{"server": ""}')
        assert (status, told) == (503, {"detail": api.JUDGE_AWAY})
    assert api.JUDGE_AWAY in await ana.open()
    assert (await world.api("../../health"))[0] == 200


async def test_the_hub_does_not_wait_for_the_service(tmp_path, fake, engine, config):
    begun = time.monotonic()
    world = await World(tmp_path, fake).start(config, serve=False)
    try:
        took = time.monotonic() - begun
        assert took < 10
        assert "/services/gpus/" in world.app.proxy.routes  # the way is there already
        world.serve()
        assert (await world.api("api/me", world.token("ana")))[0] == 200
    finally:
        await world.stop()


async def test_a_hub_that_is_away(world, ana, fake, monkeypatch):
    monkeypatch.setattr(identity, "HUB_LIMIT_S", 0.5)
    world.app.http_server.stop()
    await world.app.http_server.close_all_connections()
    status, told, _ = await world.api("api/me", "e" * 64)
    assert (status, told) == (503, {"detail": identity.HUB_AWAY})
    assert (await world.api("../../health"))[0] == 200
    status, _ = await ana.fetch("api/me")  # known for half a minute
    assert status == 200


async def test_what_there_is_not(world):
    for path in ("api/people/bo", "api/keep/x", "static/../app.py", "static/app.py", "api/me/"):
        status, told, _ = await world.api(path, world.token("ana"))
        assert status in (403, 404), path
        assert "secret" not in json.dumps(told)
    status, _, _ = await world.api("api/me", world.token("ana"), "POST", data=b"{}")
    assert status == 405


async def test_the_page_shows_what_there_is(world, fake):
    usage = {"utilisation": {"now": 0.43}, "memory_used_mib": 40960}
    fake.knows(
        "ana",
        server("", 0, usage=usage, warning="last", ends_in_s=125, ends_at=at(125)),
        server("cpu", state="unlimited", why="", ends_at=None, ends_in_s=None, keep_until_max=None),
        history=[
            {"server": "", "gpus": [], "granted_at": at(-7300), "ended_at": at(-100),
             "reason": "idle", "words": "ended at 14:05: GPU idle for 60 minutes"},
        ],
    )  # fmt: skip
    browser = await world.browser("ana")
    text = await browser.open()
    for words in ("43 %", "40.0 of 80 GiB", "Last warning", "2 min", "because it is idle",
                  "Keep for 1 h", "at the latest", "No end is set",
                  "ended at 14:05: GPU idle for 60 minutes", "2 h", "somebody else", "you",
                  "nobody"):  # fmt: skip
        assert words in text, words
    assert text.count("data-keep=") == 1
    assert text.count("gpus-warning") == 1
    status, view, _ = await browser.get(f"{PREFIX}view", headers={"X-XSRFToken": browser.xsrf})
    assert status == 200
    assert view.strip().startswith("<section")
    await browser.close()
