"""LDAP, FreeIPA, Active Directory: who gets in, and as whom, by the example of each docs page."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.auth_hubs import KINDS, AuthHubs, example
from harness.directory import Directory
from harness.hub import Refused, at_once
from harness.lone_hub import LoneHub
from harness.people import (
    ADMINS,
    ALICE,
    ALLOWED,
    BOB,
    CAROL,
    CLUMSY,
    DORA,
    MEL,
    NOBODY,
    ODD,
    PEOPLE,
    POSIX,
    STATES,
    STRANGE,
    TEAM,
    VISITOR,
    Entry,
    password_of,
)

WRONG = "Invalid username or password"
DOMAINS = {"ldap": [], "freeipa": ["example.org"], "ad": ["ad.example.org"]}
WORDS = {
    "locked": "account is locked",
    "disabled": "account is disabled",
    "expired": "account has expired",
    "stale": "password has expired",
    "must-change": "change your password",
}
# slapd knows one closed account, locked by an admin; of others it says what it says of a wrong
# password, so that nobody learns whose account is closed.
OTHER_WORDS = {
    ("ldap", "disabled"): "account is locked",
    ("ldap", "locked"): WRONG,
    ("ldap", "expired"): WRONG,
}
ODD_NAMES = [
    *("*", "al*", "alice*", "a)(uid=*", "a)(sAMAccountName=*", "alice)(|(uid=*", "\\61lice"),
    *("../alice", "..%2falice", "bob/../alice", "{alice}", "{username}", "{0}", "gpuhub"),
    *("al\u00edce", "\u0430lice", "alice\u200b", "alice\n", "a" * 5000),
    *("alice,ou=people", "uid=alice", "cn=alice", "alice@elsewhere.org", "ELSEWHERE\\alice"),
]


@dataclass(frozen=True)
class Place:
    """A hub, and the directory that it asks."""

    method: str
    hub: LoneHub
    directory: Directory

    def enters(self, who: Entry, typed: str = "") -> str:
        return self.hub.log_in(typed or who.name, password_of(who.name))

    def outcome(self, name: str, password: str) -> str:
        """The name that somebody got in by, or the status of the refusal."""
        try:
            return self.hub.log_in(name, password)
        except Refused as words:
            return str(words)[:3]

    def refused(self, name: str, password: str) -> str:
        """What the page says; nobody new may be known to the hub afterwards."""
        before = self.hub.users()
        with pytest.raises(Refused) as words:
            self.hub.log_in(name, password)
        assert self.hub.users() == before
        return str(words.value)

    def has(self, who: Entry) -> bool:
        return who not in self.directory.kind.layout.left_out


@pytest.fixture(scope="module", params=sorted(KINDS))
def place(request: pytest.FixtureRequest, auth_hubs: AuthHubs) -> Place:
    hub = auth_hubs.hub(request.param)
    return Place(request.param, hub, auth_hubs.directory(KINDS[request.param]))


@pytest.fixture
def visitor(place: Place) -> Iterator[Entry]:
    """Somebody who may enter and administers; in the end he is as he was."""
    with place.directory.member(VISITOR, ALLOWED, ADMINS) as who:
        yield who
    place.directory.set_password(VISITOR)


def test_right_password_enters(place: Place) -> None:
    assert place.enters(ALICE) == "alice"
    user = place.hub.user("alice")
    assert user["admin"] is True
    assert {ALLOWED, ADMINS} <= set(user["groups"])
    account = user["auth_state"]["account"]
    assert (account["uid"], account["gid"]) == (ALICE.uid, ALICE.uid)


def test_nested_groups_count(place: Place) -> None:
    assert place.enters(BOB) == "bob"
    user = place.hub.user("bob")
    assert user["admin"] is False
    assert {ALLOWED, TEAM} <= set(user["groups"])


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", password_of("bob")),
        ("alice", ""),
        ("alice", "   "),
        ("alice", "*"),
        ("alice", "\0"),
        ("nobody-of-this-name", password_of("alice")),
        ("", password_of("alice")),
        ("  ", password_of("alice")),
    ],
)
def test_wrong_ones_sound_the_same(place: Place, name: str, password: str) -> None:
    assert WRONG in place.refused(name, password)


def test_who_is_in_no_allowed_group_stays_out(place: Place) -> None:
    said = place.refused(CAROL.name, password_of(CAROL.name))
    assert said.startswith("403")
    assert CAROL.name not in place.hub.users()


@pytest.mark.parametrize("who", STATES, ids=lambda who: who.state)
def test_spoilt_accounts_stay_out(place: Place, who: Entry) -> None:
    if not place.has(who):
        assert place.method == "ad"
        return
    said = place.refused(who.name, password_of(who.name))
    assert said.startswith("403")
    assert OTHER_WORDS.get((place.method, who.state), WORDS[who.state]) in said


@pytest.mark.parametrize("typed", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_are_refused_or_the_right_person(place: Place, typed: str) -> None:
    before = place.hub.users()
    assert place.outcome(typed, password_of("alice")) in ("alice", "403")
    assert place.hub.users() == before


def test_one_person_has_one_name(place: Place) -> None:
    typed = ["alice", "ALICE", "Alice", " alice ", "aLiCe"]
    typed += [f"{name}@{domain}" for domain in DOMAINS[place.method] for name in ("alice", "ALICE")]
    typed += ["alice@AD.EXAMPLE.ORG", "AD\\alice", "ad\\Alice"] if place.method == "ad" else []
    assert {name: place.enters(ALICE, name) for name in typed} == dict.fromkeys(typed, "alice")
    assert [place.enters(DORA, name) for name in ("Dora", "dora", "DORA")] == ["dora"] * 3


@pytest.mark.parametrize("who", ODD, ids=lambda who: who.name)
def test_odd_spelling_in_the_directory_harms_nobody(place: Place, who: Entry) -> None:
    assert place.enters(who) == who.name
    assert ALLOWED in place.hub.user(who.name)["groups"]


@pytest.mark.parametrize("who", STRANGE, ids=range(len(STRANGE)))
def test_names_that_no_hub_can_have_stay_out(place: Place, who: Entry) -> None:
    assert place.refused(who.name, password_of(who.name)).startswith("403")


def test_nobody_else_has_got_in(place: Place) -> None:
    known = {who.name.lower() for who in PEOPLE if who not in (CAROL, *STATES, *STRANGE)}
    assert place.hub.users() <= known


def test_without_a_number(place: Place) -> None:
    """FreeIPA's people all have one; elsewhere it is not needed to log in."""
    if place.method == "freeipa":
        assert place.refused(NOBODY.name, password_of(NOBODY.name)).startswith("403")
        return
    assert place.enters(NOBODY) == NOBODY.name
    assert place.hub.user(NOBODY.name)["auth_state"]["account"] is None


def test_what_is_taken_away_is_gone_at_the_next_log_in(place: Place, visitor: Entry) -> None:
    place.enters(visitor)
    assert place.hub.user(visitor.name)["admin"] is True

    place.directory.take_out_of(ADMINS, visitor)
    place.enters(visitor)
    user = place.hub.user(visitor.name)
    assert user["admin"] is False
    assert ADMINS not in user["groups"]

    place.directory.take_out_of(ALLOWED, visitor)
    assert place.refused(visitor.name, password_of(visitor.name)).startswith("403")


def test_new_password_counts_at_once(place: Place, visitor: Entry) -> None:
    place.directory.set_password(visitor, "another-Horse-8")
    assert WRONG in place.refused(visitor.name, password_of(visitor.name))
    assert place.hub.log_in(visitor.name, "another-Horse-8") == visitor.name


def test_too_many_failures(place: Place) -> None:
    """Ten by default, for this name only, and then the right password does not help."""

    def fail() -> str:
        return place.refused(CLUMSY.name, "wrong")[:3]

    assert at_once(*[fail] * 10) == ["403"] * 10
    said = place.refused(CLUMSY.name.upper(), password_of(CLUMSY.name))
    assert said.startswith("429")
    assert "Too many failed attempts" in said
    assert place.enters(ALICE) == "alice"


def test_groups_by_member_uid(auth_hubs: AuthHubs) -> None:
    """RFC 2307: POSIX groups name their people, and are no entry's memberOf."""
    text = example("ldap")
    changed = text.replace(f'"{ALLOWED}"', f'"{POSIX}"')
    assert changed != text
    auth_hubs.directory(KINDS["ldap"])
    hub = auth_hubs.other_hub("posix", changed)
    try:
        assert hub.log_in(MEL.name, password_of(MEL.name)) == MEL.name
        assert POSIX in hub.user(MEL.name)["groups"]
        with pytest.raises(Refused, match="403"):
            hub.log_in(BOB.name, password_of(BOB.name))
    finally:
        hub.remove()
