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

from .profiles import Profile


class BadSettings(ValueError):
    """hub.json is not what this version expects."""


@dataclass(frozen=True)
class Settings:
    """All that the hub is told by gpuhub.toml. None: no limit."""

    hub_name: str
    admins: frozenset[str]
    start_timeout_s: int
    image: str
    memory_bytes: int | None
    cpus: float | None
    shm_size_bytes: int | None
    profiles: tuple[Profile, ...]
    socket: str
    queue_enabled: bool
    queue_max: int
    auth_method: str
    tls: bool  # people come by TLS, whether our proxy ends it or one in front of it
    public_url: str

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Raises BadSettings or OSError."""
        return cls.parse(json.loads(path.read_text()))

    @classmethod
    def parse(cls, told: dict[str, Any]) -> Settings:
        try:
            hub, notebook = told["hub"], told["notebook"]
            settings = cls(
                hub_name=hub["name"],
                admins=frozenset(hub["admins"]),
                start_timeout_s=int(hub["start_timeout_s"]),
                image=notebook["image"],
                memory_bytes=notebook.get("memory_bytes"),
                cpus=notebook.get("cpus"),
                shm_size_bytes=notebook.get("shm_size_bytes"),
                profiles=tuple(Profile.parse(item) for item in told["profiles"]),
                socket=told["allocator"]["socket"],
                queue_enabled=bool(told["queue"]["enabled"]),
                queue_max=int(told["queue"]["max"]),
                auth_method=told["auth"]["method"],
                tls=told["tls"]["mode"] != "none",
                public_url=told.get("public_url", ""),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadSettings(f"hub.json: {type(error).__name__}: {error}") from error
        if settings.auth_method != "pam":
            raise BadSettings(f"hub.json: auth.method {settings.auth_method!r} is not known")
        return settings


def token_from(secret: bytes, purpose: str) -> str:
    """A token of the hub's own, the same after each restart: its database gathers no old ones."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).hexdigest()


def name_template(hub_name: str) -> str:
    """DockerSpawner's template for the names of containers: two hubs never share one.

    Neither an escaped user's name nor a hub's has a dot, so none can be taken for another's.
    """
    hub = "-" if hub_name == "hub" else f".{hub_name}."
    return f"{{prefix}}{hub}{{username}}--{{servername}}"


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
