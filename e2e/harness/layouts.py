"""How each server writes the same people and groups: DNs, classes, passwords, locks."""

from collections.abc import Iterator
from typing import ClassVar

from . import ldif
from .ldif import Values, dn_value
from .people import (
    GROUPS,
    PEOPLE,
    POSIX,
    POSIX_MEMBERS,
    SERVICE_PASSWORD,
    STALE,
    STRANGE,
    Entry,
    password_of,
)

BASE = "dc=example,dc=org"
LONG_AGO = "20200101000000Z"
FAR_AWAY = "20380101000000Z"
NOW_TO_CHANGE = "19700101000000Z"
FOR_GOOD = "000001010000Z"  # slapd: locked by an admin
FILETIME_LONG_AGO = 132223104000000000  # 2020-01-01
UNTIL_UNLOCKED = -(2**63)


def posix_values(who: Entry) -> dict[str, Values]:
    home = f"/home/{who.name}"
    return {"uidNumber": who.uid or 0, "gidNumber": who.uid or 0, "homeDirectory": home}


class Layout:
    """One server's way. `seed` is all that it has at first, without those it has no place for."""

    left_out: tuple[Entry, ...] = ()

    def person_dn(self, who: Entry) -> str:
        raise NotImplementedError

    def group_dn(self, name: str) -> str:
        raise NotImplementedError

    def new_password(self, password: str) -> dict[str, Values]:
        return {"userPassword": password}

    def member_dn(self, member: Entry | str) -> str:
        return self.group_dn(member) if isinstance(member, str) else self.person_dn(member)

    def membership(self, how: str, group: str, who: Entry) -> str:
        """LDIF; `how` is add or delete."""
        return ldif.change(self.group_dn(group), how, {"member": [self.person_dn(who)]})

    def password(self, who: Entry, password: str) -> str:
        return ldif.change(self.person_dn(who), "replace", self.new_password(password))

    def seed(self) -> str:
        return "".join(self.entries())

    def entries(self) -> Iterator[str]:
        yield from self.containers()
        for who in PEOPLE:
            if who not in self.left_out:
                yield self.person(who)
        for name, members in GROUPS.items():
            there = [member for member in members if member not in self.left_out]
            yield self.group(name, [self.member_dn(member) for member in there])
        yield from self.extras()

    def containers(self) -> Iterator[str]:
        raise NotImplementedError

    def person(self, who: Entry) -> str:
        raise NotImplementedError

    def group(self, name: str, members: list[str]) -> str:
        values: dict[str, Values] = {"objectClass": ["groupOfNames"], "cn": name}
        return ldif.add(self.group_dn(name), values | {"member": members})

    # How the server notes, an instant after an admin's change of a password has been answered, that
    # the person has to change it again; empty: it does not.
    must_change: tuple[str, str] | tuple[()] = ()

    def lasting(self, who: Entry) -> str:
        """Takes that note back."""
        raise NotImplementedError

    def extras(self) -> Iterator[str]:
        yield from ()

    def _inet_person(self, who: Entry) -> dict[str, Values]:
        values: dict[str, Values] = {
            "objectClass": ["inetOrgPerson"] + (["posixAccount"] if who.uid else []),
            "uid": who.name,
            "cn": who.spelled,
            "sn": who.name,
            "mail": f"{who.name}@example.org",
            "userPassword": password_of(who.name),
        }
        return values | (posix_values(who) if who.uid else {})


class Slapd(Layout):
    """OpenLDAP, RFC 2307: people and groups in units, some groups by memberUid."""

    POLICY: ClassVar[dict[str, Values]] = {
        "objectClass": ["device", "pwdPolicy"],
        "pwdAttribute": "userPassword",
    }
    STRICT = f"cn=strict,ou=policies,{BASE}"

    def person_dn(self, who: Entry) -> str:
        kind = "cn" if who.is_odd else "uid"
        return f"{kind}={dn_value(who.spelled)},ou=people,{BASE}"

    def group_dn(self, name: str) -> str:
        return f"cn={name},ou=groups,{BASE}"

    def containers(self) -> Iterator[str]:
        top = {"objectClass": ["dcObject", "organization"], "dc": "example", "o": "Example"}
        yield ldif.add(BASE, top)
        for name in ("people", "groups", "services", "policies"):
            unit = {"objectClass": "organizationalUnit", "ou": name}
            yield ldif.add(f"ou={name},{BASE}", unit)
        service = {"objectClass": ["applicationProcess", "simpleSecurityObject"], "cn": "gpuhub"}
        yield ldif.add(
            f"cn=gpuhub,ou=services,{BASE}", service | {"userPassword": SERVICE_PASSWORD}
        )
        usual = {"cn": "usual", "pwdLockout": "TRUE", "pwdMaxFailure": 0}
        yield ldif.add(f"cn=usual,ou=policies,{BASE}", self.POLICY | usual)
        strict = {"cn": "strict", "pwdMaxAge": 365 * 86400, "pwdMustChange": "TRUE"}
        yield ldif.add(self.STRICT, self.POLICY | strict)

    def person(self, who: Entry) -> str:
        states: dict[str, dict[str, Values]] = {
            "locked": {"pwdAccountLockedTime": LONG_AGO},
            "disabled": {"pwdAccountLockedTime": FOR_GOOD},
            "expired": {"pwdEndTime": LONG_AGO},
            "stale": {"pwdPolicySubentry": self.STRICT, "pwdChangedTime": LONG_AGO},
            "must-change": {"pwdPolicySubentry": self.STRICT, "pwdReset": "TRUE"},
        }
        values = self._inet_person(who) | states.get(who.state, {})
        return ldif.add(self.person_dn(who), values)

    def extras(self) -> Iterator[str]:
        members = {"memberUid": [who.name for who in POSIX_MEMBERS]}
        values: dict[str, Values] = {"objectClass": "posixGroup", "cn": POSIX, "gidNumber": 21000}
        yield ldif.add(self.group_dn(POSIX), values | members)


class FreeIpa(Layout):
    """389-ds, laid out as FreeIPA."""

    CLASSES = ("krbPrincipalAux", "inetUser")
    must_change = ("passwordExpirationTime", NOW_TO_CHANGE)

    def person_dn(self, who: Entry) -> str:
        kind = "cn" if who.is_odd else "uid"
        return f"{kind}={dn_value(who.spelled)},cn=users,cn=accounts,{BASE}"

    def group_dn(self, name: str) -> str:
        return f"cn={name},cn=groups,cn=accounts,{BASE}"

    def containers(self) -> Iterator[str]:
        for place in ("accounts", "users,cn=accounts", "groups,cn=accounts", "etc",
                      "sysaccounts,cn=etc"):  # fmt: skip
            values = {"objectClass": "nsContainer", "cn": place.split(",", maxsplit=1)[0]}
            yield ldif.add(f"cn={place},{BASE}", values)
        service = {"objectClass": ["account", "simpleSecurityObject"], "uid": "gpuhub"}
        yield ldif.add(
            f"uid=gpuhub,cn=sysaccounts,cn=etc,{BASE}",
            service | {"userPassword": SERVICE_PASSWORD, "passwordExpirationTime": FAR_AWAY},
        )

    def person(self, who: Entry) -> str:
        states: dict[str, dict[str, Values]] = {
            "locked": {"accountUnlockTime": FAR_AWAY, "passwordRetryCount": 50},
            "disabled": {"nsAccountLock": "TRUE"},
            "expired": {"krbPrincipalExpiration": LONG_AGO},
            "stale": {"passwordExpirationTime": LONG_AGO},
            "must-change": {"passwordExpirationTime": NOW_TO_CHANGE},
        }
        values = self._inet_person(who) | {"passwordExpirationTime": FAR_AWAY}
        values["objectClass"] = [*self.CLASSES, *values["objectClass"]]
        return ldif.add(self.person_dn(who), values | states.get(who.state, {}))

    def lasting(self, who: Entry) -> str:
        return ldif.change(self.person_dn(who), "replace", {"passwordExpirationTime": FAR_AWAY})

    def group(self, name: str, members: list[str]) -> str:
        number = 21001 + list(GROUPS).index(name)
        values: dict[str, Values] = {
            "objectClass": ["groupOfNames", "nsMemberOf", "posixGroup"],
            "cn": name,
            "gidNumber": number,
        }
        return ldif.add(self.group_dn(name), values | {"member": members})

    def extras(self) -> Iterator[str]:
        """Who has logged in may read all but passwords."""
        hidden = 'acl "passwords"; deny (read,search,compare) userdn="ldap:///anyone"'
        shown = 'acl "the rest"; allow (read,search,compare) userdn="ldap:///all"'
        yield ldif.change(BASE, "add", {"aci": [
            f'(targetattr="userPassword")(version 3.0; {hidden};)',
            f'(targetattr="*")(version 3.0; {shown};)',
        ]})  # fmt: skip


class ActiveDirectory(Layout):
    """Samba: everybody in CN=Users, named by sAMAccountName and userPrincipalName."""

    BASE = "DC=ad,DC=example,DC=org"
    left_out = (*STRANGE, STALE)  # it refuses such names itself; a password ages in days only

    def person_dn(self, who: Entry) -> str:
        return f"CN={dn_value(who.spelled)},CN=Users,{self.BASE}"

    def group_dn(self, name: str) -> str:
        return f"CN={name},CN=Users,{self.BASE}"

    def new_password(self, password: str) -> dict[str, Values]:
        return {"unicodePwd": f'"{password}"'.encode("utf-16-le")}

    def containers(self) -> Iterator[str]:
        policy = {"lockoutThreshold": 50, "lockoutDuration": UNTIL_UNLOCKED, "maxPwdAge": 0,
                  "minPwdAge": 0, "pwdHistoryLength": 0}  # fmt: skip
        yield ldif.change(self.BASE, "replace", policy)
        yield self._account("gpuhub", "gpuhub", SERVICE_PASSWORD, {})

    def person(self, who: Entry) -> str:
        states: dict[str, dict[str, Values]] = {
            "locked": {"lockoutTime": 1},
            "disabled": {"userAccountControl": 514},
            "expired": {"accountExpires": FILETIME_LONG_AGO},
            "must-change": {"pwdLastSet": 0},
        }
        values = states.get(who.state, {}) | (posix_values(who) if who.uid else {})
        return self._account(who.name, who.spelled, password_of(who.name), values)

    def _account(self, name: str, spelled: str, password: str, values: dict[str, Values]) -> str:
        usual: dict[str, Values] = {
            "objectClass": "user",
            "sAMAccountName": name,
            "userPrincipalName": f"{name}@ad.example.org",
            "userAccountControl": 512,
        }
        dn = f"CN={dn_value(spelled)},CN=Users,{self.BASE}"
        return ldif.add(dn, usual | self.new_password(password) | values)

    def group(self, name: str, members: list[str]) -> str:
        values: dict[str, Values] = {"objectClass": "group", "sAMAccountName": name}
        return ldif.add(self.group_dn(name), values | {"member": members})
