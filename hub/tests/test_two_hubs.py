"""Two hubs with one allocator and one engine: each touches only what is its own."""

import asyncio

import pytest
from conftest import until
from fake_allocator import FakeAllocator
from traitlets.config import Config

from jupyterhub_gpu import GpuDockerSpawner
from jupyterhub_gpu.settings import name_template

OTHER = "f" * 64


@pytest.fixture
async def hubs(hub_again, allocator: FakeAllocator, monkeypatch):
    await allocator.listen(allocator.socket.with_name("lab.sock"), "lab")
    first, second = await hub_again(), await hub_again("lab")
    for hub in (first, second):
        name = hub.app.config.GpuMixin.hub_name
        hub.app.config.DockerSpawner.prefix = "nb"
        hub.app.config.DockerSpawner.name_template = name_template(name)
    return first, second


async def test_the_same_person_has_a_server_on_each(hubs, engine, allocator):
    first, second = hubs
    await asyncio.gather(first.start("ana"), second.start("ana"))
    assert engine.shown() == {"nb-ana--": "running", "nb.lab.ana--": "running"}
    assert allocator.state("ana") == allocator.state("ana", hub="lab") == ["active"]
    assert len({ask["request_id"] for ask in allocator.asks()}) == 2
    await first.stop("ana")
    assert engine.shown() == {"nb.lab.ana--": "running"}
    await first.start("ana")
    await second.api("DELETE", "/users/ana")
    assert engine.shown() == {"nb-ana--": "running"}
    assert allocator.state("ana")[-1] == "active"


async def test_they_wait_in_one_line(hubs, engine, allocator):
    first, second = hubs
    held = allocator.holds("cy", 2, container=OTHER)
    await first.wait_in_line("ana")
    spawner = await second.wait_in_line("ana")
    assert "You are second in line" in spawner.story.messages[-1]
    await first.stop("ana")
    await until(lambda: "You have moved up. You are next" in spawner.story.messages[-1])
    allocator.end(held, "released")
    await until(lambda: second.spawner("ana").ready)


async def test_each_takes_up_only_its_own(hubs, hub_again, engine, allocator):
    first, second = hubs
    allocator.holds("cy", 2, container=OTHER)
    await first.wait_in_line("ana")
    allocator.waits("bo", {"count": 1}, "lab:1")["owner"]["hub"] = "lab"
    await second.api("POST", "/users/bo")
    first = await hub_again()
    await first.api("POST", "/users/bo")
    await first.resume()
    await until(lambda: first.spawner("ana").in_line)
    assert not first.spawner("bo").pending
    assert allocator.state("bo", hub="lab") == ["queued"]


def another_hubs(engine, running=True):
    """A container with the name of ana's, of a hub that names its containers as this one does."""
    labels = {"gpuhub.lease": "L-0900", "gpuhub.owner": "lab/ana/", "gpuhub.notebook": "1"}
    made = engine.create_container(
        name="nb-ana--", host_config={}, environment={"JUPYTERHUB_API_TOKEN": "x"}, labels=labels
    )
    if running:
        engine.start(made["Id"])
    return made["Id"]


@pytest.mark.parametrize("running", [True, False])
async def test_another_hubs_container_in_the_way_is_left_and_said(hub, engine, allocator, running):
    ident = another_hubs(engine, running)
    status, told = await hub.ask("ana")
    assert status == 409
    assert "nb-ana--, is another hub's" in told["message"]
    assert list(engine.containers) == [ident]
    assert await hub.spawner("ana").poll() == 0
    await hub.api("DELETE", "/users/ana")
    assert list(engine.containers) == [ident]


async def test_a_changed_hub_name_loses_no_server(hub_again, engine, allocator):
    hub = await hub_again()
    await hub.start("ana")
    hub.app.config.GpuMixin.hub_name = "renamed"
    await hub.app.users["ana"].spawners[""].poll()
    (container,) = engine.containers.values()
    container["Config"]["Labels"]["gpuhub.owner"] = "before/ana/"
    hub = await hub_again()
    assert hub.spawner("ana").ready
    await hub.stop("ana")
    assert engine.containers == {}


@pytest.mark.parametrize(
    ("hub", "user", "name"),
    [
        ("hub", "ana", "gpuhub-nb-ana--"),
        ("lab", "ana", "gpuhub-nb.lab.ana--"),
        ("a", "b-c", "gpuhub-nb.a.b-2dc--"),
        ("a-b", "2dc", "gpuhub-nb.a-b.2dc--"),
        ("hub", "lab.ana", "gpuhub-nb-lab-2eana--"),
    ],
)
def test_names_of_containers_are_never_shared(hub, user, name):
    config = Config()
    config.DockerSpawner.prefix = "gpuhub-nb"
    config.DockerSpawner.name_template = name_template(hub)
    spawner = GpuDockerSpawner(config=config, user=type("User", (), {"name": user})())
    assert spawner.object_name == name
