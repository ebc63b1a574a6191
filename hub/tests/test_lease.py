"""Leases: what is parsed, what is refused, and how they are applied."""

import copy
from datetime import timedelta

import pytest

from jupyterhub_gpu.lease import (
    BadLease,
    ConflictingConfig,
    Estimate,
    Holder,
    Lease,
    Owner,
    add_lease,
)

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
    "wants": {"count": 1},
    "mode": "shared",
    "revision": "7",
    "gpus": [{"uuid": "GPU-1", "index": 0, "model": "A100-40G", "memory_mib": 1}],
    "epoch": "E",
    "container": None,
    "reason": None,
    "exit_code": None,
    "oom_killed": None,
    "granted_at": "2026-01-02T03:04:05.678Z",
    "ended_at": None,
    "queue": None,
    "inject": {
        "driver": "devices",
        "host_config": {"DeviceRequests": [REQUEST], "Devices": [DEVICE], "Mounts": [MOUNT]},
        "environment": {"NVIDIA_VISIBLE_DEVICES": "void"},
        "labels": {"gpuhub.lease": "L-1"},
        "docker_run": [],
    },
}


QUEUED = {
    **TOLD,
    "state": "queued",
    "gpus": [],
    "granted_at": None,
    "inject": None,
    "queue": {
        "position": 2,
        "of": 3,
        "expires_at": "2026-01-03T03:04:05.678Z",
        "renew_by": "2026-01-02T03:09:05.678Z",
        "why": "no GPU is free",
        "estimate": {"early_s": 60, "likely_s": 120, "late_s": 600},
        "holders": [{"gpu": "GPU-1", "index": 0, "user": "ana", "server": "", "since": "x"}],
        "hidden": 1,
    },
}


def changed(path, value, told=TOLD):
    told = copy.deepcopy(told)
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


def test_a_queued_lease_is_parsed():
    parsed = Lease.parse(QUEUED)
    assert (parsed.wants, parsed.mode, parsed.revision) == ({"count": 1}, "shared", "7")
    queue = parsed.queue
    assert (queue.position, queue.of, queue.why, queue.hidden) == (2, 3, "no GPU is free", 1)
    assert queue.expires_at - queue.renew_by == timedelta(hours=23, minutes=55)
    assert queue.estimate == Estimate(60, 120, 600)
    assert queue.holders == (Holder(0, "ana", "", "x"),)


def test_what_may_be_unknown_of_a_place_in_line():
    queue = {**QUEUED["queue"], "expires_at": None, "estimate": None, "holders": [{"index": 1}]}
    parsed = Lease.parse({**QUEUED, "queue": queue}).queue
    assert parsed.expires_at is parsed.estimate is None
    assert parsed.holders == (Holder(1, None, None, None),)


def test_a_gpu_that_went_bad_is_marked():
    gpu = {**TOLD["gpus"][0], "fault": "XID 79: it has fallen off the bus"}
    assert lease(gpus=[gpu]).gpus[0].fault == "XID 79: it has fallen off the bus"
    assert lease().gpus[0].fault is None


def test_fields_that_only_describe_may_be_added():
    assert lease(colour="red").id == "L-1"
    assert Lease.parse(changed("queue.colour", "red", QUEUED)).queue.position == 2


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


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("queue", None, "lease.queue must be there while queued, and only then: queued"),
        ("state", "ended", "lease.queue must be there while queued, and only then: ended"),
        ("queue", [], "lease.queue: expected dict"),
        ("queue.position", 0, "lease.queue.position: 0 is less than 1"),
        ("queue.position", "1", "lease.queue.position: expected int"),
        ("queue.of", KeyError, "lease.queue.of is missing"),
        ("queue.hidden", -1, "lease.queue.hidden: -1 is less than 0"),
        ("queue.renew_by", "soon", "lease.queue.renew_by: 'soon' is not a time"),
        ("queue.renew_by", "2026-01-02T03:04:05", "has no time zone"),
        ("queue.renew_by", None, "renew_by: expected str"),
        ("queue.expires_at", 3, "expires_at: expected str"),
        ("queue.estimate", {"early_s": 1, "likely_s": 2}, "estimate.late_s is missing"),
        ("queue.estimate", {"early_s": -1, "likely_s": 2, "late_s": 3}, "early_s: -1 is less"),
        ("queue.holders", ["ana"], r"holders\[\]: expected an object"),
        ("queue.holders", [{"index": 0, "user": 7}], "user: expected str, got int"),
        ("wants", KeyError, "lease.wants is missing"),
        ("mode", KeyError, "lease.mode is missing"),
        ("revision", 7, "lease.revision: expected str"),
        ("granted_at", 7, "lease.granted_at: expected str"),
    ],
)
def test_what_is_not_a_queued_lease_is_refused(path, value, says):
    with pytest.raises(BadLease, match=says):
        Lease.parse(changed(path, value, QUEUED))


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
