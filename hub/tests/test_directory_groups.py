"""Groups of a directory: direct, nested, in circles, too many, and by Active Directory's rule."""

import struct

import pytest
from fake_directory import ACCOUNT, FakeDirectory, install

from jupyterhub_gpu import directory_groups
from jupyterhub_gpu.directory import Directory
from jupyterhub_gpu.directory_answers import Entry, Where
from jupyterhub_gpu.directory_groups import groups_of
from jupyterhub_gpu.directory_presets import layout
from jupyterhub_gpu.directory_session import Talk

BASE = "dc=example,dc=org"
PEOPLE, GROUPS = f"ou=people,{BASE}", f"ou=groups,{BASE}"
ANA = f"uid=ana,{PEOPLE}"


@pytest.fixture
def directory(monkeypatch):
    made = FakeDirectory()
    made.person("ana", gidNumber=100)
    install(monkeypatch, made)
    return made


def names(directory, kind="ldap", dn=ANA, **changes):
    where = Where(("ldap.example.org",), 389, ldaps=False, timeout_s=5, account=ACCOUNT[0],
                  password=ACCOUNT[1])  # fmt: skip
    person = Entry(dn, directory.entries[dn])
    told = layout(kind, BASE)
    told = type(told)(**{**vars(told), **changes})
    found = Directory(where).ask(Talk(5), lambda session: groups_of(session, told, person))
    return [f"{group.name}:{group.gid}" if group.gid else group.name for group in found]


def g(name):
    return f"cn={name},{GROUPS}"


def test_all_ways_to_name_a_member(directory):
    directory.group("names", ANA)
    directory.add(g("unique"), cn="unique", uniqueMember=ANA)
    directory.add(g("posix"), cn="posix", memberUid="ana", gidNumber=7, objectClass="posixGroup")
    directory.add(g("primary"), cn="primary", gidNumber=100, objectClass="posixGroup")
    directory.group("others", f"uid=bo,{PEOPLE}")
    assert names(directory) == ["names", "posix:7", "primary:100", "unique"]


def test_the_group_that_is_his_alone_is_left_out(directory):
    directory.add(g("ana"), cn="ana", gidNumber=100, objectClass="posixGroup", memberUid="ana")
    directory.add(g("bo"), cn="bo", gidNumber=101, objectClass="posixGroup", memberUid="ana")
    assert names(directory) == ["bo:101"]
    directory.person("ana")
    directory.group("ana", ANA)  # not of Unix
    assert "ana" in names(directory)


def test_nested_up_to_the_top(directory):
    directory.group("a", ANA)
    directory.group("b", g("a"), gidNumber=8)
    directory.add(g("c"), cn="c", uniqueMember=g("B"))
    assert names(directory) == ["a", "b:8", "c"]


def test_groups_that_go_round_in_circles(directory):
    directory.group("a", ANA, g("c"))
    directory.group("b", g("a"), g("b"))
    directory.group("c", g("b"))
    assert names(directory) == ["a", "b", "c"]


def test_not_deeper_than_so_far_and_not_more_than_so_many(directory, monkeypatch):
    directory.group("g0", ANA)
    for level in range(1, 20):
        directory.group(f"g{level}", g(f"g{level - 1}"))
    assert len(names(directory)) == directory_groups.DEPTH_MAX
    monkeypatch.setattr(directory_groups, "GROUPS_MAX", 50)
    for number in range(80):
        directory.group(f"many{number}", ANA)
    assert len(names(directory)) == 50


def test_many_groups_are_asked_about_in_batches(directory):
    for number in range(45):
        directory.group(f"many{number}", ANA)
    directory.group("top", g("many44"))
    assert len(names(directory)) == 46
    searches = [what for _, what in directory.asked if what.startswith("search")]
    assert len(searches) == 1 + 3 + 1


def test_what_memberof_says_counts_below_the_base_only(directory):
    directory.person("ana", memberOf=[g("told"), f"cn=evil,ou=elsewhere,{BASE}", f"cn=x,{PEOPLE}"])
    directory.group("top", g("told"))
    assert names(directory, group_base=GROUPS) == ["told", "top"]


def test_a_gid_is_found_though_memberof_knew_the_group_first(directory):
    directory.person("ana", memberOf=[g("inner"), g("outer")])
    directory.group("inner", ANA, gidNumber=5)
    directory.group("outer", g("inner"), gidNumber=6)
    assert names(directory) == ["inner:5", "outer:6"]


def test_a_namesake_elsewhere_does_not_count(directory):
    directory.group("gpu-users", ANA, base=f"ou=projects,{BASE}")
    directory.group("real", ANA)
    assert names(directory) == ["gpu-users", "real"]
    assert names(directory, group_base=GROUPS) == ["real"]


def test_odd_names_of_groups(directory):
    directory.group("O \\(x\\) {y}", ANA)
    directory.group("a\nb", ANA)
    directory.add(f"ou=none,{GROUPS}", member=ANA)
    directory.add(g("x" * 300), cn="x" * 300, member=ANA)
    assert names(directory) == ["O (x) {y}"]


SID = bytes.fromhex("010500000000000515000000") + struct.pack("<III", 1, 2, 3)


def test_active_directory_finds_nested_groups_itself_and_the_primary_one(directory):
    users = f"CN=Users,{BASE}"
    dn = f"CN=Ana A,{users}"
    directory.add(dn, sAMAccountName="Ana", objectSid=SID + struct.pack("<I", 1105),
                  primaryGroupID=513)  # fmt: skip

    def group(name, *members, rid=0, base=users):
        directory.add(f"CN={name},{base}", cn=name, sAMAccountName=name, member=list(members),
                      objectClass="group", objectSid=SID + struct.pack("<I", rid))  # fmt: skip

    group("Domain Users", rid=513)
    group("everybody", f"CN=Domain Users,{users}")
    group("team", dn)
    group("gpu-users", f"CN=team,{users}", base=f"OU=Groups,{BASE}")
    group("others")
    assert names(directory, "ad", dn) == ["Domain Users", "everybody", "gpu-users", "team"]
    only = names(directory, "ad", dn, group_base=f"OU=Groups,{BASE}")
    assert only == ["gpu-users"]


@pytest.mark.parametrize("sid", [b"", b"short", None])
def test_active_directory_without_a_sid_to_read(directory, sid):
    dn = f"CN=Bo,{BASE}"
    directory.add(
        dn, sAMAccountName="bo", primaryGroupID=513, **({"objectSid": sid} if sid else {})
    )
    directory.add(f"CN=t,{BASE}", sAMAccountName="t", member=dn, objectClass="group")
    assert names(directory, "ad", dn) == ["t"]
