"""Leases: what is parsed, what is refused, and how they are applied."""

import copy

import pytest

from jupyterhub_gpu.lease import BadLease, ConflictingConfig, Lease, Owner, add_lease

DEVICE = {
    "PathOnHost": "/v/dev/nvidia0",
    "PathInContainer": "/dev/nvidia0",
    "CgroupPermissions": "rw",
}
MOUNT = {"Type": "bind", "Source": "/v/lib", "Target": "/usr/lib/x.so", "ReadOnly": True}
REQUEST = {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=GPU-1"]}
TOLD = {
    "id": "L-1",
    "request_id": "r",
    "owner": {"hub": "hub", "user": "ana", "server": ""},
    "state": "granted",
    "gpus": [{"uuid": "GPU-1", "index": 0, "model": "A100-40G", "memory_mib": 1}],
    "epoch": "E",
    "container": None,
    "reason": None,
    "exit_code": None,
    "oom_killed": None,
    "ended_at": None,
    "inject": {
        "driver": "devices",
        "host_config": {"DeviceRequests": [REQUEST], "Devices": [DEVICE], "Mounts": [MOUNT]},
        "environment": {"NVIDIA_VISIBLE_DEVICES": "void"},
        "labels": {"gpuhub.lease": "L-1"},
        "docker_run": [],
    },
}


def changed(path, value):
    told = copy.deepcopy(TOLD)
    *steps, last = path.split(".")
    place = told
    for step in steps:
        place = place[step]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return told


def lease(**more):
    return Lease.parse({**copy.deepcopy(TOLD), **more})


def test_a_whole_lease_is_parsed():
    parsed = lease()
    assert parsed.owner == Owner("hub", "ana", "")
    assert parsed.gpus[0].uuid == "GPU-1"
    assert parsed.inject.host_config["Devices"] == [DEVICE]


def test_fields_that_only_describe_may_be_added():
    assert lease(estimate="soon").id == "L-1"


def test_an_ended_lease_has_nothing_to_inject():
    parsed = lease(state="ended", inject=None, reason="container_exited", exit_code=1)
    assert (parsed.inject, parsed.exit_code) == (None, 1)
    with pytest.raises(BadLease, match="grants nothing"):
        add_lease(parsed, {})


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("id", KeyError, "lease.id is missing"),
        ("id", 7, "lease.id: expected str, got int"),
        ("state", "gone", "not one of"),
        ("owner", "ana", "lease.owner: expected dict"),
        ("owner.user", KeyError, "lease.owner.user is missing"),
        ("gpus", {}, "lease.gpus: expected list"),
        ("gpus", [{"uuid": "GPU-1", "index": True, "model": "x"}], "index: expected int, got bool"),
        ("gpus", ["GPU-1"], "expected an object"),
        ("exit_code", "1", "lease.exit_code: expected int"),
        ("oom_killed", 1, "lease.oom_killed: expected bool"),
        ("inject", None, "missing from a granted lease"),
        ("inject.host_config", [], "host_config: expected dict"),
        ("inject.host_config.Binds", ["/:/x"], "cannot apply Binds"),
        ("inject.host_config.Devices", [1], "Devices: expected a list of objects"),
        ("inject.environment", {"A": 1}, "environment.A: expected a string"),
        ("inject.labels", KeyError, "labels is missing"),
    ],
)
def test_what_is_not_a_lease_is_refused(path, value, says):
    with pytest.raises(BadLease, match=says):
        Lease.parse(changed(path, value))


@pytest.mark.parametrize("told", [None, [], "L-1", 3])
def test_what_is_no_object_is_refused(told):
    with pytest.raises(BadLease):
        Lease.parse(told)


def test_the_lease_is_added_to_what_the_spawner_has():
    own = {"Type": "volume", "Source": "home", "Target": "/home/jovyan"}
    fuse = {"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"}
    create = {
        "image": "nb",
        "host_config": {"Mounts": [own], "Devices": [fuse], "Binds": ["a:b"]},
        "environment": {"NVIDIA_VISIBLE_DEVICES": "all", "A": "1"},
        "labels": ["mine=1", "gpuhub.lease=forged"],
    }
    before = copy.deepcopy(create)
    made = add_lease(lease(), create)
    assert made["image"] == "nb"
    assert made["host_config"] == {
        "Mounts": [own, MOUNT],
        "Devices": [fuse, DEVICE],
        "DeviceRequests": [REQUEST],
        "Binds": ["a:b"],
    }
    assert made["environment"] == {"NVIDIA_VISIBLE_DEVICES": "void", "A": "1"}
    assert made["labels"] == {"mine": "1", "gpuhub.lease": "L-1"}
    assert create == before


@pytest.mark.parametrize(
    "host_config",
    [
        {"DeviceRequests": [{"Driver": "nvidia", "Count": -1}]},
        {"Privileged": True},
        {"Devices": [{"PathInContainer": "/dev/nvidia7"}]},
        {"Devices": [{"PathInContainer": "/dev/nvidia0"}]},
        {"Mounts": [{"Target": "/usr/lib/x.so"}]},
    ],
)
def test_settings_that_contradict_the_lease_are_refused(host_config):
    with pytest.raises(ConflictingConfig, match="L-1"):
        add_lease(lease(), {"host_config": host_config})
