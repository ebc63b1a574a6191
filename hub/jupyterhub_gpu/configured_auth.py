"""[auth] of gpuhub.toml, said to the authenticator of its method: from `Settings` to traits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .settings import Settings

AUTHENTICATORS = {
    "pam": "jupyterhub_gpu.HostAuthenticator",
    "sssd": "jupyterhub_gpu.HostAuthenticator",
}


def configure_auth(c: Any, settings: Settings, secrets: Path) -> None:  # noqa: ARG001
    """Who may log in, and how."""
    auth = settings.auth
    c.JupyterHub.authenticator_class = AUTHENTICATORS[auth.method]
    c.Authenticator.admin_users = set(settings.admins)
    c.Authenticator.allow_all = auth.allow_all
    c.Authenticator.allowed_users = set(auth.allowed_users)
    c.Entrance.allowed_groups = set(auth.allowed_groups)
    c.Entrance.admin_groups = set(auth.admin_groups)
    c.Entrance.failures_per_name = auth.failures_per_name
    c.Entrance.failures_per_address = auth.failures_per_address
    c.Entrance.failures_window = auth.failures_window_s
    c.Authenticator.refresh_pre_spawn = True  # a server starts with what is true now
