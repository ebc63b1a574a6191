"""Who gets in with an account of the host: whom the helper knows, by its word and name."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fake_login_helper import SILENT, FakeLoginHelper, account
from tornado import web

from jupyterhub_gpu import HostAuthenticator
from jupyterhub_gpu.entrance import Told, Unavailable


@pytest.fixture
async def fake(tmp_path):
    fake = await FakeLoginHelper(tmp_path / "login.sock").start()
    fake.accounts = {
        "ana": account("ana", 1001, ("vision", 2000), ("", 2001)),
        "bo": account("bo", 1002),
        "Bo": account("Bo", 1003),
    }
    fake.passwords = {"ana": "a", "bo": "b", "Bo": "B"}
    yield fake
    await fake.stop()


def host(fake, **traits):
    return HostAuthenticator(helper_socket=str(fake.socket), helper_timeout=2, **traits)


async def enter(authenticator, name, password):
    handler = SimpleNamespace(request=SimpleNamespace(remote_ip="192.0.2.7"))
    data = {"username": name, "password": password}
    return await authenticator.get_authenticated_user(handler, data)


def user(name):
    return SimpleNamespace(name=name)


async def test_the_right_password_gets_in_with_the_hosts_name(fake):
    told = await enter(host(fake), "ANA", "a")
    assert (told["name"], told["admin"], told["groups"]) == ("ana", False, ["vision"])
    assert told["auth_state"] == {"account": fake.accounts["ana"]}
    assert (await enter(host(fake), "Bo", "B"))["name"] == "Bo"
    assert (await enter(host(fake), "bo", "b"))["name"] == "bo"


@pytest.mark.parametrize(
    ("name", "password"), [("ana", "b"), ("ana", ""), ("ghost", "a"), ("", ""), ("bo", "B")]
)
async def test_wrong_and_unknown_are_refused_without_a_word(fake, name, password):
    assert await enter(host(fake), name, password) is None


@pytest.mark.parametrize(
    ("state", "word"), [("expired", "expired"), ("must-change", "changed"), ("locked", "locked")]
)
async def test_who_has_the_right_password_is_told_why_it_does_not_help(fake, state, word):
    fake.states["ana"] = state
    assert await enter(host(fake), "ana", "x") is None
    with pytest.raises(Told) as caught:
        await enter(host(fake), "ana", "a")
    assert caught.value.status_code == 403
    assert word in caught.value.jupyterhub_message


async def test_a_helper_that_says_nothing_lets_nobody_in_and_is_no_failed_attempt(fake):
    limited = host(fake, failures_per_name=1)
    fake.script = [SILENT, b"", {"outcome": "busy", "detail": "32 log-ins at once"}]
    limited.helper.timeout_s = 0.2
    for _ in range(3):
        with pytest.raises(Unavailable) as caught:
            await enter(limited, "ana", "a")
        assert caught.value.status_code == 503
        assert "cannot be checked" in caught.value.jupyterhub_message
    limited.helper.timeout_s = 5
    assert (await enter(limited, "ana", "a"))["name"] == "ana"


async def test_failed_attempts_are_limited(fake):
    limited = host(fake, failures_per_name=1)
    assert await enter(limited, "ana", "x") is None
    with pytest.raises(web.HTTPError) as caught:
        await enter(limited, " ANA", "a")
    assert caught.value.status_code == 429
    assert len(fake.seen) == 1


async def test_admins_and_who_may_enter_by_the_hosts_groups(fake):
    some = host(fake, allowed_groups={"vision"}, allowed_users={"Bo"}, admin_groups={"vision"})
    assert (await enter(some, "ana", "a"))["admin"] is True
    assert (await enter(some, "Bo", "B"))["admin"] is False
    assert await enter(some, "bo", "b") is None
    private = host(fake, allowed_groups={"bo"})
    assert await enter(private, "bo", "b") is None  # one's own group is none of the hub's
    assert host(fake).allow_all
    assert not some.allow_all


async def test_a_refresh_brings_what_has_changed(fake):
    pam = host(fake, admin_users={"bo"}, admin_groups={"vision"})
    told = await pam.refresh_user(user("ana"))
    assert (told["name"], told["admin"], told["groups"]) == ("ana", True, ["vision"])
    assert told["auth_state"]["account"]["uid"] == 1001
    fake.accounts["ana"] = account("ana", 1001, ("robots", 2003))
    told = await pam.refresh_user(user("ana"))
    assert (told["admin"], told["groups"]) == (False, ["robots"])
    assert (await pam.refresh_user(user("bo")))["admin"] is True
    assert {request["op"] for request in fake.seen} == {"look"}


@pytest.mark.parametrize("state", ["expired", "must-change", "locked", "not-allowed"])
async def test_who_is_gone_or_closed_must_log_in_again(fake, state):
    fake.states["ana"] = state
    assert await host(fake).refresh_user(user("ana")) is False


async def test_who_is_called_otherwise_or_may_not_enter_any_more_must_log_in_again(fake):
    del fake.accounts["Bo"]
    assert await host(fake).refresh_user(user("Bo")) is False  # `bo` is somebody else
    some = host(fake, allowed_groups={"vision"})
    assert await some.refresh_user(user("ana"))
    fake.accounts["ana"] = account("ana", 1001)
    assert await some.refresh_user(user("ana")) is False


async def test_while_the_helper_is_away_everybody_stays(fake):
    fake.script = [{"outcome": "unavailable", "detail": "x"}]
    assert await host(fake).refresh_user(user("ana")) is True
    await fake.stop()
    fake.socket.unlink(missing_ok=True)
    assert await host(fake).refresh_user(user("ana")) is True


def test_names_stay_as_the_host_has_them():
    host = HostAuthenticator()
    assert host.normalize_username("Bo") == "Bo"
    for bad in ("a/b", "-rf", "a{b}", ""):
        assert not host.validate_username(bad)
    assert host.validate_username("ana.b@dom-1")
