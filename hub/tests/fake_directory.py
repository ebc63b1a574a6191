"""A directory in memory, at ldap3's edge: what `ldap3.Connection` is to directory_session.py.

Filters are parsed by ldap3 itself, so what is asked must be what a real server would understand.
"""

from __future__ import annotations

import threading
from types import SimpleNamespace

from ldap3.core.exceptions import LDAPSocketOpenError, LDAPSocketReceiveError
from ldap3.operation import search as ldap3_search
from ldap3.protocol.convert import prepare_filter_for_sending

ACCOUNT = ("cn=gpuhub,ou=services,dc=example,dc=org", "service-pw")
PPOLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
IN_CHAIN = "1.2.840.113556.1.4.1941"


class FakeDirectory:
    """Entries by DN; `passwords` by DN; `refusals` by DN: (code, message) for any password."""

    def __init__(self):
        self.entries = {}
        self.passwords = dict([ACCOUNT])
        self.refusals = {}
        self.policies = {}
        self.down, self.silent, self.busy = set(), set(), set()
        self.asked = []  # (server, what)

    def add(self, dn, password=None, **attributes):
        values = {
            name.lower(): [
                one if isinstance(one, bytes) else str(one).encode()
                for one in (value if isinstance(value, list) else [value])
            ]
            for name, value in attributes.items()
        }
        self.entries[dn] = values
        if password:
            self.passwords[dn] = password

    def person(self, name, base="ou=people,dc=example,dc=org", **more):
        more = {"objectClass": ["person", "posixAccount"]} | more
        self.add(f"uid={name},{base}", f"{name}-pw", uid=name, **more)

    def group(self, name, *members, base="ou=groups,dc=example,dc=org", **more):
        self.add(f"cn={name},{base}", cn=name, member=list(members), **more)

    def connection(self, server, user=None, password=None, **options):
        # a referral would get the password sent to whatever host it names
        assert options["auto_referrals"] is False
        return FakeConnection(self, server, user, password)


class FakeSocket:
    """Only what a cut does to a wait is played."""

    def __init__(self):
        self.limit, self.cut = None, threading.Event()

    def settimeout(self, limit):
        self.limit = limit

    def shutdown(self, _):
        self.cut.set()

    def close(self):
        self.cut.set()


class FakeConnection:
    def __init__(self, directory, server, user, password):
        self.directory, self.server, self.user, self.password = directory, server, user, password
        self.result, self.response, self.socket = None, None, None

    @property
    def host(self):
        return self.server.host

    def open(self, read_server_info):
        self.directory.asked.append((self.host, "open"))
        if self.host in self.directory.down:
            raise LDAPSocketOpenError("Connection refused")
        self.socket = FakeSocket()
        self.socket.limit = self.server.connect_timeout

    def start_tls(self, read_server_info):
        self._wait()
        return True

    def _wait(self):
        if self.host in self.directory.silent:
            self.socket.cut.wait(self.socket.limit)
            raise LDAPSocketReceiveError("error receiving data: timed out")

    def bind(self, read_server_info, controls):
        self._wait()
        self.directory.asked.append((self.host, f"bind {self.user}"))
        code, message = self._said()
        assert controls == [(PPOLICY, False, None)]
        value = self.directory.policies.get(self.user)
        told = {PPOLICY: {"value": value}} if value else {}
        self.result = {"result": code, "description": "", "message": message, "controls": told}

    def _said(self):
        if self.host in self.directory.busy:
            return 51, "busy"
        if self.user is None:
            return 0, ""
        if self.user in self.directory.refusals:
            return self.directory.refusals[self.user]
        known = self.directory.passwords.get(self.user)
        return (0, "") if known is not None and self.password == known.encode() else (49, "")

    def search(self, base, what, scope, *, attributes, size_limit, time_limit):
        self._wait()
        self.directory.asked.append((self.host, f"search {what}"))
        assert time_limit >= 1
        tree = ldap3_search.parse_filter(what, None, True, True, None, False)
        if scope == "SUBTREE" and not any(_under(dn, base) for dn in self.directory.entries):
            self.result = {"result": 32, "description": "noSuchObject", "message": ""}
            self.response = []
            return
        wanted = {name.lower() for name in attributes}
        found = [
            {"dn": dn, "raw_attributes": {k: v for k, v in values.items() if k in wanted}}
            for dn, values in self.directory.entries.items()
            if (dn.lower() == base.lower() if scope == "BASE" else _under(dn, base))
            and self._matches(tree.elements[0], dn, values)
        ]
        self.result = {"result": 4 if len(found) > size_limit else 0, "message": ""}
        self.response = found[:size_limit]

    def _matches(self, node, dn, values):
        if node.tag == ldap3_search.AND:
            return all(self._matches(one, dn, values) for one in node.elements)
        if node.tag == ldap3_search.OR:
            return any(self._matches(one, dn, values) for one in node.elements)
        if node.tag == ldap3_search.MATCH_PRESENT:
            return node.assertion["attr"].lower() in {"objectclass", *values}
        value = prepare_filter_for_sending(node.assertion["value"])
        if node.tag == ldap3_search.MATCH_EXTENSIBLE:
            assert node.assertion["matchingRule"] == IN_CHAIN
            return self._contains(dn, value.decode().lower(), set())
        assert node.tag == ldap3_search.MATCH_EQUAL, node
        have = values.get(node.assertion["attr"].lower(), [])
        return value.lower() in [one.lower() for one in have]

    def _contains(self, group, member, seen):
        members = [one.decode().lower() for one in self._group(group).get("member", [])]
        seen.add(group.lower())
        return member in members or any(
            self._contains(one, member, seen) for one in members if one not in seen
        )

    def _group(self, dn):
        return next((v for k, v in self.directory.entries.items() if k.lower() == dn.lower()), {})


def _under(dn, base):
    return f",{dn.lower()}".endswith(f",{base.lower()}")


def install(monkeypatch, directory):
    """`directory` instead of real servers."""
    fake = SimpleNamespace(
        **{
            name: getattr(__import__("ldap3"), name)
            for name in ("Tls", "Server", "NONE", "SUBTREE", "BASE", "IP_SYSTEM_DEFAULT")
        },
        Connection=directory.connection,
    )
    monkeypatch.setattr("jupyterhub_gpu.directory_session.ldap3", fake)
