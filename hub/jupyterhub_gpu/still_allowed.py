"""Whether somebody who is logged in would still be let in, when a method looks at him again."""

from __future__ import annotations

from typing import Any

from jupyterhub.utils import maybe_future

from .entrance import Entrance


async def still_allowed(
    door: Entrance, name: str, model: dict[str, Any], handler: Any
) -> dict[str, Any] | bool:
    """For `refresh_user`: `model` with `admin`, both ways; False if he may no longer enter.

    JupyterHub itself asks neither question again.
    """
    allowed = await maybe_future(door.check_allowed(name, model))
    if not allowed or not await maybe_future(door.check_blocked_users(name, model)):
        door.log.warning("%s is no longer allowed", name)
        return False
    return {**model, "admin": await maybe_future(door.is_admin(handler, model))}
