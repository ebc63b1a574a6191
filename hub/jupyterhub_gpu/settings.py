"""hub.json, written by the allocator's binary from gpuhub.toml: parsed once, strictly.

It was checked when it was written; what is wrong here is a version that does not fit.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .profiles import Limits, Profile


class BadSettings(ValueError):
    """hub.json is not what this version expects."""


METHODS = ("pam", "sssd", "ldap", "freeipa", "ad", "oidc", "native")
OWN_PEOPLE = ("pam", "sssd", "native")  # let all their people in if nobody is named
KINDS = ("docker", "systemuser")


@dataclass(frozen=True)
class Notebook:
    """The containers of all. None: no limit, or not set."""

    image: str
    images: tuple[str, ...]
    limits: Limits
    reach: tuple[str, ...]
    http_proxy: str | None
    https_proxy: str | None
    no_proxy: str | None
    has_ca: bool

    @classmethod
    def parse(cls, told: dict[str, Any]) -> Notebook:
        return cls(
            image=told["image"],
            images=tuple(told["images"]),
            limits=Limits.parse(told),
            reach=tuple(told["reach"]),
            http_proxy=told["http_proxy"],
            https_proxy=told["https_proxy"],
            no_proxy=told["no_proxy"],
            has_ca=bool(told["has_ca"]),
        )


@dataclass(frozen=True)
class Auth:
    """Who may log in. `directory` and `oidc` are as in hub.json, for the methods they belong to."""

    method: str
    allow_all: bool
    allowed_users: frozenset[str]
    allowed_groups: frozenset[str]
    admin_groups: frozenset[str]
    sign_up: bool
    failures_per_name: int
    failures_per_address: int
    failures_window_s: int
    directory: dict[str, Any] | None
    oidc: dict[str, Any] | None

    @classmethod
    def parse(cls, told: dict[str, Any]) -> Auth:
        method, attempts = told["method"], told["attempts"]
        if method not in METHODS:
            raise ValueError(f"auth.method {method!r} is not known")
        named = told["allowed_users"] or told["allowed_groups"]
        return cls(
            method=method,
            allow_all=bool(told["allow_all"]) or (method in OWN_PEOPLE and not named),
            allowed_users=frozenset(told["allowed_users"]),
            allowed_groups=frozenset(told["allowed_groups"]),
            admin_groups=frozenset(told["admin_groups"]),
            sign_up=bool(told["sign_up"]),
            failures_per_name=int(attempts["per_name"]),
            failures_per_address=int(attempts["per_address"]),
            failures_window_s=int(attempts["window_s"]),
            directory=told["directory"],
            oidc=told["oidc"],
        )


@dataclass(frozen=True)
class Spawner:
    """Whose container it is, and what of the host lies in it."""

    kind: str
    homes: str
    missing_home: str
    mounts: tuple[dict[str, Any], ...]
    accounts: dict[str, tuple[int, int]]  # name -> uid, gid

    @classmethod
    def parse(cls, told: dict[str, Any]) -> Spawner:
        if told["kind"] not in KINDS:
            raise ValueError(f"spawner.kind {told['kind']!r} is not known")
        return cls(
            kind=told["kind"],
            homes=told["homes"],
            missing_home=told["missing_home"],
            mounts=tuple(told["mounts"]),
            accounts={each["user"]: (each["uid"], each["gid"]) for each in told["accounts"]},
        )


@dataclass(frozen=True)
class Idle:
    """When servers end by themselves. None: such servers never end for idleness."""

    enabled: bool
    gpu_limit_s: int | None
    limit_s: int | None
    unknown_limit_s: int
    keep_s: int
    keep_max_s: int
    look_every_s: int
    exempt_users: frozenset[str]
    exempt_groups: frozenset[str]

    @classmethod
    def parse(cls, told: dict[str, Any]) -> Idle:
        return cls(
            enabled=bool(told["enabled"]),
            gpu_limit_s=told["gpu_limit_s"],
            limit_s=told["limit_s"],
            unknown_limit_s=int(told["unknown_limit_s"]),
            keep_s=int(told["keep_s"]),
            keep_max_s=int(told["keep_max_s"]),
            look_every_s=int(told["look_every_s"]),
            exempt_users=frozenset(told["exempt_users"]),
            exempt_groups=frozenset(told["exempt_groups"]),
        )


NOT_TOLD: dict[str, Any] = {
    "enabled": False,
    "gpu_limit_s": None,
    "limit_s": None,
    "unknown_limit_s": 86400,
    "keep_s": 3600,
    "keep_max_s": 86400,
    "look_every_s": 30,
    "exempt_users": [],
    "exempt_groups": [],
}


@dataclass(frozen=True)
class Settings:
    """All that the hub is told by gpuhub.toml."""

    hub_name: str
    admins: frozenset[str]
    start_timeout_s: int
    named_servers: int
    notebook: Notebook
    profiles: tuple[Profile, ...]
    socket: str
    queue_enabled: bool
    queue_max: int
    auth: Auth
    spawner: Spawner
    tls: bool  # people come by TLS, whether our proxy ends it or one in front of it
    proxies: tuple[str, ...]  # in front of ours, whose word counts where people come from
    public_url: str
    idle: Idle
    show_holders: str

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Raises BadSettings or OSError."""
        return cls.parse(json.loads(path.read_text()))

    @classmethod
    def parse(cls, told: dict[str, Any]) -> Settings:
        try:
            hub = told["hub"]
            return cls(
                hub_name=hub["name"],
                admins=frozenset(hub["admins"]),
                start_timeout_s=int(hub["start_timeout_s"]),
                named_servers=int(hub["named_servers"]),
                notebook=Notebook.parse(told["notebook"]),
                profiles=tuple(Profile.parse(item) for item in told["profiles"]),
                socket=told["allocator"]["socket"],
                queue_enabled=bool(told["queue"]["enabled"]),
                queue_max=int(told["queue"]["max"]),
                auth=Auth.parse(told["auth"]),
                spawner=Spawner.parse(told["spawner"]),
                tls=told["tls"]["mode"] != "none",
                proxies=tuple(told["tls"]["proxies"]),
                public_url=told["public_url"],
                idle=Idle.parse(told.get("idle", NOT_TOLD)),
                show_holders=told.get("show_holders", "all"),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadSettings(f"hub.json: {type(error).__name__}: {error}") from error


def token_from(secret: bytes, purpose: str) -> str:
    """A token of the hub's own, the same after each restart: its database gathers no old ones."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).hexdigest()


def name_template(hub_name: str) -> str:
    """DockerSpawner's template for the names of containers: two hubs never share one.

    Neither an escaped user's name nor a hub's has a dot, so none can be taken for another's.
    """
    hub = "-" if hub_name == "hub" else f".{hub_name}."
    return f"{{prefix}}{hub}{{username}}--{{servername}}"


def read_text(folder: Path, name: str) -> str:
    """A secret that an admin gave, without the line break that editors add. Raises BadSettings."""
    path = folder / name
    try:
        text = path.read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path}: not a readable file of text") from error
    if not text:
        raise BadSettings(f"{path}: empty")
    return text


def read_secret(folder: Path, name: str) -> bytes:
    """One secret, kept as hexadecimal text. Raises BadSettings with the file's name only."""
    path = folder / name
    try:
        secret = bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path}: not a readable file of hexadecimal text") from error
    if len(secret) < 32:
        raise BadSettings(f"{path}: shorter than 32 bytes")
    return secret
