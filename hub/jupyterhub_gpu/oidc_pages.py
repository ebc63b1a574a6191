"""The two addresses of the hub that people pass on their way to an OpenID provider and back."""

from __future__ import annotations

import re

from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler

from .entrance import Told


class LoginHandler(OAuthLoginHandler):
    """Sends people to the provider, whose address may not be known yet."""

    async def get(self) -> None:
        await self.authenticator.discover()
        super().get()


class CallbackHandler(OAuthCallbackHandler):
    """Where the provider sends people back to."""

    def check_error(self) -> None:
        """What stands in the address could be anybody's words: the log has them, not the page."""
        error = self.get_argument("error", "")
        if error:
            more = self.get_argument("error_description", "")
            self.log.warning("The log-in service sent somebody back: %.64r %.256r", error, more)
            code = error if re.fullmatch(r"[a-z_]{1,40}", error) else "error"
            raise Told(f"The log-in service did not let you in ({code}). Please try again.")
