"""OIDC: people come by their provider's page; the hub believes what that says, and nobody else."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from harness.auth_hubs import AuthHubs
from harness.directory import FREEIPA, Directory, Server
from harness.hub import Refused
from harness.lone_hub import PLACE, LoneHub
from harness.outage import FAULTS, refused_in_time
from harness.people import (
    ADMINS,
    ALICE,
    ALLOWED,
    BOB,
    CAROL,
    DORA,
    ODD,
    STRANGE,
    TEAM,
    VISITOR,
    Entry,
    password_of,
)
from harness.relying import back_to_hub, to_provider


@dataclass(frozen=True)
class Place:
    """A hub, its provider, and the directory behind that."""

    hub: LoneHub
    provider: Server
    directory: Directory
    hubs: AuthHubs

    def browser(self) -> httpx.Client:
        return self.hub.browser(verify=self.hubs.authority.trusting())

    def log_in(self, name: str, password: str) -> str:
        with self.browser() as browser:
            return back_to_hub(browser, to_provider(browser, name, password))

    def enters(self, who: Entry, typed: str = "") -> str:
        return self.log_in(typed or who.name, password_of(who.name))


@pytest.fixture(scope="module")
def place(auth_hubs: AuthHubs) -> Place:
    provider = auth_hubs.provider()
    return Place(auth_hubs.hub("oidc"), provider, auth_hubs.directory(FREEIPA), auth_hubs)


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
    assert user["auth_state"]["account"] is None


def test_nested_groups_count(place: Place) -> None:
    assert place.enters(BOB) == "bob"
    user = place.hub.user("bob")
    assert user["admin"] is False
    assert {ALLOWED, TEAM} <= set(user["groups"])


def test_who_is_in_no_allowed_group_stays_out(place: Place) -> None:
    with pytest.raises(Refused, match="403"):
        place.enters(CAROL)
    assert CAROL.name not in place.hub.users()


def test_whom_the_provider_refuses(place: Place) -> None:
    before = place.hub.users()
    for name, password in [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", "   "),
        ("nobody-of-this-name", password_of("alice")),
        ("a)(uid=*", password_of("alice")),
        ("disabled", password_of("disabled")),
        ("locked", password_of("locked")),
        ("stale", password_of("stale")),
    ]:
        with pytest.raises(Refused):
            place.log_in(name, password)
    assert place.hub.users() == before


def test_one_person_has_one_name(place: Place) -> None:
    assert [place.enters(ALICE, name) for name in ("alice", "ALICE", "Alice")] == ["alice"] * 3
    assert place.enters(DORA) == "dora"


def test_odd_spelling_in_the_directory_harms_nobody(place: Place) -> None:
    assert [place.enters(who) for who in ODD] == [who.name for who in ODD]


@pytest.mark.parametrize("who", STRANGE, ids=range(len(STRANGE)))
def test_names_that_no_hub_can_have_stay_out(place: Place, who: Entry) -> None:
    before = place.hub.users()
    with pytest.raises(Refused):
        place.enters(who)
    assert place.hub.users() == before


def test_what_is_taken_away_is_gone_at_the_next_log_in(place: Place, visitor: Entry) -> None:
    place.enters(visitor)
    assert place.hub.user(visitor.name)["admin"] is True

    place.directory.take_out_of(ADMINS, visitor)
    place.enters(visitor)
    user = place.hub.user(visitor.name)
    assert user["admin"] is False
    assert ADMINS not in user["groups"]

    place.directory.take_out_of(ALLOWED, visitor)
    with pytest.raises(Refused, match="403"):
        place.enters(visitor)


def test_a_way_back_is_for_one_browser_and_one_time(place: Place) -> None:
    with place.browser() as own, place.browser() as foreign:
        url = to_provider(own, "alice", password_of("alice"))
        with pytest.raises(Refused, match=r"40[03]"):
            back_to_hub(foreign, url)
        assert back_to_hub(own, url) == "alice"
    with place.browser() as own:
        to_provider(own, "alice", password_of("alice"))
        with pytest.raises(Refused):
            back_to_hub(own, url)


def test_the_hub_itself_takes_no_password(place: Place) -> None:
    with place.browser() as browser:
        page = browser.get(f"{PLACE}/hub/login", follow_redirects=True)
        assert 'type="password"' not in page.text or not str(page.url).startswith(PLACE)
        said = {"username": "alice", "password": password_of("alice")}
        said["_xsrf"] = browser.cookies.get("_xsrf", domain="hub.example.org") or ""
        answer = browser.post(f"{PLACE}/hub/login", data=said)
        assert answer.status_code in (400, 403, 405), answer.status_code
        assert browser.get(f"{PLACE}/hub/home").status_code == 302


@pytest.mark.parametrize("fault", FAULTS)
def test_nobody_enters_and_the_page_says_why(place: Place, fault: str) -> None:
    """On the way back the hub asks the provider itself."""
    make, words = FAULTS[fault]
    with place.browser() as browser:
        url = to_provider(browser, "alice", password_of("alice"))
        with make(place.provider, place.hubs.authority):
            said = refused_in_time(place.hub, f"oidc {fault}", lambda: back_to_hub(browser, url))
    assert said.startswith("503"), said
    assert words in said
    assert place.enters(ALICE) == "alice"
