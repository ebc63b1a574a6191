"""What the three kinds of directory call things: plain LDAP, FreeIPA, Active Directory.

Only names and places; nothing here asks a server.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .directory_answers import escape

IN_CHAIN = "1.2.840.113556.1.4.1941"  # Active Directory's matching rule: direct and nested


@dataclass(frozen=True)
class Layout:
    """Where people and groups are, and by what names. Attributes that a kind lacks are empty."""

    kind: str
    base: str
    user_base: str
    group_base: str
    user_filter: str  # what an entry must match to be a person
    name: str  # the attribute that is the hub's name, in lower case
    aliases: tuple[str, ...]  # attributes that hold NAME@DOMAIN, by which a person may be asked for
    domains: tuple[str, ...]  # NAME@DOMAIN and DOMAIN\NAME with one of these mean NAME
    group_name: str
    home: str
    nested_by_rule: bool  # IN_CHAIN instead of walking up
    account: str | None

    @property
    def attributes(self) -> tuple[str, ...]:
        """All that is read of a person."""
        return (self.name, *self.aliases, "memberOf", "uidNumber", "gidNumber", self.home,
                "loginShell", *STATE_ATTRIBUTES[self.kind])  # fmt: skip


STATE_ATTRIBUTES = {
    "ldap": ("pwdAccountLockedTime", "pwdReset", "shadowExpire", "nsAccountLock"),
    "freeipa": ("nsAccountLock", "krbPrincipalExpiration", "krbPasswordExpiration"),
    "ad": ("userAccountControl", "accountExpires", "pwdLastSet", "lockoutTime", "primaryGroupID",
           "objectSid"),
}  # fmt: skip


def domain_of(base: str) -> str:
    """`dc=ad,dc=example,dc=org` is `ad.example.org`; empty if the base has no dc."""
    parts = [part.partition("=") for part in base.lower().split(",")]
    return ".".join(value.strip() for kind, _, value in parts if kind.strip() == "dc")


def layout(kind: str, base: str, account: str | None = None) -> Layout:
    """The preset of `kind`. Raises KeyError for a kind that is not known."""
    return {"ldap": _ldap, "freeipa": _freeipa, "ad": _ad}[kind](base, account)


def _ldap(base: str, account: str | None) -> Layout:
    return Layout(
        kind="ldap",
        base=base,
        user_base=base,
        group_base=base,
        user_filter="(|(objectClass=person)(objectClass=posixAccount))",
        name="uid",
        aliases=(),
        domains=(),
        group_name="cn",
        home="homeDirectory",
        nested_by_rule=False,
        account=account,
    )


def _freeipa(base: str, account: str | None) -> Layout:
    if account and "=" not in account:
        account = f"uid={escape_dn(account)},cn=sysaccounts,cn=etc,{base}"
    return replace(
        _ldap(base, account),
        kind="freeipa",
        user_base=f"cn=users,cn=accounts,{base}",
        group_base=f"cn=groups,cn=accounts,{base}",
        user_filter="(objectClass=posixAccount)",
        domains=tuple(filter(None, [domain_of(base)])),
    )


def _ad(base: str, account: str | None) -> Layout:
    domain = domain_of(base)
    return replace(
        _ldap(base, account),
        kind="ad",
        user_filter="(sAMAccountType=805306368)",  # people: neither machines nor groups
        name="sAMAccountName",
        aliases=("userPrincipalName",),
        domains=tuple(filter(None, [domain, domain.split(".")[0]])),
        group_name="sAMAccountName",  # as cn it need not be unique
        home="unixHomeDirectory",
        nested_by_rule=True,
    )


def escape_dn(value: str) -> str:
    """`value` for a DN, as RFC 4514 wants it."""
    return "".join(f"\\{char}" if char in ',+"\\<>;=# ' else char for char in value)


def who(login: str, aliases: tuple[str, ...], name: str) -> str:
    """The filter that finds who is asked for: by name, or NAME@DOMAIN by the aliases."""
    parts = [f"({name}={escape(login)})"]
    if "@" in login:
        parts += [f"({alias}={escape(login)})" for alias in aliases]
    return parts[0] if len(parts) == 1 else f"(|{''.join(parts)})"
