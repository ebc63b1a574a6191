"""The directory is down, silent, or shows a bad certificate: nobody enters, the page says what is
wrong, the hub goes on, and log-in works again when the directory does."""

import time

import pytest

from harness import report
from harness.auth_hubs import KINDS, AuthHubs
from harness.directory import Directory
from harness.hub import Refused, at_once
from harness.lone_hub import LoneHub
from harness.outage import FAULTS, HEALTH_S, LIMIT_S, Watch, refused_in_time
from harness.people import ALICE, password_of


@pytest.fixture(scope="module", params=sorted(KINDS))
def method(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def hub(auth_hubs: AuthHubs, method: str) -> LoneHub:
    return auth_hubs.hub(method)


@pytest.fixture
def directory(auth_hubs: AuthHubs, method: str) -> Directory:
    return auth_hubs.directory(KINDS[method])


@pytest.mark.parametrize("fault", FAULTS)
def test_nobody_enters_and_the_page_says_why(
    auth_hubs: AuthHubs, hub: LoneHub, directory: Directory, method: str, fault: str
) -> None:
    def ask() -> str:
        return hub.log_in(ALICE.name, password_of(ALICE.name))

    assert ask() == "alice"
    make, words = FAULTS[fault]
    with make(directory, auth_hubs.authority):
        said = refused_in_time(hub, f"{method} {fault}", ask)
    assert said.startswith("503"), said
    assert words in said
    assert ask() == "alice"


def test_many_at_a_silent_directory(hub: LoneHub, directory: Directory, method: str) -> None:
    """Thirty people at once: each is told in time, none holds up the hub or another."""

    def ask(number: int) -> str:
        with pytest.raises(Refused) as words:
            hub.log_in(f"person{number}", "whatever")
        return str(words.value)[:3]

    with directory.is_silent(), Watch(hub) as watch:
        begun = time.monotonic()
        said = at_once(*(lambda n=n: ask(n) for n in range(30)))
        took_s = time.monotonic() - begun
    report.number(f"thirty log-ins refused, {method} silent", took_s, "s")
    assert said == ["503"] * 30
    assert took_s < 2 * LIMIT_S, "one after the other"  # thirty browsers are work in themselves
    assert watch.slowest_s < HEALTH_S, watch.answers
    assert hub.log_in(ALICE.name, password_of(ALICE.name)) == "alice"
