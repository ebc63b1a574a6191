"""The pages of the hub's own accounts: ask for one, authorise, change a password.

NativeAuthenticator's pages, except that what changes something is a POST (a link that an admin is
lured to must not authorise anybody) and that no password is hashed in the event loop.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.scopes import needs_scope
from nativeauthenticator.handlers import (
    AuthorizationAreaHandler,
    ChangePasswordAdminHandler,
    ChangePasswordHandler,
    LocalBase,
    SignUpHandler,
)
from tornado import web

from .native_accounts import Refused

GOOD, BAD = "alert-success", "alert-danger"
NOT_THE_SAME = "The two passwords are not the same."


class AskForAccount(SignUpHandler):
    """Anybody, if the admin allows it."""

    async def post(self) -> None:
        name = self.get_body_argument("username", strip=True).lower()
        password = self.get_body_argument("signup_password", strip=False)
        again = self.get_body_argument("signup_password_confirmation", strip=False)
        try:
            if password != again:
                raise Refused(NOT_THE_SAME)
            await self.authenticator.ask_for_account(name, password)
            alert, message = GOOD, "An admin has been asked to authorise your account."
        except Refused as refused:
            alert, message = BAD, str(refused)
        html = await self.render_template("signup.html", alert=alert, result_message=message)
        self.finish(html)


class Authorize(LocalBase):
    """An admin says yes or no."""

    @needs_scope("admin:users")
    async def post(self, user_name: str) -> None:
        info = self.authenticator.get_user(user_name)
        if info is None:
            raise web.HTTPError(404, f"There is no account {user_name}.")
        what = self.get_body_argument("what")
        by = self.current_user.name
        if what == "discard":
            if info.is_authorized:
                raise web.HTTPError(409, "An authorised account is not discarded. Withdraw first.")
            self.db.delete(info)
        elif what in ("authorize", "withdraw"):
            info.is_authorized = what == "authorize"
        else:
            raise web.HTTPError(400, "what is authorize, withdraw or discard")
        self.db.commit()
        self.log.warning("%s: %s the account of %s", by, what, user_name)
        self.redirect(f"{self.hub.base_url}authorize")


class ChangePassword(ChangePasswordHandler):
    """One's own. The old one is asked for within the limits of failed log-ins."""

    @web.authenticated
    async def post(self) -> None:
        name = self.current_user.name
        old = self.get_body_argument("old_password", strip=False)
        new = self.get_body_argument("new_password", strip=False)
        again = self.get_body_argument("new_password_confirmation", strip=False)
        data = {"username": name, "password": old}
        try:
            if new != again:
                raise Refused(NOT_THE_SAME)
            self.authenticator.check_new_password(new)
            if not await self.authenticator.get_authenticated_user(self, data):
                raise Refused("The old password is not right.")
            await self.authenticator.set_password(name, new)
            alert, message = GOOD, "Your password has been changed."
        except Refused as refused:
            alert, message = BAD, str(refused)
        await self._show(name, alert, message)

    async def _show(self, name: str, alert: str, message: str) -> None:
        html = await self.render_template(
            "change-password.html", user_name=name, alert=alert, result_message=message
        )
        self.finish(html)


class ChangePasswordByAdmin(ChangePasswordAdminHandler):
    """Somebody's, by an admin."""

    @needs_scope("admin:users")
    async def post(self, user_name: str) -> None:
        new = self.get_body_argument("new_password", strip=False)
        again = self.get_body_argument("new_password_confirmation", strip=False)
        try:
            if new != again:
                raise Refused(NOT_THE_SAME)
            await self.authenticator.set_password(user_name, new)
            alert, message = GOOD, f"The password of {user_name} has been changed."
        except Refused as refused:
            alert, message = BAD, str(refused)
        html = await self.render_template(
            "change-password-admin.html", user_name=user_name, alert=alert, result_message=message
        )
        self.finish(html)


def handlers(sign_up: bool) -> list[tuple[str, Any]]:
    """By path below /hub."""
    found: list[tuple[str, Any]] = [
        (r"/authorize", AuthorizationAreaHandler),
        (r"/authorize/([^/]+)", Authorize),
        (r"/change-password", ChangePassword),
        (r"/change-password/([^/]+)", ChangePasswordByAdmin),
    ]
    return [(r"/signup", AskForAccount), *found] if sign_up else found
