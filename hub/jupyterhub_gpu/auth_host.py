"""Log-in with the accounts of this host, or of the domain that it is enrolled in (pam, sssd).

Which of the two, and who counts as a person, is the log-in helper's business: the hub sees neither
passwords' hashes nor the host's files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyterhub.auth import Authenticator
from traitlets import Float, Unicode, default

from .entrance import Entrance, Told, Unavailable
from .login_helper import NAME, Account, Answer, LoginHelper, NoAnswer
from .still_allowed import still_allowed

WORDS = {
    "expired": "Your account has expired. Please ask whoever looks after accounts here.",
    "must-change": "Your password must be changed before you can log in here. Please log in to the "
    "machine itself once (by ssh or at its console) and change it.",
    "locked": "Your account is locked, or not allowed on this machine. Please ask whoever looks "
    "after accounts here.",
}


class HostAuthenticator(Entrance, Authenticator):
    """Accounts that the log-in helper knows: the host's people, never root or a system's account.

    The hub's name of a person is the helper's. An account that is gone, closed or expired has to
    log in again within `auth_refresh_age`.
    """

    helper_socket = Unicode(
        "/run/gpuhub/login/login.sock",
        config=True,
        help="Where the log-in helper listens. Default: `/run/gpuhub/login/login.sock`. Since 0.1.",
    )
    helper_timeout = Float(
        9.0,
        config=True,
        help="""Seconds that the helper may take for one log-in; then nobody is let in (503). It
        gives up by itself after 8. Default: 9.
        Example: `c.HostAuthenticator.helper_timeout = 5`. Since 0.1.""",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.helper = LoginHelper(self.helper_socket, self.helper_timeout)

    @default("allow_all")
    def _default_allow_all(self) -> bool:
        return not (self.allowed_users or self.allowed_groups)  # the helper knows who is a person

    def normalize_username(self, username: str) -> str:
        """The helper's own name: lower-casing here would make `Ana` into another person's `ana`."""
        return username

    def validate_username(self, username: str) -> bool:
        return bool(NAME.fullmatch(username)) and super().validate_username(username)

    async def authenticate(self, handler: Any, data: Mapping[str, str]) -> dict[str, Any] | None:
        """Who it is, if the password is right. Raises Told, Unavailable."""
        typed = data.get("username", "")
        try:
            answer = await self.helper.check(typed, data.get("password", ""))
        except NoAnswer as error:
            self.log.error("Log-in helper: %s", error)
            raise Unavailable(
                "Passwords cannot be checked right now. Please try again in a minute; if it stays "
                "so, tell an admin."
            ) from error
        if answer.account:
            return _model(answer.account)
        self.log.warning("Log-in of %r refused: %s: %s", typed, answer.outcome, answer.detail)
        if answer.outcome in WORDS:
            raise Told(WORDS[answer.outcome])
        return None

    async def refresh_user(self, user: Any, handler: Any = None) -> dict[str, Any] | bool:
        """False (log in again) if the account is gone or closed, or may not enter any more.

        While the helper does not answer, everybody stays.
        """
        try:
            answer = await self.helper.look(user.name)
        except NoAnswer as error:
            self.log.error("Log-in helper, about %s: %s", user.name, error)
            return True
        account = answer.account
        if account is None or account.name != user.name:
            self.log.warning("Account of %s: %s", user.name, _why(answer))
            return False
        return await still_allowed(self, user.name, _model(account), handler)


def _model(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "groups": account.group_names,
        "auth_state": {"account": account.state()},
    }


def _why(answer: Answer) -> str:
    if answer.account:
        return f"it is called {answer.account.name} now"
    return f"{answer.outcome}: {answer.detail}"
