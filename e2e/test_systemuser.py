"""Servers as the person, in his own home: whose files they are, what is readable, missing homes."""

from collections.abc import Iterator

import pytest

from conftest import Machines, watched
from harness import product
from harness.hub import Person, log_in
from harness.kernel import run_code
from harness.testhost import HostSpec
from harness.world import World

SPAWNER = """
[spawner]
kind = "systemuser"
mounts = ["/srv/shared:/data"]
missing_home = "{missing_home}"
"""

SITE_CA = "/etc/gpuhub-site-ca.pem"
NOTEBOOK = f"""
shm_size = "256MiB"
pids = 300
https_proxy = "http://proxy.example.org:3128"
no_proxy = "lab.example.org"
ca_file = "{SITE_CA}"
"""


def settings(host, missing_home: str = "create") -> str:
    spawner = SPAWNER.format(missing_home=missing_home)
    return product.settings(host, notebook=NOTEBOOK, extra=spawner)


@pytest.fixture(scope="module")
def homes(machines: Machines) -> World:
    host = machines.get("homes", HostSpec(number=5))
    host.sh("groupadd vision; mkdir -p /srv/shared; echo shared > /srv/shared/set")
    host.sh("chown root:vision /srv/shared /srv/shared/set")
    host.sh("chmod 750 /srv/shared; chmod 640 /srv/shared/set; echo hello > /etc/skel/welcome.txt")
    host.write(SITE_CA, "of the site\n")
    return World.bring_up(host, settings(host))


@pytest.fixture
def world(homes: World) -> Iterator[World]:
    yield from watched(homes, one_slot=True)


def owner_of(world: World, path: str) -> str:
    return world.host.exec("stat", "-c", "%U:%G %a", path).out.strip()


def run(person: Person, code: str) -> str:
    return run_code(person, code).strip()


def test_files_belong_to_the_person_on_the_host(world: World) -> None:
    ana = world.person("ana")
    world.host.sh(f"install -d -m 700 -o {ana.name} -g {ana.name} /home/{ana.name}")
    ana.start("no-gpu")
    said = run(
        ana,
        "import os, getpass, pwd, grp\n"
        "open('mine.txt', 'w').write('x')\n"
        "print(os.getcwd(), getpass.getuser(), pwd.getpwuid(os.getuid()).pw_name,"
        " grp.getgrgid(os.getgid()).gr_name)",
    )
    assert said == f"/home/{ana.name} {ana.name} {ana.name} {ana.name}"
    assert owner_of(world, f"/home/{ana.name}/mine.txt").startswith(f"{ana.name}:{ana.name} ")


def test_what_a_group_may_read_can_be_read_by_its_members_only(world: World) -> None:
    ana, bo = world.person("ana", "vision"), world.person("bo")
    look = "try:\n    print(open('/data/set').read())\nexcept OSError as wrong:\n    print(wrong)"
    for person, words in ((ana, "shared"), (bo, "Permission denied")):
        person.start("no-gpu")
        assert words in run(person, look)
    write = "try:\n    open('/data/new', 'w')\nexcept OSError as wrong:\n    print(wrong)"
    assert "Read-only file system" in run(ana, write)


def test_a_missing_home_is_made_from_skel_for_its_owner(world: World) -> None:
    ana = world.person("ana")
    home = f"/home/{ana.name}"
    assert world.host.exec("test", "-e", home, check=False).status != 0
    ana.start("no-gpu")
    assert owner_of(world, home) == f"{ana.name}:{ana.name} 700"
    assert owner_of(world, f"{home}/welcome.txt").startswith(f"{ana.name}:{ana.name} ")
    assert run(ana, "print(open('welcome.txt').read())") == "hello"
    assert world.host.containers("label=gpuhub.helper=1") == []


def test_homes_of_others_are_not_there(world: World) -> None:
    ana, bo = world.person("ana"), world.person("bo")
    for person in (ana, bo):
        person.start("no-gpu")
    assert run(ana, "import os; print(os.listdir('/home'))") in (
        f"['{ana.name}']",
        f"['{ana.name}', 'jovyan']",
        f"['jovyan', '{ana.name}']",
    )


def test_what_a_site_gives_to_all_notebooks(world: World) -> None:
    ana = world.person("ana")
    ana.start("no-gpu")
    said = run(
        ana,
        "import os\n"
        "bundle = open(os.environ['REQUESTS_CA_BUNDLE']).read()\n"
        "shm = os.statvfs('/dev/shm')\n"
        "print(bundle.count('BEGIN CERTIFICATE') > 50, bundle.endswith('of the site\\n'))\n"
        "from urllib.parse import urlparse\n"
        "ours = urlparse(os.environ['GPUHUB_STATUS_URL']).hostname\n"
        "named = os.environ['NO_PROXY'].removesuffix(',' + ours)\n"
        "print(os.environ['https_proxy'], named, named != os.environ['NO_PROXY'])\n"
        "print(shm.f_blocks * shm.f_frsize)",
    )
    assert said.splitlines() == [
        "True True",
        "http://proxy.example.org:3128 localhost,127.0.0.1,hub,lab.example.org True",
        str(256 * 2**20),
    ]
    assert world.notebook(ana)["HostConfig"]["PidsLimit"] == 300


def test_named_servers_have_a_limit(world: World) -> None:
    ana = world.person("ana")
    for name in ("a", "b", "c"):
        ana.start("no-gpu", name)
    answer = ana.ask("no-gpu", "d")
    assert answer.status_code == 400, answer.text
    assert "maximum of 3 named servers" in answer.text


def test_a_home_that_leads_elsewhere_is_refused_in_words(world: World) -> None:
    ana = world.person("ana")
    world.host.exec("usermod", "-d", "/etc", ana.name)
    answer = ana.ask("no-gpu")
    assert answer.status_code == 403, answer.text
    assert "does not lie in /home" in answer.json()["message"]


def test_a_missing_home_may_be_refused(homes: World) -> None:
    """Last: the whole hub is told to."""
    product.configure(homes.host, settings(homes.host, "refuse"))
    product.gpuhub(homes.host, "up")
    try:
        product.add_account(homes.host, "zoe")
        zoe = log_in(homes.host, "zoe", product.PASSWORD)
        answer = zoe.ask("one-gpu")
        assert answer.status_code == 403, answer.text
        assert "/home/zoe, is not there" in answer.json()["message"]
        assert homes.host.exec("test", "-e", "/home/zoe", check=False).status != 0
        homes.await_nothing_left()
    finally:
        product.configure(homes.host, settings(homes.host))
        product.gpuhub(homes.host, "up")
