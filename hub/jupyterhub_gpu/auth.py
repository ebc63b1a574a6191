"""Log-in by the host's accounts: PAM, and only people's accounts of the host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pamela
from jupyterhub.auth import PAMAuthenticator
from tornado import web
from traitlets import Float, Unicode, default

from .deletion import StopServersFirst
from .host_accounts import NAME, HostAccounts
from .renaming import CarefulRename

LONGEST_PASSWORD = 1024
REFUSAL_DELAY_S = 2.0  # as long as pam_unix takes: how fast a refusal comes tells nothing


class HostPAMAuthenticator(StopServersFirst, CarefulRename, PAMAuthenticator):
    """PAM, for accounts of the host that belong to people; never root or a system's account.

    The container's PAM service reads the host's passwd and shadow (see images/hub). An account
    that is gone from the host, or expired, has to log in again within `auth_refresh_age`.
    """

    host_etc = Unicode(
        "/host/etc",
        config=True,
        help="Where the host's /etc is mounted. Default: `/host/etc`. Since 0.1.",
    )
    pam_timeout = Float(
        20.0,
        config=True,
        help="""Seconds that PAM may take for one log-in; then it is refused with 503.
        Default: 20. Example: `c.HostPAMAuthenticator.pam_timeout = 60`. Since 0.1.""",
    )

    @default("service")
    def _default_service(self) -> str:
        return "gpuhub"

    @default("allow_all")
    def _default_allow_all(self) -> bool:
        return True  # every account that `HostAccounts` lets through; PAM decides about the rest

    @default("manage_groups")
    def _default_manage_groups(self) -> bool:
        return True  # the host's groups: who shares one may see who holds a GPU, if so configured

    @property
    def accounts(self) -> HostAccounts:
        return HostAccounts(Path(self.host_etc))

    def normalize_username(self, username: str) -> str:
        """The host's own name: lower-casing here would make `Ana` into another person's `ana`."""
        return self.username_map.get(username, username)

    def validate_username(self, username: str) -> bool:
        return bool(NAME.fullmatch(username)) and super().validate_username(username)

    def system_user_exists(self, user: Any) -> bool:
        return self._find(user.name) is not None

    def _find(self, typed: str) -> str | None:
        account = self._read(lambda: self.accounts.find(typed))
        return account.name if account else None

    def _read[T](self, read: Callable[[], T]) -> T:
        try:
            return read()
        except OSError as error:
            self.log.error("Cannot read the host's accounts: %s", error)
            raise web.HTTPError(503, "The host's accounts cannot be read right now.") from error

    def _model(self, name: str) -> dict[str, Any]:
        """What JupyterHub is to know of who got in: also what has changed since the last time."""
        account = self._read(lambda: self.accounts.find(name))
        groups = self._read(lambda: self.accounts.groups(account)) if account else []
        return {"name": name, "admin": self._is_admin_name(name), "groups": groups}

    async def authenticate(self, handler: Any, data: Mapping[str, str]) -> dict[str, Any] | None:
        """The host's name of who logs in, and whether he administers the hub; None: refused."""
        name = self._find(data.get("username", ""))
        password = data.get("password", "")
        if name is None or "\0" in password or len(password) > LONGEST_PASSWORD:
            self.log.warning("Log-in refused: not an account of a person on this host")
            await asyncio.sleep(REFUSAL_DELAY_S)
            return None
        asking = super().authenticate(handler, {**data, "username": name})
        if await self._within_limit(asking) is None:
            return None
        return self._model(name)

    async def _within_limit(self, asking: Any) -> Any:
        try:
            return await asyncio.wait_for(asking, self.pam_timeout)
        except TimeoutError as error:
            self.log.error("PAM did not answer within %s s", self.pam_timeout)
            raise web.HTTPError(503, "Checking the password took too long. Try again.") from error

    async def is_admin(self, handler: Any, authentication: Mapping[str, Any]) -> bool:
        """Both ways: who is no longer named in the config is no longer an admin."""
        return self._is_admin_name(authentication["name"])

    def _is_admin_name(self, name: str) -> bool:
        return name in self.admin_users

    async def refresh_user(self, user: Any, handler: Any = None) -> dict[str, Any] | bool:
        """False (log in again) if the account is gone, closed or expired."""
        if self._find(user.name) != user.name:
            return False
        check = partial(
            pamela.check_account, user.name, service=self.service, encoding=self.encoding
        )
        loop = asyncio.get_running_loop()
        try:
            await self._within_limit(loop.run_in_executor(self.executor, check))
        except pamela.PAMError as error:
            self.log.warning("Account of %s: %s", user.name, error)
            return False
        return self._model(user.name)
