"""A person whom only the directory knows, on a whole machine: his server, doctor, login-test."""

from collections.abc import Iterator

import pytest

from conftest import Machines, watched
from harness import product
from harness.auth_hubs import AuthHubs, example
from harness.directory import SLAPD
from harness.hub import log_in
from harness.kernel import run_code
from harness.people import ALICE, CAROL, NOBODY, password_of
from harness.testhost import HostSpec
from harness.world import World

MISTAKEN = "mist-aken-9"
SPAWNER = '\n[spawner]\nkind = "systemuser"\n'


@pytest.fixture(scope="module")
def machine(machines: Machines, auth_hubs: AuthHubs) -> World:
    """Set up as docs/auth-ldap.md says; nobody of the directory has an account on it."""
    auth_hubs.directory(SLAPD)
    host = machines.get("directory", HostSpec(number=6))
    for path, text in auth_hubs.host_files().items():
        host.write(path, text)
    return World.bring_up(host, example("ldap") + SPAWNER)


@pytest.fixture
def world(machine: World) -> Iterator[World]:
    yield from watched(machine, one_slot=True)


def test_the_server_runs_as_whom_the_directory_says(world: World) -> None:
    assert world.host.exec("getent", "passwd", ALICE.name, check=False).status != 0
    alice = log_in(world.host, ALICE.name, password_of(ALICE.name))
    world.people.append(alice)
    alice.start()
    said = run_code(alice, "import os; open('mine', 'w').close(); print(os.getcwd(), os.getuid())")
    assert said.split() == [f"/home/{ALICE.name}", str(ALICE.uid)]
    owner = world.host.exec("stat", "-c", "%u", f"/home/{ALICE.name}/mine").out.strip()
    assert owner == str(ALICE.uid)


def test_without_a_uid_there_is_no_server(world: World) -> None:
    person = log_in(world.host, NOBODY.name, password_of(NOBODY.name))
    answer = person.ask("one-gpu")
    assert (answer.status_code, "has no uid" in answer.text) == (403, True), answer.text


def test_doctor_looks_at_the_directory(world: World) -> None:
    said = product.gpuhub(world.host, "doctor", check=False).out
    lines = [line for line in said.splitlines() if SLAPD.alias in line]
    assert lines, said
    assert not [line for line in said.splitlines() if line.startswith("WRONG")], said


@pytest.mark.parametrize(
    ("name", "password", "words"),
    [
        (ALICE.name, password_of(ALICE.name), ["ok     password", "ok     enters"]),
        (ALICE.name, MISTAKEN, ["WRONG  password"]),
        (CAROL.name, password_of(CAROL.name), ["ok     password", "WRONG  enters"]),
        ("nobody-of-this-name", MISTAKEN, ["WRONG  found"]),
    ],
)
def test_login_test_explains(world: World, name: str, password: str, words: list[str]) -> None:
    place = f"{product.PLACE}/gpuhub"
    said = world.host.exec(place, "login-test", name, stdin=f"{password}\n", check=False)
    for each in words:
        assert each in said.out, said.text
    assert password not in said.text
    assert (said.status == 0) == (not any("WRONG" in each for each in words)), said.text
