"""What people see on the log-in page of a real hub, by a directory and by an OpenID provider."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import parse_qs, urlsplit

import aiohttp
import hub_with
import pytest
from certificates import Ca
from fake_directory import ACCOUNT, FakeDirectory, install
from fake_provider import CLIENT, CODE, SECRET, FakeProvider
from hub_with import Browser
from jupyterhub import orm

from jupyterhub_gpu.auth_directory import DirectoryAuthenticator
from jupyterhub_gpu.auth_oidc import OidcAuthenticator

PEOPLE = "ou=people,dc=example,dc=org"


@pytest.fixture
def directory(monkeypatch):
    made = FakeDirectory()
    for name in ("ana", "bo", "cy"):
        made.person(name)
    made.group("gpu-users", f"uid=ana,{PEOPLE}", f"uid=bo,{PEOPLE}")
    made.group("hub-admins", f"uid=ana,{PEOPLE}")
    install(monkeypatch, made)
    return made


@pytest.fixture
async def started(tmp_path, allocator, engine):
    apps = []

    async def start(door, **traits):
        def configure(c):
            c.JupyterHub.authenticator_class = door
            c.Entrance.allowed_groups = {"gpu-users"}
            c.Entrance.admin_groups = {"hub-admins"}
            c[door.__name__].update(traits)

        apps.append(await hub_with.start(tmp_path, allocator, configure))
        return apps[-1]

    yield start
    for app in apps:
        hub_with.stop(app)


def by_directory(**more):
    account, password = ACCOUNT
    return {
        "base": "dc=example,dc=org",
        "servers": ["ldap.example.org"],
        "lookup_dn_search_user": account,
        "lookup_dn_search_password": password,
    } | more


async def test_a_directorys_people(started, directory):
    app = await started(DirectoryAuthenticator, **by_directory())
    async with Browser(app) as browser:
        status, text = await browser.log_in("ana", "wrong")
        assert status == 403
        assert "Invalid username or password" in text
        assert (await browser.log_in("cy", "cy-pw"))[0] == 403
        assert (await browser.log_in("ANA", "ana-pw"))[0] == 200
    user = orm.User.find(app.db, "ana")
    assert (user.admin, sorted(group.name for group in user.groups)) == (
        True,
        ["gpu-users", "hub-admins"],
    )
    assert [each.name for each in app.db.query(orm.User)] == ["ana"]


async def test_who_is_taken_out_of_a_group_is_out_at_the_next_log_in(started, directory):
    app = await started(DirectoryAuthenticator, **by_directory())
    async with Browser(app) as browser:
        await browser.log_in("ana", "ana-pw")
        directory.group("hub-admins")
        await browser.log_in("ana", "ana-pw")
        assert orm.User.find(app.db, "ana").admin is False
        directory.group("gpu-users")
        assert (await browser.log_in("ana", "ana-pw"))[0] == 403


async def test_the_page_says_what_is_wrong_while_the_hub_goes_on(started, directory):
    app = await started(DirectoryAuthenticator, **by_directory(timeout_s=1.0))
    directory.silent = {"ldap.example.org"}
    async with Browser(app) as browser, Browser(app) as other:
        asking = asyncio.create_task(browser.log_in("ana", "ana-pw"))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        assert (await other.get("/health"))[0] == 200
        assert time.monotonic() - began < 0.5
        status, text = await asking
        assert status == 503
        assert "the directory does not answer" in text
        directory.silent = set()
        assert (await browser.log_in("ana", "ana-pw"))[0] == 200


async def test_a_locked_account_is_told(started, directory):
    app = await started(DirectoryAuthenticator, **by_directory())
    directory.person("bo", nsAccountLock="TRUE")
    async with Browser(app) as browser:
        status, text = await browser.log_in("bo", "bo-pw")
        assert (status, "Your account is disabled" in text) == (403, True)
        assert "Your account" not in (await browser.log_in("bo", "wrong"))[1]


async def test_there_and_back_by_a_provider(started, tmp_path):
    ca = Ca(tmp_path)
    provider = await FakeProvider().start(ca.context("localhost"))
    traits = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "ca_file": ca.file,
    }
    app = await started(OidcAuthenticator, **traits)
    async with Browser(app) as browser:
        assert "Sign in with localhost" in (await browser.get("/login"))[1]
        assert (await browser.post("/login", username="ana", password="x", code=CODE))[0] == 403
        _, _, reply = await browser.get("/oauth_login", allow_redirects=False)
        sent = urlsplit(reply.headers["Location"])
        asked = {key: values[0] for key, values in parse_qs(sent.query).items()}
        assert reply.headers["Location"].startswith(f"{provider.issuer}/auth?")
        assert (asked["code_challenge_method"], asked["client_id"]) == ("S256", CLIENT)
        assert asked["redirect_uri"] == f"{app.own_url}/hub/oauth_callback"
        provider.expected_challenge = asked["code_challenge"]
        back = f"/oauth_callback?code={CODE}&state={asked['state']}"
        assert (await browser.get(f"/oauth_callback?code={CODE}&state=eyJ9"))[0] == 400
        status, text, reply = await browser.get(back)
        assert status == 400, "the state was used up by the forged one"

        _, _, reply = await browser.get("/oauth_login", allow_redirects=False)
        asked = parse_qs(urlsplit(reply.headers["Location"]).query)
        provider.expected_challenge = asked["code_challenge"][0]
        status, text, reply = await browser.get(
            f"/oauth_callback?code={CODE}&state={asked['state'][0]}", allow_redirects=False
        )
        assert (status, reply.headers["Location"][:5]) == (302, "/hub/"), text
        status, text, _ = await browser.get("/oauth_callback?error=access_denied&state=x")
        assert status == 403
        assert "did not let you in (access_denied)" in text
        await provider.stop()
        app.authenticator._discovery._known = None
        status, text, _ = await browser.get("/oauth_login")
        assert status == 503
        assert "the log-in service localhost cannot be reached" in text
    assert [each.name for each in app.db.query(orm.User)] == ["ana"]


async def test_who_may_not_enter_any_more_starts_nothing_by_page_or_token(started, directory):
    app = await started(DirectoryAuthenticator, **by_directory(refresh_pre_spawn=True))
    async with Browser(app) as browser:
        await browser.log_in("ana", "ana-pw")
        token = app.users["ana"].new_api_token(note="of hers")
        directory.group("gpu-users")
        status, page = await browser.post("/spawn/ana", profile="none")
        assert (status, "login again" in page) == (403, True), page
        headers = {"Authorization": f"token {token}"}
        server = f"{app.own_url}/hub/api/users/ana/server"
        async with (
            aiohttp.ClientSession(headers=headers) as program,
            program.post(server, json={}) as reply,
        ):
            assert reply.status == 403, await reply.text()
