"""Who gets in: accounts of the host's people, and only with PAM's word."""

import time

import pamela
import pytest
from tornado import web

from jupyterhub_gpu import HostPAMAuthenticator, auth
from jupyterhub_gpu.host_accounts import HostAccounts

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
toor:x:0:0:root:/root:/bin/bash
daemon:x:1:1::/:/usr/sbin/nologin
svc:x:990:990::/:/bin/bash
ana:x:1001:1001::/home/ana:/bin/bash
bo:x:1002:1002::/home/bo:
Bo:x:1003:1003::/home/Bo:/bin/zsh
closed:x:1004:1004::/:/usr/sbin/nologin
never:x:1005:1005::/:/bin/false
svc:x:1006:1006::/:/bin/bash
o'brien:x:1007:1007::/:/bin/bash
short:x:1008
nan:x:many:1009::/:/bin/bash
top:x:60000:1::/:/bin/sh
nobody:x:65534:65534::/:/bin/sh
"""
GROUP = """\
root:x:0:
ana:x:1001:
bo:x:1002:ana
vision:x:2000:ana,bo
robots:x:2001:bo
broken:x:2002
an:x:2003:an,anab
"""
PASSWORDS = {"ana": "a", "bo": "b", "Bo": "B", "root": "r", "svc": "s", "closed": "c"}


@pytest.fixture
def etc(tmp_path):
    (tmp_path / "passwd").write_text(PASSWD)
    (tmp_path / "group").write_text(GROUP)
    (tmp_path / "login.defs").write_text("# UID_MIN 5\nUID_MIN\t1000\nUID_MAX 60000 # last\n")
    return tmp_path


@pytest.fixture
def login(etc, monkeypatch):
    """Log in; what is returned is what the hub would take over."""
    asked = []

    def authenticate(name, password, service, encoding):
        asked.append(name)
        if PASSWORDS.get(name) != password:
            raise pamela.PAMError("wrong")

    def check_account(name, service, encoding):
        if name == "bo":
            raise pamela.PAMError("expired")

    monkeypatch.setattr(pamela, "authenticate", authenticate)
    monkeypatch.setattr(pamela, "check_account", check_account)
    monkeypatch.setattr(auth, "REFUSAL_DELAY_S", 0.0)
    pam = HostPAMAuthenticator(host_etc=str(etc), admin_users={"ana"}, pam_timeout=0.3)

    async def try_it(name, password):
        return await pam.get_authenticated_user(None, {"username": name, "password": password})

    try_it.pam, try_it.asked = pam, asked
    return try_it


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("ana", "ana"),
        (" ana ", "ana"),
        ("ANA", "ana"),
        ("bo", "bo"),
        ("Bo", "Bo"),
        ("BO", "bo"),
        ("top", "top"),
        ("root", None),
        ("toor", None),
        ("daemon", None),
        ("svc", None),
        ("closed", None),
        ("never", None),
        ("nobody", None),
        ("o'brien", None),
        ("short", None),
        ("nan", None),
        ("", None),
        ("ana\nbo", None),
        ("../ana", None),
    ],
)
def test_accounts_of_people(etc, typed, name):
    found = HostAccounts(etc).find(typed)
    assert (found.name if found else None) == name


def test_limits_of_the_host_count_but_never_let_uid_0_in(etc):
    (etc / "login.defs").write_text("UID_MIN 0\nUID_MAX 1001\n")
    accounts = HostAccounts(etc)
    assert accounts.find("svc").uid == 990
    assert accounts.find("root") is accounts.find("toor") is accounts.find("Bo") is None
    (etc / "login.defs").unlink()
    assert HostAccounts(etc).find("svc") is None


async def test_the_right_password_gets_in_with_the_hosts_name(login):
    told = await login("ANA", "a")
    assert (told["name"], told["admin"]) == ("ana", True)
    told = await login("Bo", "B")
    assert (told["name"], told["admin"]) == ("Bo", False)


async def test_the_hosts_groups_come_along_without_the_private_one(login, etc):
    assert (await login("ana", "a"))["groups"] == ["bo", "vision"]
    (etc / "group").write_text(GROUP.replace("ana,bo", "bo"))
    assert (await login.pam.refresh_user(User("ana")))["groups"] == ["bo"]
    (etc / "passwd").write_text(PASSWD.replace("ana:x:1001:1001", "ana:x:1001:2001"))
    assert (await login("ana", "a"))["groups"] == ["bo", "robots"]


@pytest.mark.parametrize(
    ("name", "password"),
    [("ana", "b"), ("ana", ""), ("bo", "b"), ("ana", "a\0"), ("ana", "a" * 2000)],
)
async def test_wrong_expired_and_odd_are_refused(login, name, password):
    assert await login(name, password) is None


@pytest.mark.parametrize("name", ["root", "svc", "closed", "ghost", ""])
async def test_pam_is_not_even_asked_about_others(login, name):
    assert await login(name, PASSWORDS.get(name, "")) is None
    assert login.asked == []


async def test_admins_both_ways(login):
    login.pam.admin_users = {"Bo"}
    assert (await login("ana", "a"))["admin"] is False
    assert (await login("Bo", "B"))["admin"] is True
    assert await login.pam.is_admin(None, {"name": "ana"}) is False


async def test_a_pam_that_hangs_is_given_up(login, monkeypatch):
    monkeypatch.setattr(pamela, "authenticate", lambda *a, **k: time.sleep(1))
    with pytest.raises(web.HTTPError) as caught:
        await login("ana", "a")
    assert caught.value.status_code == 503


async def test_accounts_that_cannot_be_read_are_an_error_and_no_way_in(login, etc):
    (etc / "passwd").unlink()
    with pytest.raises(web.HTTPError) as caught:
        await login("ana", "a")
    assert caught.value.status_code == 503


class User:
    def __init__(self, name):
        self.name = name


async def test_who_is_gone_or_expired_must_log_in_again(login, etc):
    pam = login.pam
    assert await pam.refresh_user(User("ana")) == {
        "name": "ana",
        "admin": True,
        "groups": ["bo", "vision"],
    }
    assert await pam.refresh_user(User("bo")) is False
    (etc / "passwd").write_text(PASSWD.replace("ana:x:1001", "gone:x:1001"))
    assert await pam.refresh_user(User("ana")) is False
    assert not pam.system_user_exists(User("ana"))


def test_names_stay_as_the_host_has_them(login):
    assert login.pam.normalize_username("Bo") == "Bo"
    assert not login.pam.validate_username("a/b")
    assert not login.pam.validate_username("-rf")
    assert not login.pam.validate_username("a{b}")
    assert login.pam.validate_username("ana.b@dom-1")
