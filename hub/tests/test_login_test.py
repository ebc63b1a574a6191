"""`login_test` and `directory_check`: what an admin reads about a log-in and about a directory."""

from __future__ import annotations

import io
import logging

import pytest
from fake_directory import FakeDirectory, install
from jupyterhub.auth import Authenticator
from test_auth_directory import GROUPS, PEOPLE, method

from jupyterhub_gpu import directory_check, login_test, own_door
from jupyterhub_gpu.entrance import Entrance, Told, Unavailable


@pytest.fixture
def directory(monkeypatch):
    made = FakeDirectory()
    made.person("ana", uidNumber=2001, gidNumber=2001, homeDirectory="/home/ana")
    made.person("bo")
    made.group("gpu-users", f"uid=ana,{PEOPLE}")
    made.group("hub-admins")
    made.add(PEOPLE, ou="people")
    made.add("dc=example,dc=org", dc="example")
    made.add(GROUPS, ou="groups")
    install(monkeypatch, made)
    return made


@pytest.fixture
def explain(capsys):
    def run(door, name="ana", password=None):
        typed = io.StringIO(f"{name}-pw\n" if password is None else f"{password}\n")
        status = login_test.main([name], typed, lambda: door)
        return status, capsys.readouterr().out

    return run


def test_who_would_enter(directory, explain):
    status, said = explain(method())
    assert status == 0
    assert "ok     found            uid=ana,ou=people,dc=example,dc=org; ana to the hub" in said
    assert "ok     password         right" in said
    assert "note   groups           gpu-users" in said
    assert "ok     enters           yes: member of gpu-users, of allowed_groups" in said
    assert "note   admin            no" in said
    assert "note   account          uid 2001, gid 2001, /home/ana" in said


@pytest.mark.parametrize(
    ("name", "password", "line"),
    [
        ("ana", "wrong", "WRONG  password         wrong (the directory: 49"),
        ("ana", "  ", "WRONG  password         empty"),
        ("nobody", "x", "WRONG  found            nobody is called nobody below dc=example"),
        ("*", "x", "WRONG  name             '*' cannot be a name"),
        (
            "bo",
            "bo-pw",
            "WRONG  enters           no: neither named in allowed_users nor in a group",
        ),
    ],
)
def test_who_would_not(directory, explain, name, password, line):
    status, said = explain(method(), name, password)
    assert status == 1
    assert line in said
    assert " do: " in said


def test_the_state_of_an_account_and_two_of_one_name(directory, explain):
    directory.person("ana", nsAccountLock="TRUE")
    assert "WRONG  account          disabled" in explain(method())[1]
    directory.person("ana", base="ou=old,dc=example,dc=org")
    assert "several are called ana: " in explain(method())[1]
    directory.add(f"cn=x,{PEOPLE}", uid=["x", "y"], objectClass="person")
    assert "whose uid cannot be a hub's name" in explain(method(), "x")[1]


def test_nothing_is_known_while_the_directory_is_away(directory, explain):
    directory.down = {"ldap.example.org"}
    status, said = explain(method())
    assert status == 2
    assert "WRONG  asked            Nobody can log in right now: the directory cannot be" in said


def test_why_somebody_may_or_may_not(directory, explain):
    assert "yes: named in allowed_users" in explain(method(allowed_users={"ana"}))[1]
    everybody = method(allowed_groups=set(), allow_all=True)
    assert "yes: everybody may whom this method lets through" in explain(everybody, "bo")[1]
    assert "no: nobody is allowed" in explain(method(allowed_groups=set()))[1]
    spelt = explain(method(allowed_groups={"GPU-Users"}))[1]
    assert "no: the group is gpu-users, not GPU-Users" in spelt
    assert "no: named in blocked_users" in explain(method(blocked_users={"ana"}))[1]
    assert "yes: named in hub.admins" in explain(method(admin_users={"ana"}))[1]
    assert (
        "yes: member of gpu-users, of admin_groups"
        in explain(method(admin_groups={"gpu-users"}))[1]
    )


class Other(Entrance, Authenticator):
    """A method that is no directory."""

    async def authenticate(self, handler, data):
        match data["password"]:
            case "down":
                raise Unavailable("It does not answer.")
            case "locked":
                raise Told("Your account is locked.")
            case "good":
                return {"name": data["username"], "groups": ["g"], "auth_state": None}


@pytest.mark.parametrize(
    ("password", "status", "line"),
    [
        ("good", 0, "ok     password         right; ana to the hub"),
        ("bad", 1, "WRONG  password         refused"),
        ("locked", 1, "WRONG  password         Your account is locked."),
        ("down", 2, "WRONG  asked            It does not answer."),
    ],
)
def test_any_other_method(explain, password, status, line):
    found, said = explain(Other(allow_all=True), "Ana", password)
    assert (found, line in said) == (status, True), said


def test_people_who_log_in_elsewhere(explain):
    status, said = explain(Other(login_service="sso.example.org"))
    assert status == 2
    assert "people log in at sso.example.org" in said


# --- doctor's look --------------------------------------------------------------------------------


def look(door, capsys):
    status = directory_check.main(lambda: door)
    return status, capsys.readouterr().out


def test_a_good_directory(directory, capsys):
    status, said = look(method(), capsys)
    assert status == 0, said
    assert "ok     directory        ldap.example.org takes the account" in said
    assert f"ok     group            gpu-users is cn=gpu-users,{GROUPS}" in said
    assert "ok     person           for example ana, uid=ana" in said
    assert "note   enters           ana: yes: member of gpu-users" in said


def test_the_example_is_somebody_who_could_log_in(directory, capsys):
    directory.person("ana", nsAccountLock="TRUE")
    assert "for example bo," in look(method(), capsys)[1]
    directory.person("bo", nsAccountLock="TRUE")
    assert "; disabled" in look(method(), capsys)[1]


@pytest.mark.parametrize(
    ("traits", "line"),
    [
        ({"lookup_dn_search_password": "x"}, "refuses the hub's own account"),
        ({"user_search_base": "ou=x,dc=org"}, "WRONG  user_base        ou=x,dc=org is not there"),
        ({"group_base": "ou=x,dc=org"}, "WRONG  group_base       ou=x,dc=org is not there"),
        ({"user_filter": "(uid=zz)"}, "WRONG  person           nobody below"),
        ({"user_filter": "(uid=zz"}, "refuses what the hub asks"),
        ({"allowed_groups": {"nope"}}, "WRONG  group            nope is not below"),
        ({"allowed_groups": {"GPU-users"}}, "GPU-users is written gpu-users"),
        ({"servers": ["down.example.org"]}, "WRONG  directory        down.example.org cannot be"),
    ],
)
def test_what_is_wrong_with_it(directory, capsys, traits, line):
    directory.down = {"down.example.org"}
    status, said = look(method(**traits), capsys)
    assert status == 1
    assert line in said
    assert " do: " in said


def test_each_server_is_looked_at_and_namesakes_of_groups_are_seen(directory, capsys):
    directory.down = {"one.example.org"}
    directory.group("gpu-users", base="ou=evil,dc=example,dc=org")
    door = method(servers=["one.example.org", "two.example.org"])
    _, said = look(door, capsys)
    assert "WRONG  directory        one.example.org cannot be reached" in said
    assert "ok     directory        two.example.org takes the account" in said
    assert "WRONG  group            gpu-users is there twice" in said


def test_the_door_is_made_from_the_hubs_own_settings(directory, tmp_path, capsys):
    settings = tmp_path / "hub_settings.py"
    door_class = "jupyterhub_gpu.auth_directory.DirectoryAuthenticator"
    settings.write_text(
        "c = get_config()\n"
        f'c.JupyterHub.authenticator_class = "{door_class}"\n'
        f'c.JupyterHub.db_url = "sqlite:///{tmp_path}/x.sqlite"\n'
        'c.DirectoryAuthenticator.base = "dc=example,dc=org"\n'
        'c.DirectoryAuthenticator.servers = ["ldap.example.org"]\n'
        'c.Entrance.allowed_groups = {"gpu-users"}\n'
    )
    door = own_door.own_door(settings)
    assert (door.base, door.allowed_groups) == ("dc=example,dc=org", {"gpu-users"})
    door.log.warning("said")
    assert capsys.readouterr().err == "log    said\n"
    logging.getLogger("gpuhub.door").handlers.clear()
    for told, name in (("pam", "PAMAuthenticator"), (Other, "Other")):
        assert own_door._class(told).__name__ == name
