"""Log-in by a directory: LDAP, FreeIPA, Active Directory.

LDAPAuthenticator with what it does wrong put right. Its `authenticate` is not called: it blocks
the hub, does not verify TLS, passes DNs through `format` and knows groups by DN only. Its traits
keep their meaning, so that an admin's own (`hub.d/*.py`) go on working.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from ldapauthenticator import LDAPAuthenticator
from ldapauthenticator.ldapauthenticator import TlsStrategy
from traitlets import Enum, Float, List, TraitError, Unicode, default, validate

from .away_words import unavailable
from .directory import Directory
from .directory_account import account_of
from .directory_answers import Away, Kind, Where, escape
from .directory_names import NAME, TYPED, login_of
from .directory_presets import Layout, layout, who
from .directory_session import Session, Talk
from .directory_state import CLOSED, words
from .directory_visit import Asked, Visit, visit
from .entrance import Entrance, Told, Unavailable
from .still_allowed import still_allowed
from .threads import Busy, Threads

LONGEST_PASSWORD = 1024
ALL_SERVERS_S = 8.5  # for one log-in over all servers; then the page says so
CUT_S = 9.0
AT_ONCE, WAITING = 20, 80  # log-ins that ask the directory, or wait for their turn
REFRESHES_AT_ONCE = 10
SERVICE = "the directory"
TLS_KWARGS = {
    "ca_certs_file", "ca_certs_path", "ca_certs_data", "local_private_key_file",
    "local_certificate_file", "local_private_key_password", "ciphers", "sni", "validate",
}  # fmt: skip
NOT_USED = (
    "bind_dn_template", "group_search_filter", "group_attributes", "use_lookup_dn_username",
    "lookup_dn", "attributes",
)  # fmt: skip


class DirectoryAuthenticator(Entrance, LDAPAuthenticator):
    """Names and passwords of a directory. See docs/authentication.md."""

    preset = Enum(
        ("ldap", "freeipa", "ad"),
        "ldap",
        config=True,
        help="""What the directory calls things: `ldap`, `freeipa` or `ad`; other traits change
        single names. Default: `ldap`. Since 0.1.""",
    )
    servers = List(
        Unicode(),
        config=True,
        help="""Names of the servers, as in their certificates, tried in order; one that failed
        within 30 s is tried last. Default: `server_address` alone.
        Example: `["dc1.ad.example.org", "dc2.ad.example.org"]`. Since 0.1.""",
    )
    base = Unicode(
        config=True,
        help="""DN below which everything is. No default.
        Example: `dc=example,dc=org`. Since 0.1.""",
    )
    group_base = Unicode(
        config=True,
        help="""DN below which groups count. Whoever may make groups there can let people in.
        Default: by preset, else `base`. Example: `ou=groups,dc=example,dc=org`. Since 0.1.""",
    )
    user_filter = Unicode(
        config=True,
        help="""What an entry must match to be a person, in place of the preset's.
        Example: `(objectClass=posixAccount)`. Since 0.1.""",
    )
    domains = List(
        Unicode(),
        config=True,
        help="""Domains that people may write with their name: NAME@DOMAIN and DOMAIN\\\\NAME
        mean NAME. Default: for `freeipa` and `ad` by `base`, and the first part of it.
        Example: `["ad.example.org", "CORP"]`. Since 0.1.""",
    )
    timeout_s = Float(
        5.0,
        min=0.1,
        max=60,
        config=True,
        help="""Seconds that one server may take to connect, and for each answer. All together
        never have more than 8.5. Default: 5. Since 0.1.""",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not self.base or not self._where.servers:
            raise ValueError(f"{type(self).__name__} needs base and servers")
        for trait in NOT_USED:
            if any(trait in self.config.get(cls.__name__, {}) for cls in type(self).__mro__):
                self.log.warning("%s.%s counts for nothing", type(self).__name__, trait)
        self.directory = Directory(self._where)
        self._threads = Threads(AT_ONCE, "directory", WAITING)

    @default("user_search_base")
    def _default_user_search_base(self) -> str:
        return self._preset.user_base

    @default("user_attribute")
    def _default_user_attribute(self) -> str:
        return self._preset.name

    @default("valid_username_regex")
    def _default_valid_username_regex(self) -> str:
        return TYPED.pattern

    @validate("tls_strategy")
    def _validate_tls_strategy(self, proposal: Any) -> Any:
        if proposal["value"] is TlsStrategy.insecure:
            raise TraitError("tls_strategy: passwords are never sent without TLS")
        return proposal["value"]

    @validate("tls_kwargs")
    def _validate_tls_kwargs(self, proposal: Any) -> Any:
        told = proposal["value"]
        if unknown := set(told) - TLS_KWARGS:
            raise TraitError(f"tls_kwargs: {', '.join(sorted(unknown))} cannot be set here")
        if told.get("validate", 2) != 2:  # ssl.CERT_REQUIRED
            raise TraitError("tls_kwargs: certificates are always verified")
        return told

    # --- what the traits say ----------------------------------------------------------------------

    @property
    def _preset(self) -> Layout:
        return layout(self.preset, self.base, self.lookup_dn_search_user)

    @cached_property
    def layout(self) -> Layout:
        """The preset with the admin's own names."""
        preset = self._preset
        return replace(
            preset,
            user_base=self.user_search_base or preset.user_base,
            group_base=self.group_base or preset.group_base,
            user_filter=self.user_filter or preset.user_filter,
            name=self.lookup_dn_user_dn_attribute or self.user_attribute or preset.name,
            domains=tuple(one.lower() for one in self.domains) or preset.domains,
        )

    @property
    def _where(self) -> Where:
        return Where(
            servers=tuple(self.servers or filter(None, [self.server_address])),
            port=self.server_port,
            ldaps=self.tls_strategy is TlsStrategy.on_connect,
            timeout_s=self.timeout_s,
            account=self._preset.account,
            password=self.lookup_dn_search_password,
            tls=dict(self.tls_kwargs),
        )

    def login_of(self, typed: str) -> str | None:
        """The one way to write the name; None: cannot be anybody's. See directory_names."""
        return login_of(typed, self.layout.domains, re.compile(self.valid_username_regex))

    def _who(self, login: str) -> str:
        own = self.lookup_dn_search_filter
        found = who(login, self.layout.aliases, self.layout.name)
        if own and own != type(self).lookup_dn_search_filter.default_value:
            found = own.format(login_attr=self.layout.name, login=escape(login))
        if self.search_filter:
            more = self.search_filter.format(userattr=self.layout.name, username=escape(login))
            found = f"(&{found}{more})"
        return found

    def validate_username(self, username: str) -> bool:
        return bool(NAME.fullmatch(username)) and super().validate_username(username)

    def get_connection(self, userdn: str, password: str) -> Any:
        """Not LDAPAuthenticator's, whose TLS is not verified."""
        raise NotImplementedError("directory.Session asks the servers")

    # --- logging in -------------------------------------------------------------------------------

    def _keys(self, handler: Any, data: Mapping[str, Any]) -> list[Any]:
        """Attempts count for a person, however he writes his name."""
        typed = str(data.get("username", ""))
        return super()._keys(handler, {**data, "username": self.login_of(typed) or typed})

    async def authenticate(self, handler: Any, data: Mapping[str, str]) -> dict[str, Any] | None:
        """Raises Told if the directory itself refuses the account, Unavailable if it is away."""
        typed, password = data.get("username", ""), data.get("password", "")
        login = self.login_of(typed)
        if login is None:
            self.log.warning("Log-in refused: %r cannot be a name", typed[:64])
            return None
        if not password.strip() or "\0" in password or len(password) > LONGEST_PASSWORD:
            self.log.warning("Log-in of %s refused: no password, or not one", login)
            return None
        found = await self.ask(login, password)
        return self._model(found) if self._enters(found) else None

    async def ask(self, login: str, password: str | None, most: int = AT_ONCE + WAITING) -> Visit:
        """What the directory knows of `login`; password None: looked up only.

        Raises Unavailable; the log has the exact reason.
        """
        talk = Talk(ALL_SERVERS_S)
        more = tuple(self.auth_state_attributes)
        asked = Asked(login, self._who(login), password, more)

        def question(session: Session) -> Visit:
            return visit(session, self.layout, asked)

        try:
            return await self._threads.run(lambda: self.directory.ask(talk, question), CUT_S, most)
        except Away as away:
            self.log.error("The directory %s: %s: %s", away.kind, away.server, away.reason)
            raise unavailable(SERVICE, away.kind) from away
        except TimeoutError as error:
            self.log.error("The directory %s: cut off after %s s", Kind.SILENT, CUT_S)
            raise unavailable(SERVICE, Kind.SILENT) from error
        except Busy as error:
            self.log.error("%s log-ins wait for the directory already", self._threads.most)
            raise unavailable(SERVICE, "is being asked by too many at once") from error
        finally:
            talk.cut()

    def _enters(self, found: Visit) -> bool:
        """One line in the log says why not. Raises Told."""
        login, verdict = found.login, found.verdict
        if len(found.dns) != 1:
            why = f"several entries: {'; '.join(found.dns)}" if found.dns else "nobody's name"
            self.log.warning("Log-in of %s refused: %s", login, why)
            return False
        if verdict is None:
            self.log.warning("Log-in of %s refused: %s has no name that fits", login, found.dns[0])
            return False
        if verdict.enters:
            return True
        why = f"the account: {verdict.state}" if verdict.state else "wrong password"
        if verdict.state and not verdict.told:
            why = f"wrong password, and besides {why}"
        said = f" ({found.answer.code} {found.answer.message})" if found.answer else ""
        self.log.warning("Log-in of %s refused: %s, %s%s", login, why, found.dns[0], said)
        if verdict.told:
            raise Told(words(verdict.told))
        return False

    def _model(self, found: Visit) -> dict[str, Any]:
        assert found.person is not None  # noqa: S101
        account = account_of(found.person, self.layout, found.groups)
        attributes = {name: found.person.texts(name) for name in self.auth_state_attributes}
        return {
            "name": found.name,
            "groups": [group.name for group in found.groups],
            "auth_state": {
                "account": account,
                "dn": found.person.dn,
                "user_attributes": attributes,
            },
        }

    # --- afterwards -------------------------------------------------------------------------------

    async def refresh_user(self, user: Any, handler: Any = None) -> dict[str, Any] | bool:
        """False if the person is gone, closed or no longer allowed. True, unchanged, while the

        directory is away: nobody is thrown out because it restarts.
        """
        if self.directory.all_away():
            return True
        names = {hub: own for own, hub in self.username_map.items()}
        try:
            found = await self.ask(names.get(user.name, user.name), None, REFRESHES_AT_ONCE)
        except Unavailable:
            return True
        verdict = found.verdict
        if verdict is None or self.normalize_username(found.name or "") != user.name:
            self.log.warning("%s is no longer in the directory", user.name)
            return False
        if verdict.state in CLOSED:
            self.log.warning("The account of %s: %s", user.name, verdict.state)
            return False
        model = {**self._model(found), "name": user.name}
        return await still_allowed(self, user.name, model, handler)
