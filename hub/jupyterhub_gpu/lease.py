"""A lease as the allocator tells it, and how to apply it to a container.

Plain values: no I/O, nothing of JupyterHub. Used by the client and the spawner.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STATES = ("queued", "granted", "active", "ending", "ended")
BEFORE_START = ("queued", "granted")  # no container yet: the same request takes it up again
INJECTABLE = ("DeviceRequests", "Devices", "Mounts")
MEASURED = ("process", "gpu", "none")


class BadLease(ValueError):
    """The allocator's answer is not a lease. Names the field."""


class ConflictingConfig(ValueError):
    """The admin's settings already give devices that the lease decides about."""

    def __init__(self, setting: str, lease_id: str) -> None:
        super().__init__(
            f"{setting} is set in the hub's configuration, but lease {lease_id} decides which "
            "devices a server gets: remove that setting"
        )


@dataclass(frozen=True)
class Gpu:
    """One leased GPU. The index is only shown; `fault` says what went wrong with it, if it did."""

    uuid: str
    index: int
    model: str
    fault: str | None


@dataclass(frozen=True)
class Owner:
    """Who holds a lease: hub, user and the server's name (empty: the default server)."""

    hub: str
    user: str
    server: str


@dataclass(frozen=True)
class Holder:
    """Who holds one GPU, as far as the admin lets it be seen. The index is only shown."""

    index: int
    user: str | None
    server: str | None
    since: str | None

    @classmethod
    def parse(cls, told: object, path: str = "holders[]") -> Holder:
        """Raises BadLease."""
        fields = _Fields(told, path)
        words = (fields.take_or_none(key, str) for key in ("user", "server", "since"))
        return cls(fields.take("index", int), *words)


@dataclass(frozen=True)
class Estimate:
    """Seconds from now until the grant: 10 %, 50 % and 90 % of such waits are shorter."""

    early_s: int
    likely_s: int
    late_s: int


@dataclass(frozen=True)
class Queue:
    """Where a queued lease stands, and who holds what it waits for.

    `expires_at` is the end of the longest wait (None: no limit); `renew_by` is when the place
    lapses unless the client says that it still waits.
    """

    position: int
    of: int
    expires_at: datetime | None
    renew_by: datetime
    why: str
    estimate: Estimate | None
    holders: tuple[Holder, ...]
    hidden: int


@dataclass(frozen=True)
class Usage:
    """What an active lease's GPUs are doing. `told` is all of it, as the allocator told it.

    `measured` none: it cannot be told now, and `why` says why not. Else `idle_for_s` is how long
    the GPUs have been idle at least (0 while busy), by the allocator's own clock.
    """

    measured: str
    why: str | None
    busy: bool
    idle_for_s: int | None
    told: Mapping[str, Any]

    @classmethod
    def parse(cls, told: object) -> Usage:
        """Raises BadLease."""
        fields = _Fields(told, "lease.usage")
        measured = fields.take("measured", str)
        if measured not in MEASURED:
            raise BadLease(f"lease.usage.measured: {measured!r} is not known")
        why = fields.take_or_none("why", str)
        if measured == "none":
            return cls(measured, why, False, None, fields.told)
        busy, idle_for_s = fields.take("busy", bool), fields.take_count("idle_for_s", 0)
        if busy and idle_for_s:
            raise BadLease("lease.usage: busy and idle at once")
        return cls(measured, why, busy, idle_for_s, fields.told)

    @classmethod
    def cautious(cls, told: object) -> Usage:
        """As `parse`, but what is not understood is not measured: a server must start all the
        same, and must not end by it."""
        try:
            return cls.parse(told)
        except BadLease as error:
            return cls("none", str(error), False, None, {"measured": "none", "why": str(error)})


@dataclass(frozen=True)
class Inject:
    """What the container gets, in the Docker API's own names."""

    host_config: Mapping[str, list[dict[str, Any]]]
    environment: Mapping[str, str]
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Lease:
    """One lease. `inject` is there only while it is granted or active, `queue` while queued."""

    id: str
    request_id: str
    owner: Owner
    state: str
    wants: Mapping[str, Any]
    mode: str
    gpus: tuple[Gpu, ...]
    epoch: str
    revision: str
    container: str | None
    reason: str | None
    exit_code: int | None
    oom_killed: bool | None
    granted_at: str | None
    ended_at: str | None
    queue: Queue | None
    inject: Inject | None
    usage: Usage | None  # None: no GPUs, not active, or an allocator that does not measure

    @classmethod
    def parse(cls, told: object) -> Lease:
        """Parse the allocator's JSON. Raises BadLease.

        Fields that only describe may be added by later allocators and are passed over; what is
        to be injected is taken whole or not at all.
        """
        top = _Fields(told, "lease")
        owner = _Fields(top.take("owner", dict), "lease.owner")
        state = top.take("state", str)
        if state not in STATES:
            raise BadLease(f"lease.state: {state!r} is not one of {', '.join(STATES)}")
        inject = top.take_or_none("inject", dict)
        if inject is None and state == "granted":
            raise BadLease("lease.inject is missing from a granted lease")
        queue = top.take_or_none("queue", dict)
        if (queue is not None) != (state == "queued"):
            raise BadLease(f"lease.queue must be there while queued, and only then: {state}")
        return cls(
            id=top.take("id", str),
            request_id=top.take("request_id", str),
            owner=Owner(*(owner.take(key, str) for key in ("hub", "user", "server"))),
            state=state,
            wants=top.take("wants", dict),
            mode=top.take("mode", str),
            gpus=tuple(_parse_gpu(item) for item in top.take("gpus", list)),
            epoch=top.take("epoch", str),
            revision=top.take("revision", str),
            container=top.take_or_none("container", str),
            reason=top.take_or_none("reason", str),
            exit_code=top.take_or_none("exit_code", int),
            oom_killed=top.take_or_none("oom_killed", bool),
            granted_at=top.take_or_none("granted_at", str),
            ended_at=top.take_or_none("ended_at", str),
            queue=None if queue is None else _parse_queue(queue),
            inject=None if inject is None else _parse_inject(inject),
            usage=None if top.told.get("usage") is None else Usage.cautious(top.told["usage"]),
        )


class _Fields:
    """Typed access to one JSON object; every failure names its path."""

    def __init__(self, told: object, path: str) -> None:
        if not isinstance(told, dict):
            raise BadLease(f"{path}: expected an object, got {type(told).__name__}")
        self.told = told
        self.path = path

    def take[T](self, key: str, kind: type[T]) -> T:
        if key not in self.told:
            raise BadLease(f"{self.path}.{key} is missing")
        value = self.told[key]
        # bool is an int in Python, never in JSON
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise BadLease(
                f"{self.path}.{key}: expected {kind.__name__}, got {type(value).__name__}"
            )
        return value

    def take_or_none[T](self, key: str, kind: type[T]) -> T | None:
        return None if self.told.get(key) is None else self.take(key, kind)

    def take_count(self, key: str, least: int) -> int:
        count = self.take(key, int)
        if count < least:
            raise BadLease(f"{self.path}.{key}: {count} is less than {least}")
        return count

    def take_time(self, key: str) -> datetime:
        told = self.take(key, str)
        try:
            when = datetime.fromisoformat(told)
        except ValueError as error:
            raise BadLease(f"{self.path}.{key}: {told!r} is not a time") from error
        if when.tzinfo is None:
            raise BadLease(f"{self.path}.{key}: {told!r} has no time zone")
        return when


def _parse_gpu(told: object) -> Gpu:
    fields = _Fields(told, "lease.gpus[]")
    words = (fields.take("uuid", str), fields.take("index", int), fields.take("model", str))
    return Gpu(*words, fields.take_or_none("fault", str))


def _parse_queue(told: dict[str, Any]) -> Queue:
    fields = _Fields(told, "lease.queue")
    estimate = fields.take_or_none("estimate", dict)
    return Queue(
        position=fields.take_count("position", 1),
        of=fields.take_count("of", 1),
        expires_at=fields.take_time("expires_at") if told.get("expires_at") is not None else None,
        renew_by=fields.take_time("renew_by"),
        why=fields.take("why", str),
        estimate=None if estimate is None else _parse_estimate(estimate),
        holders=tuple(
            Holder.parse(item, "lease.queue.holders[]") for item in fields.take("holders", list)
        ),
        hidden=fields.take_count("hidden", 0),
    )


def _parse_estimate(told: dict[str, Any]) -> Estimate:
    fields = _Fields(told, "lease.queue.estimate")
    return Estimate(*(fields.take_count(key, 0) for key in ("early_s", "likely_s", "late_s")))


def _parse_inject(told: dict[str, Any]) -> Inject:
    fields = _Fields(told, "lease.inject")
    host_config = fields.take("host_config", dict)
    unknown = sorted(set(host_config) - set(INJECTABLE))
    if unknown:
        raise BadLease(f"lease.inject.host_config: cannot apply {', '.join(unknown)}")
    lists: dict[str, list[dict[str, Any]]] = {}
    for key in INJECTABLE:
        items = host_config.get(key) or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise BadLease(f"lease.inject.host_config.{key}: expected a list of objects")
        if items:
            lists[key] = items
    return Inject(lists, _strings(fields, "environment"), _strings(fields, "labels"))


def _strings(fields: _Fields, key: str) -> dict[str, str]:
    told = fields.take(key, dict)
    for name, value in told.items():
        if not isinstance(value, str):
            raise BadLease(f"{fields.path}.{key}.{name}: expected a string")
    return told


def add_lease(lease: Lease, create: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of docker-py's `create_container` plus what the lease grants.

    `create["host_config"]` is in the Docker API's names, as docker-py has built it: so nothing
    is translated, and no string of the lease goes through `str.format`. Nothing is changed.

    Raises ConflictingConfig if the admin's settings already name devices: preferring either
    side in silence would show a user GPUs that nobody booked.
    """
    if lease.inject is None:
        raise BadLease(f"lease {lease.id} is {lease.state}: it grants nothing")
    host_config = copy.deepcopy(dict(create.get("host_config") or {}))
    _refuse_conflicts(lease, host_config)
    for key, items in lease.inject.host_config.items():
        host_config[key] = [*(host_config.get(key) or []), *copy.deepcopy(items)]
    return {
        **create,
        "host_config": host_config,
        "environment": {**_as_dict(create.get("environment")), **lease.inject.environment},
        "labels": {**_as_dict(create.get("labels")), **lease.inject.labels},
    }


def _refuse_conflicts(lease: Lease, host_config: Mapping[str, Any]) -> None:
    for key in ("DeviceRequests", "Privileged"):
        if host_config.get(key):
            raise ConflictingConfig(f"extra_host_config ({key})", lease.id)
    granted = lease.inject.host_config if lease.inject else {}
    taken = {item.get("PathInContainer") for item in granted.get("Devices", [])}
    for device in host_config.get("Devices") or []:
        path = str(device.get("PathInContainer"))
        if path in taken or path.startswith("/dev/nvidia"):
            raise ConflictingConfig(f"extra_host_config (Devices: {path})", lease.id)
    targets = {item.get("Target") for item in granted.get("Mounts", [])}
    for mount in host_config.get("Mounts") or []:
        if mount.get("Target") in targets:
            raise ConflictingConfig(f"mounts ({mount['Target']})", lease.id)


def _as_dict(told: Mapping[str, str] | list[str] | None) -> dict[str, str]:
    """docker-py takes environment and labels as a dict or as a list of `key=value`."""
    if told is None:
        return {}
    if isinstance(told, Mapping):
        return dict(told)
    return dict(item.partition("=")[::2] for item in told)
