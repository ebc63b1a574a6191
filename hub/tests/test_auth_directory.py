"""Log-in by a directory: who gets in, by which name, with which groups, and what he is told."""

from __future__ import annotations

import asyncio
import logging
import time
from types import SimpleNamespace

import pytest
from fake_directory import ACCOUNT, FakeDirectory, install
from tornado import web
from traitlets import TraitError
from traitlets.config import Config

from jupyterhub_gpu import auth_directory
from jupyterhub_gpu.auth_directory import DirectoryAuthenticator

PEOPLE = "ou=people,dc=example,dc=org"
GROUPS = "ou=groups,dc=example,dc=org"


@pytest.fixture
def directory(monkeypatch):
    made = FakeDirectory()
    posix = {"uidNumber": 2001, "gidNumber": 2001, "homeDirectory": "/home/ana"}
    made.person("ana", **posix, loginShell="/bin/zsh")
    made.person("bo")
    made.person("cy")
    made.group("gpu-users", f"uid=ana,{PEOPLE}", f"cn=team,{GROUPS}", gidNumber=3000)
    made.group("team", f"uid=bo,{PEOPLE}")
    made.group("hub-admins", f"uid=ana,{PEOPLE}")
    install(monkeypatch, made)
    return made


def method(**traits):
    account, password = ACCOUNT
    told = {
        "servers": ["ldap.example.org"],
        "base": "dc=example,dc=org",
        "lookup_dn_search_user": account,
        "lookup_dn_search_password": password,
        "allowed_groups": {"gpu-users"},
        "admin_groups": {"hub-admins"},
        "failures_per_name": 0,
    }
    return DirectoryAuthenticator(
        config=Config(DirectoryAuthenticator=told | traits), log=logging.getLogger("hub")
    )


async def enter(door, name, password=None):
    data = {"username": name, "password": f"{name}-pw" if password is None else password}
    return await door.get_authenticated_user(None, data)


async def test_the_right_password_enters_with_groups_and_account(directory):
    told = await enter(method(), "ana")
    assert (told["name"], told["admin"]) == ("ana", True)
    assert told["groups"] == ["gpu-users", "hub-admins"]
    assert told["auth_state"]["account"] == {
        "uid": 2001,
        "gid": 2001,
        "groups": [{"name": "gpu-users", "gid": 3000}],
        "home": "/home/ana",
        "shell": "/bin/zsh",
    }


async def test_nested_groups_count_and_a_person_without_uid_has_no_account(directory):
    told = await enter(method(), "bo")
    assert (told["admin"], told["groups"]) == (False, ["gpu-users", "team"])
    assert told["auth_state"]["account"] is None


@pytest.mark.parametrize(
    ("name", "password"),
    [("ana", "wrong"), ("ana", ""), ("ana", "   "), ("ana", "ana-pw\0"), ("ana", "a" * 2000),
     ("cy", "cy-pw"), ("nobody", "x")],
)  # fmt: skip
async def test_others_are_refused(directory, name, password):
    assert await enter(method(), name, password) is None


async def test_no_bind_without_a_password(directory):
    for password in ("", "  ", "\t"):
        await enter(method(), "ana", password)
    assert directory.asked == []


@pytest.mark.parametrize(
    "name", ["*", "a*", "ana)(uid=*", "{0}", "{username}", "../ana", "änä", "", "a\nb", "a" * 200]
)
async def test_odd_names_never_reach_the_directory(directory, name):
    assert await enter(method(), name, "ana-pw") is None
    assert directory.asked == []


@pytest.mark.parametrize("name", ["ANA", " ana ", "Ana"])
async def test_one_person_has_one_name(directory, name):
    assert (await enter(method(), name, "ana-pw"))["name"] == "ana"


async def test_two_entries_of_one_name_let_nobody_in(directory, caplog):
    directory.person("ana", base="ou=old,dc=example,dc=org")
    assert await enter(method(), "ana") is None
    assert "several entries" in caplog.text


async def test_braces_and_commas_in_a_dn(directory):
    directory.add(f"cn=Smith\\, {{x}} (y),{PEOPLE}", "pw", uid="smith", objectClass="person")
    directory.group("gpu-users", f"cn=Smith\\, {{x}} (y),{PEOPLE}")
    assert (await enter(method(), "smith", "pw"))["groups"] == ["gpu-users"]


async def test_attempts_count_for_the_person_however_written(directory):
    door = method(failures_per_name=2, domains=["example.org"])
    for name in ("ana", "ANA@example.org"):
        assert await enter(door, name, "wrong") is None
    with pytest.raises(web.HTTPError) as caught:
        await enter(door, "ana")
    assert caught.value.status_code == 429


@pytest.mark.parametrize(
    ("attributes", "words", "logged"),
    [
        ({"nsAccountLock": "TRUE"}, "Your account is disabled.", "disabled"),
        ({"shadowExpire": 1}, "Your account has expired.", "expired"),
        ({"pwdReset": "TRUE"}, "You have to change your password", "must change"),
    ],
)
async def test_a_closed_account_never_enters_and_is_told_so(
    directory, caplog, attributes, words, logged
):
    directory.person("ana", **attributes)
    with pytest.raises(web.HTTPError) as caught:
        await enter(method(), "ana")
    assert caught.value.status_code == 403
    assert words in caught.value.jupyterhub_message
    assert f"Log-in of ana refused: the account: {logged}" in caplog.text
    assert await enter(method(), "ana", "wrong") is None  # a stranger reads nothing new


async def test_refused_by_the_directory_whatever_the_password(directory, caplog):
    directory.refusals[f"uid=ana,{PEOPLE}"] = (53, "Account inactivated. Contact admin.")
    with pytest.raises(web.HTTPError) as caught:
        await enter(method(), "ana", "anything")
    assert "disabled" in caught.value.jupyterhub_message
    assert "53 Account inactivated" in caplog.text


@pytest.mark.parametrize("password", ["ana-pw", "wrong"])
async def test_a_directory_that_is_away_is_told_in_words(directory, caplog, password):
    directory.down = {"ldap.example.org"}
    with pytest.raises(web.HTTPError) as caught:
        await enter(method(), "ana", password)
    assert caught.value.status_code == 503
    assert "the directory cannot be reached" in caught.value.jupyterhub_message
    assert "ldap.example.org: Connection refused" in caplog.text
    directory.down = set()
    assert await enter(method(), "ana")


async def test_the_services_account_refused_is_not_a_wrong_password(directory, caplog):
    with pytest.raises(web.HTTPError) as caught:
        await enter(method(lookup_dn_search_password="old"), "ana")
    assert "refuses the hub's own account" in caught.value.jupyterhub_message
    assert "cn=gpuhub" in caplog.text
    with pytest.raises(web.HTTPError):
        await enter(method(lookup_dn_search_password=""), "ana")


async def test_a_silent_directory_blocks_neither_the_hub_nor_the_person(directory):
    directory.silent = {"ldap.example.org"}
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    pulse = asyncio.create_task(beat())
    began = time.monotonic()
    with pytest.raises(web.HTTPError) as caught:
        await enter(method(timeout_s=0.5), "ana")
    pulse.cancel()
    assert "does not answer" in caught.value.jupyterhub_message
    assert time.monotonic() - began < 2
    assert beats > 10


async def test_what_hangs_is_cut_and_does_not_pile_up(directory, monkeypatch):
    monkeypatch.setattr(auth_directory, "CUT_S", 0.5)
    directory.silent = {"ldap.example.org"}
    door = method(timeout_s=60)
    taken = auth_directory.AT_ONCE + auth_directory.WAITING
    many = await asyncio.gather(
        *(enter(door, "ana") for _ in range(taken + 5)), return_exceptions=True
    )
    words = [one.jupyterhub_message for one in many]
    assert sum("too many at once" in one for one in words) == 5
    assert sum("does not answer" in one for one in words) == taken
    began = time.monotonic()
    await asyncio.to_thread(door._threads._pool.shutdown)
    assert time.monotonic() - began < 5  # not the 60 s that the server may take
    assert door._threads._at_work == 0


async def test_many_at_once_wait_for_their_turn(directory):
    door = method()
    many = await asyncio.gather(*(enter(door, "ana") for _ in range(60)))
    assert {told["name"] for told in many} == {"ana"}


async def test_the_next_server_is_asked_and_the_bad_one_last_from_then_on(directory):
    door = method(servers=["one.example.org", "two.example.org"])
    directory.down = {"one.example.org"}
    assert await enter(door, "ana")
    directory.asked.clear()
    assert await enter(door, "ana")
    assert {server for server, _ in directory.asked} == {"two.example.org"}


async def test_a_wrong_password_is_asked_of_one_server_only(directory):
    door = method(servers=["one.example.org", "two.example.org"])
    assert await enter(door, "ana", "wrong") is None
    assert {server for server, _ in directory.asked} == {"one.example.org"}


async def test_a_refused_account_of_the_hub_is_tried_at_one_server_only(directory):
    door = method(servers=["one.example.org", "two.example.org"], lookup_dn_search_password="x")
    with pytest.raises(web.HTTPError):
        await enter(door, "ana")
    assert {server for server, _ in directory.asked} == {"one.example.org"}


async def test_slapd_is_asked_why_it_refuses(directory, caplog):
    directory.policies[f"uid=ana,{PEOPLE}"] = bytes.fromhex("3003810101")
    with pytest.raises(web.HTTPError) as caught:
        await enter(method(), "ana", "wrong")
    assert "Your account is locked" in caught.value.jupyterhub_message


# --- afterwards -----------------------------------------------------------------------------------


def user(name):
    return SimpleNamespace(name=name)


async def test_refresh_brings_groups_and_admin_up_to_date(directory):
    door = method()
    told = await door.refresh_user(user("ana"))
    assert (told["name"], told["admin"]) == ("ana", True)
    directory.group("hub-admins")
    directory.group("new", f"uid=ana,{PEOPLE}")
    told = await door.refresh_user(user("ana"))
    assert (told["admin"], told["groups"]) == (False, ["gpu-users", "new"])


@pytest.mark.parametrize("change", ["gone", "disabled", "not allowed", "blocked"])
async def test_refresh_ends_who_may_no_longer_enter(directory, change):
    door = method()
    match change:
        case "gone":
            del directory.entries[f"uid=bo,{PEOPLE}"]
        case "disabled":
            directory.person("bo", nsAccountLock="true")
        case "not allowed":
            directory.group("team")
        case "blocked":
            door.blocked_users = {"bo"}
    assert await door.refresh_user(user("bo")) is False


async def test_refresh_throws_nobody_out_while_the_directory_is_away(directory):
    door = method()
    directory.down = {"ldap.example.org"}
    assert await door.refresh_user(user("ana")) is True
    asked = len(directory.asked)
    assert await door.refresh_user(user("bo")) is True
    assert len(directory.asked) == asked  # known to be away: nobody waits for it again


async def test_refresh_does_not_end_who_must_change_the_password_next_time(directory):
    directory.person("bo", pwdReset="TRUE")
    assert (await method().refresh_user(user("bo")))["name"] == "bo"


async def test_refresh_by_the_name_that_the_map_gave(directory):
    door = method(username_map={"ana": "anna"})
    assert (await enter(door, "ana"))["name"] == "anna"
    assert (await door.refresh_user(user("anna")))["name"] == "anna"


# --- an admin's own traits ------------------------------------------------------------------------


async def test_own_filters_and_attributes_count(directory):
    directory.person("dee", mail="d@example.org", description="physics")
    directory.group("gpu-users", f"uid=dee,{PEOPLE}")
    door = method(
        lookup_dn_search_filter="(mail={login})",
        search_filter="(description=physics)",
        auth_state_attributes=["mail"],
    )
    told = await enter(door, "d@example.org", "dee-pw")
    assert told["name"] == "dee"
    assert told["auth_state"]["user_attributes"] == {"mail": ["d@example.org"]}
    assert await enter(method(search_filter="(description=other)"), "dee") is None


def test_tls_cannot_be_switched_off(directory):
    for traits in (
        {"tls_strategy": "insecure"},
        {"tls_kwargs": {"validate": 0}},
        {"tls_kwargs": {"valid_names": ["*"]}},
    ):
        with pytest.raises(TraitError):
            method(**traits)
    with pytest.raises(NotImplementedError):
        method().get_connection("cn=x", "y")


def test_what_counts_for_nothing_is_said(directory, caplog):
    method(bind_dn_template=["uid={username}"])
    assert "bind_dn_template counts for nothing" in caplog.text


def test_without_base_or_servers_there_is_no_door(directory):
    for traits in ({"base": ""}, {"servers": []}):
        with pytest.raises(ValueError, match="needs base and servers"):
            method(**traits)
