"""Fixtures: one machine of each kind for the whole run, and evidence when a test fails."""

import os
import re
from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from harness import driver, engine, evidence, product, report, seed
from harness.auth_hubs import AuthHubs
from harness.bare_machine import BareMachine, shared_kernel
from harness.testhost import HostSpec, TestHost
from harness.world import World, shared_uses

PRODUCT_IMAGES = [
    engine.image(name)
    for name in ("allocator", "login", "hub", "proxy", "cell", "notebook", "tools")
]
MOVING = {"test_two_people", "test_cdi_names", "test_gpuctl_run", "test_restarts", "test_wrapper",
          "test_member", "test_systemuser",
          # need no machine moved, but so the two workers end at about the same time
          "test_waiting", "test_slots"}  # fmt: skip
AUTH = "test_auth_"
BASE_IMAGE = "debian:trixie-slim"


class Machines:
    """The machines of this run, made when first asked for, by the kind of GPU access."""

    def __init__(self) -> None:
        self.running: dict[str, TestHost] = {}
        self._seed = ""

    def get(self, name: str, spec: HostSpec) -> TestHost:
        if name not in self.running:
            self._seed = self._seed or seed.seed_of([BASE_IMAGE, *images_to_hand_over()])
            data = f"hosts/{engine.RUN_ID}-{engine.WORKER}-{name}"
            seed.plant(self._seed, data)
            self.running[name] = TestHost.start(name, spec, data)
            if spec.gpu_access != "plain":
                driver.install(self.running[name])
        return self.running[name]

    def sleep(self) -> None:
        for host in self.running.values():
            host.sleep()

    def remove(self) -> None:
        for host in self.running.values():
            host.remove()


def images_to_hand_over() -> list[str]:
    return os.environ["E2E_IMAGES"].split() if "E2E_IMAGES" in os.environ else PRODUCT_IMAGES


@pytest.fixture(scope="session")
def machines(request: pytest.FixtureRequest) -> Iterator[Machines]:
    made = Machines()
    request.config.stash[evidence.HOSTS] = made.running
    yield made
    made.remove()


@pytest.fixture(scope="module", autouse=True)
def they_sleep(machines: Machines) -> Iterator[None]:
    """Between files all machines sleep; who needs one again wakes it by its first command."""
    yield
    machines.sleep()


@pytest.fixture(scope="session")
def plain(machines: Machines) -> TestHost:
    """An engine that knows no GPUs: the product simulates them itself, driver `devices`."""
    return machines.get("plain", HostSpec("plain", number=1))


@pytest.fixture(scope="session")
def cdi(machines: Machines) -> TestHost:
    """GPUs and a CDI spec, as after `nvidia-ctk cdi generate`."""
    return machines.get("cdi", HostSpec("cdi", number=2))


@pytest.fixture(scope="session")
def nvidia(machines: Machines) -> TestHost:
    """GPUs and the nvidia runtime, which is the default runtime."""
    return machines.get("nvidia", HostSpec("nvidia", number=3))


@pytest.fixture(scope="session")
def debian(machines: Machines) -> BareMachine:
    """Debian with systemd, where `up` has installed the engine; the product is up."""
    kernel = shared_kernel()
    machine = BareMachine.set_up(machines.get("debian", HostSpec(bare=True)))
    assert shared_kernel() == kernel, "its systemd has changed the kernel of all"
    return machine


@pytest.fixture(scope="session")
def auth_hubs(request: pytest.FixtureRequest) -> Iterator[AuthHubs]:
    """Directory servers, and hubs alone that ask them."""
    made = AuthHubs()
    request.config.stash[evidence.LOGS] = made
    yield made
    made.remove()


def pytest_configure(config: pytest.Config) -> None:
    """A file that pytest.ini does not name would never be run, and nobody would see it."""
    there = {path.name for path in config.rootpath.glob("test_*.py")}
    if missing := sorted(there ^ set(config.getini("testpaths"))):
        raise pytest.UsageError(f"pytest.ini, testpaths: {', '.join(missing)}")


class Groups(LoadScopeScheduling):
    """Two workers: some files move whole machines, others use one that stays up, the rest have
    directory servers of their own names. Who is free first takes the third group.

    (`--dist loadgroup` of xdist 3.8 does not see the groups' marks under pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition(".py")[0]
        if file.startswith(AUTH):
            return "directories"
        return "moving" if file in MOVING else "steady"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    return Groups(config, log)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Five directory servers and their hubs are a load: they go with the last test that asks."""
    last = nextitem is None or not nextitem.path.name.startswith(AUTH)
    if last and item.path.name.startswith(AUTH) and evidence.LOGS in item.config.stash:
        item.config.stash[evidence.LOGS].remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    result = (yield).get_result()
    if result.failed:
        folder = report.OUT / "evidence" / re.sub(r"[^\w.\[\]-]", "_", f"{item.name}-{call.when}")
        result.sections += evidence.gather(item.config.stash.get(evidence.HOSTS, {}), folder)
        if evidence.LOGS in item.config.stash:
            result.sections += evidence.gather_logs(item.config.stash[evidence.LOGS], folder)


class Worlds:
    """The product on each kind of machine, brought up when first asked for."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request
        self._up: dict[str, World] = {}

    def get(self, kind: str) -> World:
        if kind not in self._up:
            host = self._request.getfixturevalue(kind)
            self._up[kind] = World.bring_up(host, product.settings(host))
        return self._up[kind]


@pytest.fixture(scope="session")
def worlds(request: pytest.FixtureRequest) -> Worlds:
    return Worlds(request)


def watched(world: World, one_slot: bool) -> Iterator[World]:
    """Lend the world to a test; then stop all, and see that nothing is left or was shared."""
    since = world.now_ns()
    yield world
    world.stop_everything()
    world.await_nothing_left()
    if one_slot:
        assert shared_uses(world.uses(since)) == []


@pytest.fixture
def world(worlds: Worlds) -> Iterator[World]:
    """The product on a plain engine, all GPUs free, one slot each."""
    yield from watched(worlds.get("plain"), one_slot=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if report.lines():
        terminalreporter.section("measured")
        for line in report.lines():
            terminalreporter.write_line(line)
