"""Who gets in: the host's accounts with their password, at once, and nobody else."""

import pytest

from harness.hub import Refused, log_in
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
    "spoil",
    [["usermod", "-L"], ["chage", "-E", "0"], ["usermod", "-p", ""]],
    ids=["locked", "expired", "empty password"],
)
def test_spoilt_accounts_stay_out(world: World, spoil: list[str]) -> None:
    ana = world.person("ana")
    world.host.exec(*spoil, ana.name)
    password = "" if spoil[-1] == "" else PASSWORD
    assert WRONG in refused(world, ana.name, password)


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
