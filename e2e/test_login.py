"""Who gets in: the host's accounts with their password, at once, and nobody else."""

import time

import pytest

from harness.hub import Refused, log_in
from harness.poll import poll
from harness.product import PASSWORD, set_password
from harness.world import World

WRONG = "Invalid username or password"


def refused(world: World, name: str, password: str = PASSWORD) -> str:
    with pytest.raises(Refused) as words:
        log_in(world.host, name, password)
    return str(words.value)


def test_wrong_password_and_unknown_name_sound_the_same(world: World) -> None:
    ana = world.person("ana")
    assert WRONG in refused(world, ana.name, "wrong")
    assert WRONG in refused(world, ana.name, "")
    assert WRONG in refused(world, "nobody-of-this-name")


def test_new_account_and_new_password_count_at_once(world: World) -> None:
    ana = world.person("ana")  # made on the host and let in
    set_password(world.host, ana.name, "another-horse-8")
    assert WRONG in refused(world, ana.name)
    assert log_in(world.host, ana.name, "another-horse-8").name == ana.name


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (["usermod", "-L"], WRONG),
        (["usermod", "-p", ""], WRONG),
        (["chage", "-E", "0"], "Your account has expired"),
        (["chage", "-d", "0"], "Your password must be changed"),
        (["usermod", "-s", "/usr/sbin/nologin"], WRONG),
        (["userdel"], WRONG),
    ],
    ids=["locked", "empty password", "expired", "must change", "closed shell", "gone"],
)
def test_spoilt_accounts_stay_out(world: World, spoil: list[str], words: str) -> None:
    """Why is told only to who has the right password."""
    ana = world.person("ana")
    world.host.exec(*spoil, ana.name)
    password = "" if spoil[-1] == "" else PASSWORD
    assert words in refused(world, ana.name, password)
    assert WRONG in refused(world, ana.name, "wrong")


def test_a_refusal_takes_as_long_whatever_its_reason(world: World) -> None:
    ana = world.person("ana")
    took = []
    for name in (ana.name, "root", "nobody-of-this-name"):
        begun = time.monotonic()
        refused(world, name, "wrong")
        took.append(time.monotonic() - begun)
    assert min(took) >= 2, took


def test_who_is_locked_has_to_log_in_again_and_others_stay(world: World) -> None:
    """Before a server starts the account is looked at anew."""
    ana, bo = world.person("ana"), world.person("bo")
    world.host.exec("usermod", "-L", ana.name)
    asked = ana.browser.post(
        f"{ana.base}/hub/spawn/{ana.name}",
        headers=ana.browser_headers("/hub/spawn"),
        data={"profile": "no-gpu", "_xsrf": ana.browser_headers("/hub/spawn")["X-XSRFToken"]},
    )
    assert (asked.status_code, "login again" in asked.text) == (403, True), asked.text
    assert ana.ask("no-gpu").status_code == 403  # by a token neither
    server = world.boss().server(user=ana.name) or {}
    assert not server.get("ready") and not server.get("pending"), server
    bo.start("no-gpu")


def test_without_the_helper_nobody_new_gets_in_and_it_is_said(world: World) -> None:
    ana = world.person("ana")
    world.host.docker("stop", "-t", "2", "gpuhub-login-1")
    try:
        begun = time.monotonic()
        assert "Passwords cannot be checked right now" in refused(world, ana.name)
        assert time.monotonic() - begun < 10
        ana.start("no-gpu")  # who is in stays
    finally:
        world.host.docker("start", "gpuhub-login-1")
    poll(
        "the helper answers again",
        lambda: world.host.inspect("gpuhub-login-1")["State"]["Health"]["Status"],
        lambda status: status == "healthy",
    )
    assert log_in(world.host, ana.name, PASSWORD).name == ana.name


def test_root_stays_out(world: World) -> None:
    set_password(world.host, "root", PASSWORD)
    assert refused(world, "root")


def test_system_account_stays_out(world: World) -> None:
    world.host.exec("useradd", "-r", "-s", "/bin/bash", "backupper")
    set_password(world.host, "backupper", PASSWORD)
    assert refused(world, "backupper")


def test_without_log_in_there_is_nothing(world: World) -> None:
    ana = world.person("ana")
    ana.token = "0" * 32
    assert ana.api("GET", "/users").status_code == 403
    assert ana.ask("one-gpu").status_code == 403


def test_admin_is_whom_the_file_names(world: World) -> None:
    assert world.boss().api("GET", f"/users/{world.boss().name}").json()["admin"] is True
    ana = world.person("ana")
    assert ana.api("GET", "/user").json()["admin"] is False
