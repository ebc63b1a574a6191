"""Accounts of the hub's own: made by an admin, or asked for and authorised by one."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from harness.auth_hubs import AuthHubs, example
from harness.hub import Refused, at_once, send_form, words_of
from harness.lone_hub import PLACE, LoneHub
from harness.product import PASSWORD

WRONG = "Invalid username or password"


def passwd(hub: LoneHub, name: str, password: str = PASSWORD) -> None:
    """What `./gpuhub passwd NAME` runs."""
    hub.hub.exec("python", "-m", "jupyterhub_gpu.passwd", name, stdin=f"{password}\n")


def refused(hub: LoneHub, name: str, password: str = PASSWORD) -> str:
    with pytest.raises(Refused) as words:
        hub.log_in(name, password)
    return str(words.value)


@pytest.fixture(scope="module")
def hub(auth_hubs: AuthHubs) -> LoneHub:
    return auth_hubs.hub("native")


@pytest.fixture(scope="module")
def open_hub(auth_hubs: AuthHubs) -> Iterator[LoneHub]:
    """Where people may ask for an account."""
    lines = [line for line in example("native").splitlines() if not line.startswith("sign_up")]
    text = "\n".join(lines).replace("[auth]\n", "[auth]\nsign_up = true\n") + "\n"
    assert "sign_up = true" in text
    made = auth_hubs.other_hub("native-open", text)
    yield made
    made.remove()


def admin_of(hub: LoneHub) -> str:
    return hub.settings["hub"]["admins"][0]


@contextmanager
def logged_in(hub: LoneHub, name: str) -> Iterator[httpx.Client]:
    with hub.browser() as browser:
        assert send_form(browser, PLACE, name, PASSWORD).status_code == 302
        yield browser


def ask(hub: LoneHub, name: str, password: str = PASSWORD) -> str:
    """By the form; what the page says then."""
    with hub.browser() as browser:
        both = {"signup_password": password, "signup_password_confirmation": password}
        return words_of(hub.form(browser, "/hub/signup", username=name, **both).text)


def decide(browser: httpx.Client, name: str, what: str) -> int:
    """By an admin's form, or what somebody makes of it: the status of the answer."""
    page = browser.get(f"{PLACE}/hub/home")
    assert page.status_code == 200
    xsrf = browser.cookies.get("_xsrf", path="/hub/") or ""
    said = browser.post(f"{PLACE}/hub/authorize/{name}", data={"what": what, "_xsrf": xsrf})
    return said.status_code


def test_who_has_an_account_enters(hub: LoneHub) -> None:
    assert WRONG in refused(hub, "ana")
    passwd(hub, "ana")
    assert {hub.log_in(name, PASSWORD) for name in ("ana", "ANA", " Ana ")} == {"ana"}
    assert hub.user("ana")["admin"] is False
    passwd(hub, admin_of(hub))
    hub.log_in(admin_of(hub), PASSWORD)
    assert hub.user(admin_of(hub))["admin"] is True


def test_wrong_ones_sound_the_same(hub: LoneHub) -> None:
    passwd(hub, "wanda")
    before = hub.users()
    of_wanda = ["wrong", "", "   ", "\0", PASSWORD * 20]
    tried = [("wanda", password) for password in of_wanda]
    tried += [("nobody-of-this-name", PASSWORD), ("", PASSWORD)]
    assert [pair for pair in tried if WRONG not in refused(hub, *pair)] == []
    assert hub.users() == before


def test_odd_names_are_refused_or_the_right_person(hub: LoneHub) -> None:
    passwd(hub, "ana")
    before = hub.users()
    for name in ("*", "an%", "an_", "../ana", "{ana}", "ana' OR '1'='1", "\u00e0na", "\u0430na",
                 "ana\u200b", "ana@elsewhere.org", "a" * 5000):  # fmt: skip
        assert refused(hub, name).startswith("403"), name
    assert hub.users() == before


def test_new_password_counts_at_once(hub: LoneHub) -> None:
    passwd(hub, "petra")
    passwd(hub, "petra", "another-horse-8")
    assert WRONG in refused(hub, "petra")
    assert hub.log_in("petra", "another-horse-8") == "petra"


def test_too_many_failures(hub: LoneHub) -> None:
    passwd(hub, "clumsy")
    passwd(hub, "ana")
    at_once(*[lambda: refused(hub, "clumsy", "wrong")] * 10)
    assert refused(hub, "Clumsy").startswith("429")
    assert hub.log_in("ana", PASSWORD) == "ana"


def test_nobody_can_ask_where_the_admin_does_not_say_so(hub: LoneHub) -> None:
    if hub.settings["auth"]["sign_up"]:
        assert "asked to authorise" in ask(hub, "hope")
        return
    with hub.browser() as browser:
        assert browser.get(f"{PLACE}/hub/signup").status_code == 404
    assert ask(hub, "hope")
    assert WRONG in refused(hub, "hope")


def test_an_account_asked_for_waits_for_an_admin(open_hub: LoneHub) -> None:
    assert "asked to authorise" in ask(open_hub, "nina")
    said = refused(open_hub, "nina")
    assert said.startswith("403")
    assert "No admin has authorised" in said
    assert WRONG in refused(open_hub, "nina", "wrong")

    passwd(open_hub, admin_of(open_hub))
    with logged_in(open_hub, admin_of(open_hub)) as admin:
        assert admin.get(f"{PLACE}/hub/authorize/nina").status_code in (403, 404, 405)
        assert refused(open_hub, "nina").startswith("403"), "a link has authorised somebody"
        assert decide(admin, "nina", "authorize") == 302
        assert open_hub.log_in("nina", PASSWORD) == "nina"
        assert decide(admin, "nina", "withdraw") == 302
    assert refused(open_hub, "nina").startswith("403")


def test_only_an_admin_authorises(open_hub: LoneHub) -> None:
    passwd(open_hub, "paula")
    ask(open_hub, "friend")
    with logged_in(open_hub, "paula") as browser:
        assert decide(browser, "friend", "authorize") in (403, 404)
    assert refused(open_hub, "friend").startswith("403")


def test_nobody_asks_for_somebody_elses_name(open_hub: LoneHub) -> None:
    passwd(open_hub, "gerda")
    assert open_hub.log_in("gerda", PASSWORD) == "gerda"
    for name in ("gerda", "GERDA", admin_of(open_hub)):
        assert "taken" in ask(open_hub, name, "stolen-horse-9"), name
    for name in ("../gerda", "*", "{gerda}", "g\u00e9rda", ""):
        assert "asked to authorise" not in ask(open_hub, name), name
    assert refused(open_hub, "gerda", "stolen-horse-9").startswith("403")
