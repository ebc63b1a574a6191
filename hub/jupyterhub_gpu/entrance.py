"""What every way of logging in has in common: who may enter, who administers, how often to try.

A mixin over any authenticator. The method itself only finds out who somebody is, and which groups
and which account of a system he has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from tornado import web
from traitlets import Bool, Float, Integer, Set, Unicode, default, validate

from .attempts import Attempts
from .deletion import StopServersFirst
from .renaming import CarefulRename

NAME_KEY_MAX = 128

# JupyterHub 6.1 reads this where a browser's user cannot be refreshed, but only tokens set it: who
# was locked would see an error of the hub's own instead of the log-in page.
if not hasattr(BaseHandler, "_token_authenticated"):
    BaseHandler._token_authenticated = False


class InWords(web.HTTPError):
    """An error whose text is for the person in front of the log-in page."""

    status = 500

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(status or self.status, words)
        self.jupyterhub_message = words


class Unavailable(InWords):
    """Nobody can be let in now, because what knows the passwords does not answer."""

    status = 503


class Told(InWords):
    """Refused, and the person is told why: locked, expired, the password must be changed."""

    status = 403


class TooMany(InWords):
    """Too many failed attempts."""

    status = 429


class Entrance(StopServersFirst, CarefulRename, Authenticator):
    """Mixin for any authenticator.

    Its `authenticate` returns None (refused) or a dict with `name`, `groups` (all of them, direct
    and nested) and `auth_state` with `account` (see `Account`) or None.
    """

    allow_all: bool
    allowed_groups = Set(
        Unicode(),
        help="""Groups whose members may log in, beside `allowed_users`. With one of the two set,
        `allow_all` counts for nothing. Default: none.
        Example: `c.Entrance.allowed_groups = {"gpu-users"}`. Since 0.1.""",
    ).tag(config=True, allow_config=True)
    admin_groups = Set(
        Unicode(),
        config=True,
        help="""Groups whose members administer the hub, beside `admin_users`. Who is in none of
        them any more is no admin from the next log-in. Default: none. Since 0.1.""",
    )
    failures_per_name = Integer(
        10,
        min=0,
        config=True,
        help="Log-ins that may fail for one name within `failures_window`; more are refused, "
        "whatever the password (429). 0: no limit. Default: 10. Since 0.1.",
    )
    failures_per_address = Integer(
        100,
        min=0,
        config=True,
        help="The same for one address that log-ins come from. Default: 100. Since 0.1.",
    )
    failures_window = Float(
        900.0,
        min=1,
        config=True,
        help="Seconds for which a failed log-in counts. Default: 900. Since 0.1.",
    )
    auth_refresh_strict = Bool(
        True,
        config=True,
        help="As JupyterHub's, but on: a token of somebody who may not enter any more starts no "
        "server either. Default: True. Since 0.1.",
    )
    allow_existing_users = Bool(
        False,
        config=True,
        help="As JupyterHub's, but off: who was taken out of a group must not stay because he "
        "once was a user. Default: False. Since 0.1.",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.restricted = bool(self.allowed_users or self.allowed_groups)
        if self.restricted and self.allow_all:
            self.log.warning("allow_all counts for nothing beside allowed_users or allowed_groups")
            self.allow_all = False
        self._by_name = Attempts(self.failures_per_name, self.failures_window)
        self._by_address = Attempts(self.failures_per_address, self.failures_window)

    @default("manage_groups")
    def _default_manage_groups(self) -> bool:
        return True

    @default("enable_auth_state")
    def _default_enable_auth_state(self) -> bool:
        return True

    @validate("allow_all")
    def _validate_allow_all(self, proposal: Any) -> bool:
        return bool(proposal["value"]) and not getattr(self, "restricted", False)

    # --- who may enter, who administers ---------------------------------------------------------

    def check_allowed(self, username: str, authentication: Any = None) -> bool:
        """Named, or in an allowed group; everybody only where nobody is named."""
        if not self.restricted:
            return self.allow_all or username in self.allowed_users
        groups = set((authentication or {}).get("groups") or ())
        return username in self.allowed_users or bool(groups & self.allowed_groups)

    def is_admin(self, handler: Any, authentication: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Both ways: who is no longer named nor in a group of admins is no longer an admin."""
        groups = set(authentication.get("groups") or ())
        return authentication["name"] in self.admin_users or bool(groups & self.admin_groups)

    # --- how often ------------------------------------------------------------------------------

    async def get_authenticated_user(self, handler: Any, data: Any) -> Any:
        """As JupyterHub's, within the limits of failed attempts. Raises TooMany, Told, Unavailable.

        A log-in without a password of ours (OIDC) is not limited.
        """
        if not isinstance(data, Mapping) or "password" not in data:
            return await super().get_authenticated_user(handler, data)
        keys = self._keys(handler, data)
        self._refuse_too_many(keys)
        begun = [(attempts, key, attempts.begin(key)) for attempts, key in keys]
        try:
            told = await super().get_authenticated_user(handler, data)
        except Told:
            raise
        except BaseException:
            for attempts, key, at in begun:
                attempts.undo(key, at)
            raise
        if told:
            for attempts, key, at in begun:
                attempts.undo(key, at)
            self._by_name.forget(keys[0][1])
        return told

    def _keys(self, handler: Any, data: Mapping[str, Any]) -> list[tuple[Attempts, str]]:
        name = str(data.get("username", "")).strip().lower()[:NAME_KEY_MAX]
        request = getattr(handler, "request", None)
        address = str(getattr(request, "remote_ip", "") or "")
        keys = [(self._by_name, name)]
        return [*keys, (self._by_address, address)] if address else keys

    def _refuse_too_many(self, keys: list[tuple[Attempts, str]]) -> None:
        for attempts, key in keys:
            wait_s = attempts.wait_s(key)
            if wait_s > 0:
                what = "name" if attempts is self._by_name else "address"
                self.log.warning("Log-in refused: too many failed attempts for %s %r", what, key)
                minutes = max(1, math.ceil(wait_s / 60))
                again = "in a minute" if minutes == 1 else f"in {minutes} minutes"
                raise TooMany(f"Too many failed attempts to log in. Please try again {again}.")
