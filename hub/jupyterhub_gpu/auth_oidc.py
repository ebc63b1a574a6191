"""Log-in by an OpenID provider: Keycloak, dex, Entra ID, …

GenericOAuthenticator, told by `issuer` alone: the addresses come from the provider. Certificates
are always verified, each request has a time limit, and a provider that is away is a page in words.
"""

from __future__ import annotations

import asyncio
import re
from contextvars import ContextVar
from functools import reduce
from typing import Any
from urllib.parse import urlsplit

import jwt
from oauthenticator.generic import GenericOAuthenticator
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from traitlets import Float, List, Unicode, default

from .away_words import unavailable
from .entrance import Entrance, Told, Unavailable
from .oidc_pages import CallbackHandler, LoginHandler
from .oidc_provider import Discovery, Kind, ProviderAway, is_https, why_away
from .still_allowed import still_allowed
from .trust import client_context

NAME = re.compile(r"[a-z0-9_][a-z0-9_.@+-]{0,63}")
GROUPS_MAX = 500
GROUP_NAME_MAX = 255
ALL_REQUESTS_S = 9.0  # of one step of a log-in; then the page says so
ANSWER_MAX = 2**20
AT_ONCE = 50
ODD_NAME = (
    "The name that the log-in service knows you by cannot be a name here: only letters a to z, "
    "digits and . _ - @ + can. Tell the hub's admins."
)
# set while somebody is looked at again: what OAuthenticator keeps to itself is noted there
OUTAGES: ContextVar[list[BaseException] | None] = ContextVar("outages", default=None)


class OidcAuthenticator(Entrance, GenericOAuthenticator):
    """An OpenID provider's people. See docs/auth-oidc.md."""

    authorize_url: str
    token_url: str
    userdata_url: str
    login_handler = LoginHandler
    callback_handler = CallbackHandler

    issuer = Unicode(
        config=True,
        help="""The provider, exactly as it calls itself. Its addresses are read from
        `ISSUER/.well-known/openid-configuration`, unless `authorize_url`, `token_url` and
        `userdata_url` are all set. Example: `https://sso.example.org/realms/lab`. Since 0.1.""",
    )
    groups_claim = Unicode(
        "groups",
        config=True,
        help="""Which claim has the groups: a list of names. `a.b` is b within a. Default:
        `groups`. Since 0.1.""",
    )
    domains = List(
        Unicode(),
        config=True,
        help="""Of a name NAME@DOMAIN with one of these domains NAME alone is taken. Two people
        must not become one by it. Default: none. Example: `["example.org"]`. Since 0.1.""",
    )
    ca_file = Unicode(
        config=True,
        help="""The CA that signed the provider's certificate, PEM. Default: the system's CAs.
        Since 0.1.""",
    )
    timeout_s = Float(
        5.0,
        min=0.1,
        max=60,
        config=True,
        help="Seconds for each request to the provider. All requests of one step never have more "
        "than 9. Default: 5. Since 0.1.",
    )

    @default("auth_refresh_strict")
    def _default_auth_refresh_strict(self) -> bool:
        return False  # a provider's word lapses, though nothing is wrong with the person

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        own = all((self.authorize_url, self.token_url, self.userdata_url))
        if not own and not is_https(self.issuer):
            raise ValueError(f"{type(self).__name__}.issuer must be an https address")
        self._discovery = None if own else Discovery(self.issuer, self._describe)
        self._context: Any = None

    @default("http_client")
    def _default_http_client(self) -> Any:
        return AsyncHTTPClient(force_instance=True, max_clients=AT_ONCE, max_body_size=ANSWER_MAX)

    @default("username_claim")
    def _default_username_claim(self) -> str:
        return "preferred_username"

    @default("scope")
    def _default_scope(self) -> list[str]:
        return ["openid", "profile", "email", "groups"]

    @default("login_service")
    def _default_login_service(self) -> str:
        return urlsplit(self.issuer or self.authorize_url).hostname or "OpenID"

    # --- asking the provider ----------------------------------------------------------------------

    async def discover(self) -> None:
        """The provider's addresses, into the traits that OAuthenticator reads.

        Raises Unavailable.
        """
        if self._discovery is None:
            return
        try:
            async with asyncio.timeout(ALL_REQUESTS_S):
                provider = await self._discovery.provider()
        except (ProviderAway, TimeoutError) as error:
            raise self._unavailable(error) from error
        self.authorize_url = provider.authorize_url
        self.token_url = provider.token_url
        self.userdata_url = provider.userinfo_url or ""
        if not self._is_set("basic_auth"):
            self.basic_auth = not provider.secret_in_body

    def _is_set(self, trait: str) -> bool:
        return any(trait in self.config.get(cls.__name__, {}) for cls in type(self).__mro__)

    async def _describe(self, url: str) -> Any:
        return await self.httpfetch(url, "reading the provider's description")

    async def httpfetch(
        self,
        url: str,
        label: str = "fetching",
        parse_json: bool = True,
        raise_error: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Raises ProviderAway, or HTTPClientError if the provider refuses (400 to 499)."""
        kwargs |= {"connect_timeout": self.timeout_s, "request_timeout": self.timeout_s}
        kwargs |= {"follow_redirects": False, "validate_cert": True}
        try:
            if self._context is None:
                own = self.http_request_kwargs.get("ca_certs")
                self._context = client_context(self.ca_file or own)
            kwargs["ssl_options"] = self._context
            return await super().httpfetch(url, label, parse_json, raise_error, **kwargs)
        except HTTPClientError as error:
            if 400 <= error.code < 500:
                raise
            raise _noted(why_away(error)) from error
        except (OSError, ValueError) as error:
            raise _noted(why_away(error)) from error

    def _unavailable(self, error: BaseException) -> Unavailable:
        away = error if isinstance(error, ProviderAway) else why_away(error)
        self.log.error("The log-in service %s %s: %s", self.login_service, away.kind, away)
        return unavailable(f"the log-in service {self.login_service}", away.kind)

    # --- who is it --------------------------------------------------------------------------------

    async def authenticate(self, handler: Any, data: Any = None, **kwargs: Any) -> Any:
        """Raises Told or Unavailable."""
        if data:
            self.log.warning("Log-in refused: passwords are for the log-in service only")
            return None
        try:
            async with asyncio.timeout(ALL_REQUESTS_S):
                await self.discover()
                return await super().authenticate(handler, data, **kwargs)
        except HTTPClientError as error:
            body = error.response.body.decode(errors="replace") if error.response else ""
            if error.code == 401 or "invalid_client" in body:
                refused = ProviderAway(Kind.ACCOUNT, f"client_id or its secret: {error} {body}")
                raise self._unavailable(refused) from error
            self.log.warning("The log-in service refused a log-in: %s %s", error, body)
            raise Told(
                "The log-in took too long or was used twice. Please log in again."
            ) from error
        except (ProviderAway, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """The claims of the id token and, before them, of the userinfo address.

        The id token came straight from the provider by TLS, so its signature proves nothing more
        (OpenID Connect Core 3.1.3.7); it must be for us, from the issuer, and not expired.
        """
        token = token_info.get("id_token")
        claims = self._claims(token) if token else {}
        if not self.userdata_url:
            return claims
        told = await super().token_to_user(token_info)
        if not isinstance(told, dict) or told.get("sub", "") != claims.get("sub", told.get("sub")):
            raise ProviderAway(Kind.FAILS, "userinfo is about somebody else than the id token")
        return claims | told

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                audience=self.client_id,
                issuer=self.issuer or None,
                leeway=60,
                options={
                    "verify_signature": False,
                    "verify_aud": True,
                    "verify_exp": True,
                    "verify_iss": bool(self.issuer),
                },
            )
        except jwt.PyJWTError as error:
            raise ProviderAway(Kind.FAILS, f"its id token: {error}") from error

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The claim in lower case. Raises Told for what cannot be a name here."""
        claim = self.username_claim
        told = claim(user_info) if callable(claim) else user_info.get(claim)
        if claim == "email" and user_info.get("email_verified") is False:
            self.log.warning("Log-in refused: an e-mail address that nobody has verified")
            raise Told("Your e-mail address is not verified at the log-in service.")
        if not isinstance(told, str) or not told:
            self.log.error("No text in claim %s; there are: %s", claim, sorted(user_info))
            raise Told(
                "The log-in service does not tell this hub your name. Tell the hub's admins."
            )
        name = told.strip().lower()
        user, at, domain = name.rpartition("@")
        if at and domain in [one.lower() for one in self.domains]:
            name = user
        if not self.validate_username(self.normalize_username(name)):
            self.log.warning("Log-in refused: %.64r cannot be a name here", told)
            raise Told(ODD_NAME)
        return name

    def validate_username(self, username: str) -> bool:
        return bool(NAME.fullmatch(username)) and super().validate_username(username)

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """Names of the claim; what is not a name is left out."""
        told = _claim(auth_state.get(self.user_auth_state_key) or {}, self.groups_claim)
        if self._is_set("auth_state_groups_key") or self._is_set("claim_groups_key"):
            told = list(await super().get_user_groups(auth_state))
        if told is None:
            self.log.info("The log-in service tells no groups (claim %s)", self.groups_claim)
        names = [told] if isinstance(told, str) else told if isinstance(told, list) else []
        good = [name for name in names if isinstance(name, str) and _is_group(name)]
        if len(good) < len(names) or len(good) > GROUPS_MAX:
            self.log.warning("Of %s groups of a person %s count", len(names), len(good))
        return set(good[:GROUPS_MAX])

    def build_auth_state_dict(self, token_info: Any, user_info: Any) -> dict[str, Any]:
        return super().build_auth_state_dict(token_info, user_info) | {"account": None}

    # --- afterwards -------------------------------------------------------------------------------

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> Any:
        """True while the provider is away: nobody is thrown out because it restarts."""
        outages: list[BaseException] = []
        OUTAGES.set(outages)
        try:
            async with asyncio.timeout(ALL_REQUESTS_S):
                await self.discover()
                told = await super().refresh_user(user, handler, **kwargs)
        except Unavailable:
            return True
        except (ProviderAway, TimeoutError) as error:
            self._unavailable(error)
            return True
        except Told:
            return False
        if not isinstance(told, dict):
            return told or bool(outages)
        if told["name"] != user.name:
            self.log.warning("%s is called %s by the log-in service now", user.name, told["name"])
            return False
        return await still_allowed(self, user.name, told, handler)


def _noted(away: ProviderAway) -> ProviderAway:
    outages = OUTAGES.get()
    if outages is not None:
        outages.append(away)
    return away


def _claim(claims: dict[str, Any], path: str) -> Any:
    """The claim of that name, else the nested one."""
    if path in claims:
        return claims[path]
    try:
        return reduce(dict.get, path.split("."), claims)  # type: ignore[arg-type]
    except TypeError:
        return None


def _is_group(name: str) -> bool:
    return 0 < len(name) <= GROUP_NAME_MAX and name.isprintable()
