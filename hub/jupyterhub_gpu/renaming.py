"""A user can be renamed only while none of his servers starts, waits, runs or stops.

Leases, containers, routes and tokens carry the name. JupyterHub renames all the same, and then
keeps working objects made under the old name until it restarts.
"""

from __future__ import annotations

import json
from typing import Any

from jupyterhub.apihandlers.users import UserAPIHandler
from jupyterhub.auth import Authenticator
from jupyterhub.scopes import needs_scope
from tornado import web


class CarefulUserHandler(UserAPIHandler):
    """JupyterHub's `/api/users/NAME`, with a careful rename."""

    @needs_scope("admin:users")
    async def patch(self, user_name: str) -> None:
        """As JupyterHub's; 409 for a new name while a server of the user is active."""
        body = self.get_json_body()
        if isinstance(body, dict) and body.get("name") == user_name:
            # JupyterHub 6.1 would blank a name that is told but not changed
            del body["name"]
            self.request.body = json.dumps(body).encode()
        renames = isinstance(body, dict) and "name" in body
        user = self.find_user(user_name) if renames else None
        if user is not None and any(spawner.active for spawner in user.spawners.values()):
            raise web.HTTPError(
                409,
                f"{user_name} cannot be renamed while a server of this user starts, waits in "
                "line, runs or stops. Stop the user's servers first.",
            )
        await super().patch(user_name)
        if user is not None:
            # not `del`: that would take the user out of the database's session too
            dict.pop(self.users, user.id, None)


class CarefulRename(Authenticator):
    """Mixin for any authenticator."""

    def get_handlers(self, app: Any) -> list[Any]:
        """Before JupyterHub's own, which they replace."""
        return [*super().get_handlers(app), (r"/api/users/([^/]+)", CarefulUserHandler)]
