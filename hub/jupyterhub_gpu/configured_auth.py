"""[auth] of gpuhub.toml, said to the authenticator of its method: from `Settings` to traits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .settings import Settings

AUTHENTICATORS = {
    "pam": "jupyterhub_gpu.auth_host.HostAuthenticator",
    "sssd": "jupyterhub_gpu.auth_host.HostAuthenticator",
    "ldap": "jupyterhub_gpu.auth_directory.DirectoryAuthenticator",
    "freeipa": "jupyterhub_gpu.auth_directory.DirectoryAuthenticator",
    "ad": "jupyterhub_gpu.auth_directory.DirectoryAuthenticator",
    "oidc": "jupyterhub_gpu.auth_oidc.OidcAuthenticator",
    "native": "jupyterhub_gpu.auth_native.OwnAccounts",
}


def configure_auth(c: Any, settings: Settings, secrets: Path, config: Path) -> None:
    """Who may log in, and how. Secrets and certificate authorities are files in the two folders."""
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
    _configure_method(c, settings, secrets, config)


def _configure_method(c: Any, settings: Settings, secrets: Path, config: Path) -> None:
    """The packages of a method are loaded only where it is used."""
    from . import NATIVE_TEMPLATES, configured_methods  # noqa: PLC0415

    auth = settings.auth
    match auth.method:
        case "ldap" | "freeipa" | "ad":
            configured_methods.configure_directory(c, auth, secrets, config)
        case "oidc":
            configured_methods.configure_oidc(c, auth, settings.public_url, secrets, config)
        case "native":
            configured_methods.configure_native(c, auth, [str(NATIVE_TEMPLATES)])
