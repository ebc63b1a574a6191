"""Two people at once, on each kind of machine: exactly their own GPUs, by device and by NVML."""

import ast
import errno
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from conftest import Worlds, watched
from harness.allocator import uuids_of
from harness.hub import Person, at_once
from harness.kernel import run_code
from harness.world import World

DRIVERS = {"plain": "devices", "cdi": "cdi", "nvidia": "nvidia"}

# As root with all capabilities: only the devices cgroup stands in the way.
OPEN_ALL = """
import os, tempfile
os.chdir(tempfile.mkdtemp())
for minor in range({count}):
    os.mknod(f"gpu{{minor}}", 0o020666, os.makedev({major}, minor))
    try:
        os.close(os.open(f"gpu{{minor}}", os.O_RDWR))
        print(0)
    except OSError as wrong:
        print(wrong.errno)
"""

ASK_NVML = """
import pynvml, gpustat, glob, os
from nvitop import Device
pynvml.nvmlInit()
handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
print({
    "pynvml": [pynvml.nvmlDeviceGetUUID(h) for h in handles],
    "nvitop": [d.uuid() for d in Device.all()],
    "gpustat": [g.uuid for g in gpustat.new_query()],
    "nodes": sorted(glob.glob("/dev/nvidia[0-9]*")),
    "GPUHUB_GPUS": os.environ.get("GPUHUB_GPUS"),
    "CUDA": os.environ.get("CUDA_VISIBLE_DEVICES"),
})
"""

ASK_NOTHING = """
import glob, os
print(os.environ["NVIDIA_VISIBLE_DEVICES"], glob.glob("/dev/nvidia[0-9]*"))
"""


@dataclass
class Scene:
    """Ana and Bo with a GPU each and Cy without, started at the same instant."""

    world: World
    kind: str
    ana: Person
    bo: Person
    cy: Person


@pytest.fixture(scope="module", params=list(DRIVERS))
def scene(request: pytest.FixtureRequest, worlds: Worlds) -> Iterator[Scene]:
    for world in watched(worlds.get(request.param), one_slot=True):
        people = [world.person(name) for name in ("ana", "bo", "cy")]
        profiles = ["one-gpu", "one-gpu", "no-gpu"]
        starts = zip(people, profiles, strict=True)
        at_once(*[lambda p=p, profile=profile: p.start(profile) for p, profile in starts])
        yield Scene(world, request.param, *people)


def opened(world: World, person: Person) -> dict[str, str]:
    """UUID -> the name of the error that opening its device ends with in the person's container."""
    machine = world.machine()
    code = OPEN_ALL.format(count=len(machine["gpus"]), major=machine["major"])
    flags = ["--privileged", "-u", "0", world.notebook(person)["Id"], "/opt/nb/bin/python", "-c"]
    numbers = world.host.docker("exec", *flags, code).out.split()
    uuids = [gpu["uuid"] for gpu in sorted(machine["gpus"], key=lambda g: g["minor"])]
    return {u: errno.errorcode.get(int(n), "opened") for u, n in zip(uuids, numbers, strict=True)}


def expected(world: World, leased: list[str]) -> dict[str, str]:
    """ENXIO: allowed, though no driver serves a made-up device. EPERM: forbidden."""
    return {u: "ENXIO" if u in leased else "EPERM" for u in world.allocator.uuids()}


def test_different_gpus_by_the_right_driver(scene: Scene) -> None:
    ana, bo = scene.world.lease(scene.ana), scene.world.lease(scene.bo)
    assert len(uuids_of(ana)) == len(uuids_of(bo)) == 1
    assert uuids_of(ana) != uuids_of(bo)
    assert {ana["inject"]["driver"], bo["inject"]["driver"]} == {DRIVERS[scene.kind]}
    assert (ana["state"], bo["state"]) == ("active", "active")


def test_exactly_the_leased_devices_open(scene: Scene) -> None:
    for person in (scene.ana, scene.bo):
        leased = uuids_of(scene.world.lease(person))
        assert opened(scene.world, person) == expected(scene.world, leased)


def test_nvml_lists_exactly_the_leased_gpus(scene: Scene) -> None:
    for person in (scene.ana, scene.bo):
        leased = uuids_of(scene.world.lease(person))
        seen = ast.literal_eval(run_code(person, ASK_NVML))
        assert seen["pynvml"] == seen["nvitop"] == seen["gpustat"] == leased
        assert seen["GPUHUB_GPUS"] == ",".join(leased)
        assert len(seen["nodes"]) == 1


def test_without_gpus_there_is_no_device(scene: Scene) -> None:
    assert run_code(scene.cy, ASK_NOTHING).strip() == "void []"
    assert opened(scene.world, scene.cy) == expected(scene.world, [])


def test_other_people_are_kept_out(scene: Scene) -> None:
    """Ana's token opens nothing of Bo's server."""
    answer = scene.ana.call("GET", f"/user/{scene.bo.name}/api/status")
    assert answer.status_code == 403


def test_gpuctl_shows_who_holds_what(scene: Scene) -> None:
    table = scene.world.allocator.gpuctl("leases")
    for person in (scene.ana, scene.bo):
        line = next(line for line in table.splitlines() if person.name in line)
        assert "active" in line
