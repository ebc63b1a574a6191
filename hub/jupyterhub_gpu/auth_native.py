"""Log-in by accounts of the hub's own, made by an admin, or asked for and authorised by one.

NativeAuthenticator with what it does wrong put right: passwords are compared outside the event
loop, nobody is authorised by the name he chose, and what changes something is a POST.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nativeauthenticator import NativeAuthenticator
from traitlets import Bool, default

from . import native_accounts as accounts
from .entrance import Entrance, Told, Unavailable
from .still_allowed import still_allowed
from .threads import Busy, Threads

LIMIT_S = 9.0
AT_ONCE, WAITING = 2, 60  # comparing keeps a core busy


class OwnAccounts(Entrance, NativeAuthenticator):
    """Names and passwords in the hub's database. See docs/auth-native.md."""

    sign_up = Bool(
        False,
        config=True,
        help="""Whether people may ask for an account, which an admin then authorises. Off: only
        `./gpuhub passwd NAME` makes accounts. Default: False. Since 0.1.""",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._threads = Threads(AT_ONCE, "bcrypt", WAITING)

    @default("db")
    def _default_db(self) -> Any:
        return self._deprecated_db_session  # without the warning at each start

    @default("allow_all")
    def _default_allow_all(self) -> bool:
        return not (self.allowed_users or self.allowed_groups)

    @default("manage_groups")
    def _default_manage_groups(self) -> bool:
        return False  # no directory has them: admins manage them on the hub's own pages

    @default("minimum_password_length")
    def _default_minimum_password_length(self) -> int:
        return accounts.SHORTEST

    @default("check_common_password")
    def _default_check_common_password(self) -> bool:
        return True

    @default("enable_signup")
    def _default_enable_signup(self) -> bool:
        return self.sign_up

    def add_new_table(self) -> None:
        accounts.ensure_table(self.db)

    def get_user(self, username: str) -> Any:
        return accounts.find(self.db, self.normalize_username(username))

    def validate_username(self, username: str) -> bool:
        return bool(accounts.NAME.fullmatch(username)) and super().validate_username(username)

    def get_handlers(self, app: Any) -> list[Any]:
        """JupyterHub's own log-in page, and pages of ours in place of NativeAuthenticator's."""
        from .native_pages import handlers  # noqa: PLC0415  # needs the hub's own, by then loaded

        theirs = NativeAuthenticator.get_handlers(self, app)
        kept = [pair for pair in super().get_handlers(app) if pair not in theirs]
        return [*handlers(self.sign_up), *kept]

    async def in_thread[T](self, call: Callable[[], T]) -> T:
        """For bcrypt. Raises Unavailable."""
        try:
            return await self._threads.run(call, LIMIT_S)
        except (Busy, TimeoutError) as error:
            self.log.error("More log-ins at once than passwords can be compared")
            raise Unavailable("Too many people log in at once. Please try again.") from error

    async def authenticate(self, handler: Any, data: Mapping[str, str]) -> dict[str, Any] | None:
        """Raises Told if the password is right and no admin has authorised the account yet."""
        name = self.normalize_username(data.get("username", "").strip())
        password = data.get("password", "")
        if not accounts.could_be(password) or not self.validate_username(name):
            self.log.warning("Log-in refused: no name, or no password, that could be")
            return None
        info = self.get_user(name)
        stored = bytes(info.password) if info is not None else None
        if not await self.in_thread(lambda: accounts.is_right(password, stored)):
            what = "wrong password" if info is not None else "no account"
            self.log.warning("Log-in of %s refused: %s", name, what)
            return None
        info = self.get_user(name)  # it may have changed meanwhile
        if info is None or (info.has_2fa and not info.is_valid_token(_token(data))):
            self.log.warning("Log-in of %s refused: wrong one-time password", name)
            return None
        if not info.is_authorized:
            self.log.warning("Log-in of %s refused: not authorised yet", name)
            raise Told("No admin has authorised your account yet.")
        return self._model(name)

    def _model(self, name: str) -> dict[str, Any]:
        return {"name": name, "groups": self._groups(name), "auth_state": {"account": None}}

    def _groups(self, name: str) -> list[str]:
        """Those that admins have put him in on the hub's pages."""
        from jupyterhub import orm  # noqa: PLC0415

        user = orm.User.find(self.db, name)
        return sorted(group.name for group in user.groups) if user is not None else []

    async def refresh_user(self, user: Any, handler: Any = None) -> dict[str, Any] | bool:
        """False if the account is gone or no longer authorised."""
        info = self.get_user(user.name)
        if info is None or not info.is_authorized:
            self.log.warning("%s has no authorised account any more", user.name)
            return False
        return await still_allowed(self, user.name, self._model(user.name), handler)

    # --- what the pages do ------------------------------------------------------------------------

    def check_new_password(self, password: str) -> None:
        """Raises native_accounts.Refused."""
        accounts.check_password(password, self.minimum_password_length)
        if self.check_common_password and self.is_password_common(password):
            raise accounts.Refused("This password is one that everybody tries first.")

    async def set_password(self, name: str, password: str) -> None:
        """Of an account that is there. Raises native_accounts.Refused."""
        self.check_new_password(password)
        fresh = await self.in_thread(lambda: accounts.hashed(password))
        info = self.get_user(name)
        if info is None:
            raise accounts.Refused("There is no such account any more.")
        info.password = fresh
        self.db.commit()

    async def ask_for_account(self, name: str, password: str) -> None:
        """By anybody. Raises native_accounts.Refused."""
        taken = self.admin_users | self.allowed_users
        accounts.may_ask(self.db, name, taken)
        self.check_new_password(password)
        fresh = await self.in_thread(lambda: accounts.hashed(password))
        accounts.may_ask(self.db, name, taken)  # again: somebody may have been faster
        accounts.ask_for(self.db, name, fresh)
        self.log.warning("%s asks for an account: authorise it on /hub/authorize", name)


def _token(data: Mapping[str, str]) -> str:
    return data.get("otp") or data.get("2fa") or ""
