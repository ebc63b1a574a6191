"""What the hub must be told of the status service: that it is there, and who may enter.

Said after an admin's own settings, and added to them: neither loses the other.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.roles import get_default_roles
from traitlets.config import LazyConfigValue

from . import PORT, SCOPE, SERVICE

# Of the hub's start: it does not wait for the service, which comes up by itself.
WAIT_S = 1


def add_to_hub(c: Any, token: str) -> None:
    """Add the service, and its scope to the roles `user` and `server`."""
    c.JupyterHub.services.append(service(token))
    c.JupyterHub.load_roles = roles_with(_plain(c.JupyterHub.load_roles, []))
    # the role `user`, where no admin has written its scopes himself; he may have named more here
    c.JupyterHub.extra_user_scopes = {*_plain(c.JupyterHub.extra_user_scopes, set()), SCOPE}


def service(token: str) -> dict[str, Any]:
    return {
        "name": SERVICE,
        "url": f"http://status:{PORT}",
        "api_token": token,
        "oauth_no_confirm": True,
        "timeout": WAIT_S,
    }


def roles_with(roles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The roles to load, `server` among them: a server's own token may ask for its owner.

    A token never has more than its owner, so people must have the scope, too: where an admin has
    written the scopes of `user`, JupyterHub passes over `extra_user_scopes`.
    """
    told = [_with_scope(role) if role["name"] in ("user", "server") else role for role in roles]
    if not any(role["name"] == "server" for role in told):
        told.append(_with_scope({"name": "server"}))
    return told


def _with_scope(role: dict[str, Any]) -> dict[str, Any]:
    scopes = role.get("scopes")
    if scopes is None:
        defaults = {each["name"]: each["scopes"] for each in get_default_roles()}
        scopes = defaults[role["name"]]
    return {**role, "scopes": list(dict.fromkeys([*scopes, SCOPE]))}


def _plain[T](value: LazyConfigValue | T, empty: T) -> T:
    """What has been set or added so far; traitlets keeps additions apart until they are read."""
    return value.get_value(empty) if isinstance(value, LazyConfigValue) else value
