"""Accounts of the hub's own: made by an admin, or asked for; nobody gets in by a name he chose."""

from __future__ import annotations

import asyncio
import io
import time

import bcrypt
import hub_with
import pytest
from hub_with import Browser
from jupyterhub import orm
from nativeauthenticator.handlers import LocalBase

from jupyterhub_gpu import NATIVE_TEMPLATES, TEMPLATES, native_accounts, passwd
from jupyterhub_gpu.auth_native import OwnAccounts

GOOD = "correct horse"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Hashes that take no time; one test takes the real ones."""
    real = bcrypt.gensalt
    monkeypatch.setattr(bcrypt, "gensalt", lambda rounds=4: real(rounds))
    # NativeAuthenticator tells its templates to the first hub of a process only
    monkeypatch.setattr(LocalBase, "_template_dir_registered", False)


@pytest.fixture
async def started(tmp_path, allocator, engine):
    apps = []

    async def start(**traits):
        def configure(c):
            c.JupyterHub.authenticator_class = OwnAccounts
            c.JupyterHub.template_paths = [str(NATIVE_TEMPLATES), str(TEMPLATES)]
            c.Authenticator.admin_users = {"root-of-hub"}
            c.OwnAccounts.update({"failures_per_name": 0} | traits)

        apps.append(await hub_with.start(tmp_path, allocator, configure))
        return apps[-1]

    yield start
    for app in apps:
        hub_with.stop(app)


def make(tmp_path, name, password=GOOD):
    return passwd.main([name, "--db", f"sqlite:///{tmp_path}/hub.sqlite"], io.StringIO(password))


async def test_an_account_that_an_admin_made_enters(started, tmp_path, capsys):
    app = await started()
    assert make(tmp_path, "ana") == 0
    assert "account made" in capsys.readouterr().out
    async with Browser(app) as browser:
        assert (await browser.log_in("ana", "wrong horse"))[0] == 403
        for odd in ("", "   ", "x" * 200, "a\0b"):
            assert (await browser.log_in("ana", odd))[0] == 403
        assert (await browser.log_in("ghost", GOOD))[0] == 403
        status, text = await browser.log_in(" ANA ", GOOD)
        assert status == 200
        assert "change-password" in text
        assert "/hub/authorize" not in text
    user = orm.User.find(app.db, "ana")
    assert (user.name, user.admin) == ("ana", False)


async def test_the_running_hub_takes_a_changed_password_at_once(started, tmp_path, capsys):
    app = await started()
    make(tmp_path, "ana")
    info = app.authenticator.get_user("ana")  # kept by the hub, as a page in progress would
    make(tmp_path, "ana", "another horse")
    assert "password changed" in capsys.readouterr().out
    async with Browser(app) as browser:
        assert (await browser.log_in("ana", GOOD))[0] == 403
        assert (await browser.log_in("ana", "another horse"))[0] == 200
    assert info.username == "ana"


@pytest.mark.parametrize(
    ("name", "password"),
    [("ana", "short"), ("ana", ""), ("ana", " " * 9), ("ana", "ä" * 40), ("ana", "a" * 73),
     ("../ana", GOOD), ("a b", GOOD), ("a" * 65, GOOD), ("änä", GOOD)],
)  # fmt: skip
async def test_what_passwd_refuses(tmp_path, capsys, name, password):
    assert make(tmp_path, name, password) == 1
    told = capsys.readouterr()
    assert told.err
    assert not told.out
    assert password not in told.err or not password.strip()


async def test_a_database_that_no_hub_has_begun_is_left_alone(started, tmp_path, capsys):
    assert make(tmp_path, "ana") == 1
    assert "never run" in capsys.readouterr().err
    app = await started()  # JupyterHub takes it for a new one
    assert make(tmp_path, "ana") == 0
    async with Browser(app) as browser:
        assert (await browser.log_in("ana", GOOD))[0] == 200


async def test_closed_by_default(started):
    app = await started()
    async with Browser(app) as browser:
        assert "signup" not in (await browser.get("/login"))[1]
        assert (await browser.get("/signup"))[0] == 404
        form = {"username": "eve", "signup_password": GOOD, "signup_password_confirmation": GOOD}
        assert (await browser.post("/signup", **form))[0] == 404
    assert app.authenticator.get_user("eve") is None


async def ask(browser, name, password=GOOD, again=None):
    form = {
        "username": name,
        "signup_password": password,
        "signup_password_confirmation": password if again is None else again,
    }
    return (await browser.post("/signup", **form))[1]


async def test_who_asks_enters_once_an_admin_has_said_yes(started, tmp_path):
    app = await started(sign_up=True)
    make(tmp_path, "root-of-hub")
    async with Browser(app) as eve, Browser(app) as admin:
        assert "/hub/signup" in (await eve.get("/login"))[1]
        assert "An admin has been asked" in await ask(eve, "Eve")
        status, text = await eve.log_in("eve", GOOD)
        assert status == 403
        assert "No admin has authorised your account yet" in text
        status, text = await eve.log_in("eve", "wrong horse")
        assert "authorised" not in text

        await admin.log_in("root-of-hub", GOOD)
        status, text, _ = await admin.get("/authorize")
        assert status == 200
        assert "eve" in text
        assert (await admin.get("/authorize/eve"))[0] == 405  # a link changes nothing
        assert (await eve.log_in("eve", GOOD))[0] == 403
        assert (await admin.post("/authorize/eve", what="authorize"))[0] == 200
        assert (await eve.log_in("eve", GOOD))[0] == 200
        assert (await eve.get("/authorize"))[0] == 403
        assert (await eve.post("/authorize/eve", what="withdraw"))[0] == 403

        assert (await admin.post("/authorize/eve", what="discard"))[0] == 409
        assert (await admin.post("/authorize/eve", what="withdraw"))[0] == 200
        assert await app.authenticator.refresh_user(app.users["eve"]) is False
        assert (await admin.post("/authorize/eve", what="else"))[0] == 400
        assert (await admin.post("/authorize/eve", what="discard"))[0] == 200
        assert (await admin.post("/authorize/eve", what="discard"))[0] == 404
    assert app.authenticator.get_user("eve") is None


async def test_names_that_nobody_can_take(started, tmp_path):
    app = await started(sign_up=True, allowed_users={"bo"})
    make(tmp_path, "ana")
    app.db.add(orm.User(name="cy"))  # from another way of logging in: his home is there
    app.db.commit()
    async with Browser(app) as browser:
        for name in ("root-of-hub", "ROOT-OF-HUB", "bo", "ana", "cy"):
            assert "taken" in await ask(browser, name)
        assert "A name has" in await ask(browser, "../x")
        assert "8 characters" in await ask(browser, "dee", "short")
        assert "everybody tries first" in await ask(browser, "dee", "12345678")
        assert "not the same" in await ask(browser, "dee", GOOD, "other horse")
        assert "An admin has been asked" in await ask(browser, "dee")
        assert "taken" in await ask(browser, "dee")


async def test_not_more_than_so_many_can_wait(started, monkeypatch):
    monkeypatch.setattr(native_accounts, "WAITING_MAX", 2)
    app = await started(sign_up=True)
    async with Browser(app) as browser:
        for name in ("one", "two"):
            assert "An admin has been asked" in await ask(browser, name)
        assert "Too many people wait" in await ask(browser, "three")


async def test_one_changes_ones_password(started, tmp_path):
    app = await started(failures_per_name=3)
    make(tmp_path, "ana")
    async with Browser(app) as browser:
        await browser.log_in("ana", GOOD)
        assert (await browser.get("/change-password"))[0] == 200

        async def change(old, new, again=None):
            form = {"old_password": old, "new_password": new}
            form["new_password_confirmation"] = new if again is None else again
            return await browser.post("/change-password", **form)

        assert "not the same" in (await change(GOOD, "another horse", "other horse"))[1]
        assert "8 characters" in (await change(GOOD, "short"))[1]
        assert "old password is not right" in (await change("wrong horse", "another horse"))[1]
        assert "has been changed" in (await change(GOOD, "another horse"))[1]
        for _ in range(3):
            await change("wrong horse", "third horse here")
        assert (await change("another horse", "third horse here"))[0] == 429
    async with Browser(app) as browser:
        app.authenticator._by_name.forget("ana")
        assert (await browser.log_in("ana", "another horse"))[0] == 200


async def test_an_admin_changes_somebodys(started, tmp_path):
    app = await started()
    for name in ("ana", "root-of-hub"):
        make(tmp_path, name)
    form = {"new_password": "another horse", "new_password_confirmation": "another horse"}
    async with Browser(app) as browser, Browser(app) as ana:
        await browser.log_in("root-of-hub", GOOD)
        assert (await browser.get("/change-password/ana"))[0] == 200
        assert "has been changed" in (await browser.post("/change-password/ana", **form))[1]
        assert (await ana.log_in("ana", "another horse"))[0] == 200
        assert (await ana.post("/change-password/root-of-hub", **form))[0] == 403


async def test_groups_are_those_of_the_hub(started, tmp_path):
    app = await started(allowed_groups={"gpu-users"}, admin_groups={"hub-admins"})
    make(tmp_path, "ana")
    async with Browser(app) as browser:
        assert (await browser.log_in("ana", GOOD))[0] == 403
        user = orm.User(name="ana")
        user.groups = [orm.Group(name="gpu-users"), orm.Group(name="hub-admins")]
        app.db.add(user)
        app.db.commit()
        assert (await browser.log_in("ana", GOOD))[0] == 200
    assert orm.User.find(app.db, "ana").admin is True
    assert sorted(group.name for group in user.groups) == ["gpu-users", "hub-admins"]


async def test_comparing_passwords_does_not_stop_the_hub(started, tmp_path, monkeypatch):
    app = await started()
    make(tmp_path, "ana")
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: time.sleep(0.5) or True)
    async with Browser(app) as browser, Browser(app) as other:
        asking = asyncio.create_task(browser.log_in("ana", GOOD))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        assert (await other.get("/health"))[0] == 200
        assert time.monotonic() - began < 0.4
        assert (await asking)[0] == 200


def test_nobody_costs_as_much_as_somebody():
    stored = native_accounts.hashed(GOOD)
    assert native_accounts.is_right(GOOD, stored)
    assert not native_accounts.is_right(GOOD, None)
    assert not native_accounts.is_right("nobody", None)  # whose hash the comparison is with
    assert not native_accounts.is_right(GOOD, b"no hash")
