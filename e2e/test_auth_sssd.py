"""A host that is enrolled in a domain: its sssd knows who people are, the helper asks it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.auth_hubs import AuthHubs
from harness.directory import FREEIPA, Directory, Server
from harness.hub import Refused, at_once
from harness.lone_hub import LoneHub
from harness.outage import FAULTS, refused_in_time
from harness.people import (
    ADMINS,
    ALICE,
    ALLOWED,
    BOB,
    CAROL,
    CLUMSY,
    ODD,
    STATES,
    TEAM,
    VISITOR,
    Entry,
    password_of,
)
from harness.poll import poll

WRONG = "Invalid username or password"
SSSD_FAULTS = ("sssd down", "sssd silent")
UNKNOWN_TO_SSSD = ("expired",)  # krbPrincipalExpiration is Kerberos' affair, not LDAP's


@dataclass(frozen=True)
class Place:
    hub: LoneHub
    host: Server
    directory: Directory

    def enters(self, who: Entry, typed: str = "") -> str:
        return self.hub.log_in(typed or who.name, password_of(who.name))

    def outcome(self, name: str, password: str) -> str:
        """The name that somebody got in by, or what the page says."""
        try:
            return self.hub.log_in(name, password)
        except Refused as words:
            return str(words)

    def outcomes(self, *tried: tuple[str, str]) -> list[str]:
        """At the same time, because each refusal takes the helper two seconds."""
        return at_once(*(lambda pair=pair: self.outcome(*pair) for pair in tried))


@pytest.fixture(scope="module")
def place(auth_hubs: AuthHubs) -> Place:
    hub = auth_hubs.hub("sssd")
    return Place(hub, auth_hubs.enrolled_host(), auth_hubs.directory(FREEIPA))


@pytest.fixture
def visitor(place: Place) -> Iterator[Entry]:
    """Somebody who may enter and administers; in the end he is as he was."""
    with place.directory.member(VISITOR, ALLOWED, ADMINS) as who:
        yield who


def test_right_password_enters(place: Place) -> None:
    assert place.enters(ALICE) == "alice"
    user = place.hub.user("alice")
    assert user["admin"] is True
    assert {ALLOWED, ADMINS} <= set(user["groups"])
    account = user["auth_state"]["account"]
    expected = {"uid": ALICE.uid, "gid": ALICE.uid, "home": "/home/alice"}
    assert {key: account[key] for key in expected} == expected


def test_nested_groups_count(place: Place) -> None:
    assert place.enters(BOB) == "bob"
    user = place.hub.user("bob")
    assert user["admin"] is False
    assert {ALLOWED, TEAM} <= set(user["groups"])


def test_wrong_ones_sound_the_same(place: Place) -> None:
    before = place.hub.users()
    right = password_of("alice")
    tried = [("alice", password) for password in ("wrong", "", "  ", password_of("bob"))]
    tried += [(name, right) for name in ("nobody-of-this-name", "", "root")]
    said = place.outcomes(*tried)
    assert [pair for pair in zip(tried, said, strict=True) if WRONG not in pair[1]] == []
    assert place.hub.users() == before


def test_spoilt_accounts_stay_out(place: Place) -> None:
    known = [who for who in STATES if who.state not in UNKNOWN_TO_SSSD]
    said = place.outcomes(*((who.name, password_of(who.name)) for who in known))
    assert [text[:3] for text in said] == ["403"] * len(known), said
    assert {who.name for who in known} & place.hub.users() == set()


def test_who_is_in_no_allowed_group_stays_out(place: Place) -> None:
    assert place.outcome(CAROL.name, password_of(CAROL.name)).startswith("403")
    assert CAROL.name not in place.hub.users()


def test_odd_names_are_refused_or_the_right_person(place: Place) -> None:
    before = place.hub.users()
    right = password_of("alice")
    names = ["*", "al*", "a)(uid=*", "../alice", "{alice}", "al\u00edce", "\u0430lice", "alice\n",
             "uid=alice", "gpuhub", "alice@elsewhere.org", "a" * 5000]  # fmt: skip
    said = place.outcomes(*((name, right) for name in names))
    assert [x for x in zip(names, said, strict=True) if x[1] != "alice" and x[1][:3] != "403"] == []
    assert place.hub.users() == before


def test_one_person_has_one_name(place: Place) -> None:
    assert place.enters(ALICE) == "alice"
    said = place.outcomes(*((name, password_of("alice")) for name in ("ALICE", "Alice", "aLiCe")))
    assert {text for text in said if not text.startswith("403")} <= {"alice"}


def test_odd_spelling_in_the_directory_harms_nobody(place: Place) -> None:
    assert [place.enters(who) for who in ODD] == [who.name for who in ODD]


def test_what_is_taken_away_is_gone_at_a_next_log_in(place: Place, visitor: Entry) -> None:
    """As soon as sssd itself has noticed (here after a second)."""

    def groups() -> tuple[bool, bool]:
        entered = place.outcome(visitor.name, password_of(visitor.name)) == visitor.name
        return entered, entered and place.hub.user(visitor.name)["admin"]

    poll("enters and administers", groups, lambda seen: seen == (True, True), seconds=20)
    place.directory.take_out_of(ADMINS, visitor)
    poll("enters only", groups, lambda seen: seen == (True, False), seconds=20)
    place.directory.take_out_of(ALLOWED, visitor)
    poll("stays out", groups, lambda seen: seen == (False, False), seconds=20)


def test_too_many_failures(place: Place) -> None:
    said = place.outcomes(*[(CLUMSY.name, "wrong")] * 10)
    assert [text[:3] for text in said] == ["403"] * 10
    assert place.outcome(CLUMSY.name, password_of(CLUMSY.name)).startswith("429")
    assert place.enters(ALICE) == "alice"


@pytest.mark.parametrize("fault", [*(f"directory {name}" for name in FAULTS), *SSSD_FAULTS])
def test_nobody_enters_and_the_page_says_why(auth_hubs: AuthHubs, place: Place, fault: str) -> None:
    """sssd does not tell why its domain is away, so the page says only that it is."""
    whose, _, name = fault.partition(" ")
    server: Server = place.directory if whose == "directory" else place.host
    make, _ = FAULTS[name]
    assert place.enters(ALICE) == "alice"
    with make(server, auth_hubs.authority):
        said = refused_in_time(place.hub, f"sssd, {fault}", lambda: place.enters(ALICE))
    assert said.startswith("503"), said
    assert "Passwords cannot be checked right now" in said
    poll("alice enters again", lambda: place.enters(ALICE), seconds=30)
