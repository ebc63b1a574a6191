"""The one command as a member of group docker, without root, in a checkout of the person's own."""

from dataclasses import dataclass

import pytest

from conftest import Machines
from harness.allocator import Allocator, uuids_of
from harness.engine import Done
from harness.hub import log_in
from harness.product import PASSWORD, UP_SECONDS, add_account, gpuhub, install
from harness.testhost import HostSpec, TestHost
from harness.world import CELLS, NOTEBOOKS, World

LENA = "lena"
CHECKOUT = f"/home/{LENA}/gpuhub"


@dataclass(frozen=True)
class Lena:
    """A person of the host, and her fresh checkout's files."""

    host: TestHost
    files: list[str]

    def run(self, words: str, check: bool = True) -> Done:
        """`./gpuhub WORDS` in a log-in shell of hers, with the groups that she has by now."""
        shell = ["runuser", "-l", LENA, "-c", f"cd gpuhub && ./gpuhub {words}"]
        return self.host.exec(*shell, check=check, seconds=UP_SECONDS)


def files(host: TestHost) -> list[str]:
    return sorted(host.exec("find", CHECKOUT).out.splitlines())


def not_hers(host: TestHost) -> str:
    """What lies in her checkout and is not hers, her group's or hers to change."""
    others = ["!", "-user", LENA, "-o", "!", "-group", LENA, "-o", "!", "-perm", "-u=w"]
    return host.exec("find", CHECKOUT, "(", *others, ")", "-printf", "%u:%g %m %p\n").out


@pytest.fixture(scope="module")
def lena(machines: Machines) -> Lena:
    """Beside an engine as docker.io brings it: without Compose and BuildKit. Not in its group."""
    host = machines.get("member", HostSpec())
    host.sh("rm -rf /usr/libexec/docker/cli-plugins /usr/lib/docker/cli-plugins")
    assert host.docker("compose", "version", check=False).status != 0
    host.exec("useradd", "-m", "-s", "/bin/bash", LENA)
    install(host, CHECKOUT, LENA)
    return Lena(host, files(host))


@pytest.fixture(scope="module")
def hers(lena: Lena) -> World:
    """She is in the group now, and has called `up`."""
    lena.host.exec("usermod", "-aG", "docker", LENA)
    add_account(lena.host, "ana")
    assert "is up" in lena.run("up").text
    assert not_hers(lena.host) == ""
    return World(lena.host, Allocator(lena.host))


def test_without_the_group_it_is_refused_in_words(lena: Lena) -> None:
    refused = lena.run("up", check=False)
    assert refused.status != 0
    assert f"the container engine runs, but {LENA} may not use it" in refused.text
    assert f"sudo usermod -aG docker {LENA}, log in again" in refused.text
    doctor = lena.run("doctor", check=False)
    assert (doctor.status, "1 wrong." in doctor.text) == (1, True)
    assert f"runs, but {LENA} may not use it" in doctor.text
    assert lena.host.containers() == []


def test_status_doctor_and_ctl(lena: Lena, hers: World) -> None:
    assert lena.run("status").status == 0
    assert len(hers.allocator.gpus()) == 4
    assert "A100" in lena.run("ctl gpus").text
    assert "Nothing is wrong." in lena.run("doctor").text


def test_second_up_hers_or_roots_changes_nothing(lena: Lena, hers: World) -> None:
    """Root's `up` in her checkout (sudo) leaves everything to her."""
    before = sorted(hers.host.containers())
    lena.run("up")
    gpuhub(hers.host, "up", place=CHECKOUT)
    assert sorted(hers.host.containers()) == before
    assert not_hers(hers.host) == ""


def test_people_get_gpus_and_down_leaves_them(lena: Lena, hers: World) -> None:
    ana = log_in(hers.host, "ana", PASSWORD)
    ana.start()
    lease = hers.lease(ana)
    assert (lease["state"], len(uuids_of(lease))) == ("active", 1)
    lena.run("down")
    left = hers.host.containers(NOTEBOOKS) + hers.host.containers(CELLS)
    assert (sorted(left), len(left)) == (sorted(hers.host.containers()), 2)
    assert not_hers(hers.host) == ""


def test_down_all_leaves_her_checkout_as_it_was(lena: Lena, hers: World) -> None:
    lena.run("down --all --yes")
    assert files(hers.host) == lena.files
    assert not_hers(hers.host) == ""
    assert hers.host.containers() == []
    for kind in ("volume", "network"):
        assert "gpuhub" not in hers.host.docker(kind, "ls").out
