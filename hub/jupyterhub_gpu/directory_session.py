"""One conversation with one directory server: verified TLS, limits of time, by ldap3.

Blocking: used in threads only. What cannot be asked raises Away with its kind. Referrals are never
followed: they would send the password to whatever host the answer names.
"""

from __future__ import annotations

import contextlib
import math
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import ldap3
from ldap3.core.exceptions import (
    LDAPException,
    LDAPInvalidFilterError,
    LDAPSocketOpenError,
    LDAPSSLConfigurationError,
)

from .directory_answers import (
    NO_SUCH_OBJECT,
    SIZE_LIMIT,
    SUCCESS,
    Answer,
    Away,
    Entry,
    Kind,
    Where,
)
from .trust import client_context, fault_of

PPOLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # asks slapd why it refuses a password
BUSY_CODES = (3, 11, 51, 52)  # time limit, admin limit, busy, unavailable


class Talk:
    """All that is asked for one log-in: one time limit over all servers; can be cut short."""

    def __init__(self, limit_s: float) -> None:
        self._ends = time.monotonic() + limit_s
        self._lock = threading.Lock()
        self._open: set[Any] = set()

    def left_s(self) -> float:
        return self._ends - time.monotonic()

    def cut(self) -> None:
        """From another thread: whatever waits for a server gives up."""
        with self._lock:
            self._ends = 0.0
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError, AttributeError):
                connection.socket.shutdown(2)

    def add(self, connection: Any) -> None:
        with self._lock:
            self._open.add(connection)

    def remove(self, connection: Any) -> None:
        with self._lock:
            self._open.discard(connection)


class _Tls(ldap3.Tls):
    """Verified as `trust` says. ldap3 makes text of errors: the real one is kept."""

    error: BaseException | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002
        try:
            context = client_context(self.ca_certs_file, self.ca_certs_path, self.ca_certs_data)
            if self.certificate_file:
                context.load_cert_chain(
                    self.certificate_file, self.private_key_file, self.private_key_password
                )
            if self.ciphers:
                context.set_ciphers(self.ciphers)
            name = self.sni or connection.server.host
            connection.socket = context.wrap_socket(connection.socket, server_hostname=name)
        except Exception as error:
            self.error = error
            raise


class Session:
    """A connection to one server. Each question has `limit_s`, and no more than the talk has."""

    def __init__(self, where: Where, server: str, talk: Talk, limit_s: float) -> None:
        self.where, self.server, self.talk, self.limit_s = where, server, talk, limit_s
        self._connection: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self.talk.remove(connection)
        with contextlib.suppress(LDAPException, OSError):
            if connection.socket is not None:
                connection.socket.close()  # no unbind: it could block, and nobody waits for it

    def login(self) -> None:
        """As the hub's own account. Raises Away."""
        account, password = self.where.account, self.where.password
        if account and not password:
            raise Away(Kind.ACCOUNT, self.server, f"the password of {account} is empty")
        answer = self._bind(account, password)
        if not answer.ok:
            who = account or "an anonymous question"
            raise Away(Kind.ACCOUNT, self.server, f"{who}: {answer.code} {answer.message}".strip())

    def certificate_ends(self) -> str:
        """The server's, as OpenSSL writes dates; empty if that cannot be told."""
        socket = self._connection.socket
        told = socket.getpeercert() if isinstance(socket, ssl.SSLSocket) else None
        return str((told or {}).get("notAfter", ""))

    def try_password(self, dn: str, password: str) -> Answer:
        """What the server says to `dn` with `password` (never empty: that would be anonymous)."""
        if not dn or not password:
            raise ValueError("a name and a password are needed")
        with Session(self.where, self.server, self.talk, self.limit_s) as other:
            return other._bind(dn, password)

    def search(
        self,
        base: str,
        what: str,
        attributes: Sequence[str],
        *,
        most: int,
        scope: str = ldap3.SUBTREE,
    ) -> list[Entry]:
        """At most `most` entries. Raises Away, also for a base of a subtree that does not exist."""
        found = self._do(
            lambda connection: connection.search(
                base,
                what,
                scope,
                attributes=list(attributes) or ["1.1"],
                size_limit=most,
                time_limit=max(1, math.ceil(self.limit_s)),
            )
        )
        if found.result["result"] == NO_SUCH_OBJECT and scope == ldap3.BASE:
            return []
        if found.result["result"] not in (SUCCESS, SIZE_LIMIT):
            raise self._refusal(found.result, f"search in {base} for {what}")
        return [_entry(item) for item in found.response or [] if "raw_attributes" in item][:most]

    def _bind(self, name: str | None, password: str | None) -> Answer:
        self._open(name, password)
        connection = self._do(
            lambda it: it.bind(read_server_info=False, controls=[(PPOLICY, False, None)])
        )
        result = connection.result
        if result["result"] in BUSY_CODES:
            raise self._refusal(result, "bind")
        words = result.get("message") or result.get("description") or ""
        return Answer(result["result"], words, _policy(result))

    def _open(self, name: str | None, password: str | None) -> None:
        self.close()
        tls = None
        try:
            tls = _Tls(**{**self.where.tls, "validate": ssl.CERT_REQUIRED})
            server = ldap3.Server(
                self.server,
                port=self.where.port,
                use_ssl=self.where.ldaps,
                tls=tls,
                get_info=ldap3.NONE,
                connect_timeout=self._limit(),
                mode=ldap3.IP_SYSTEM_DEFAULT,
            )
            # bytes: ldap3 would change some letters of a password that is text
            secret = password.encode() if password else None
            connection = ldap3.Connection(
                server, name, secret, auto_referrals=False, check_names=False
            )
            self._connection = connection
            self.talk.add(connection)
            connection.open(read_server_info=False)
            if not self.where.ldaps and not connection.start_tls(read_server_info=False):
                raise Away(Kind.NO_TLS, self.server, "StartTLS was refused")
        except Away:
            raise
        except Exception as error:  # ldap3's decoder raises anything when not a directory answers
            raise self._why_closed(error, tls) from error

    def _limit(self) -> float:
        limit_s = min(self.limit_s, self.talk.left_s())
        if limit_s <= 0:
            raise Away(Kind.SILENT, self.server, "no time is left")
        return limit_s

    def _do(self, what: Callable[[Any], object]) -> Any:
        connection = self._connection
        try:
            connection.socket.settimeout(self._limit())
            what(connection)
        except Away:
            raise
        except Exception as error:
            raise self._why_failed(error) from error
        return connection

    def _why_failed(self, error: Exception) -> Away:
        kind = Kind.UNREACHABLE
        if isinstance(error, LDAPInvalidFilterError):
            kind = Kind.QUESTION
        elif "timed out" in str(error) or self.talk.left_s() <= 0:
            kind = Kind.SILENT
        return Away(kind, self.server, f"{type(error).__name__}: {error}")

    def _refusal(self, result: dict[str, Any], what: str) -> Away:
        kind = Kind.SILENT if result["result"] in BUSY_CODES else Kind.QUESTION
        words = f"{result['result']} {result.get('description', '')} {result.get('message', '')}"
        return Away(kind, self.server, f"{what}: {words.strip()}")

    def _why_closed(self, error: Exception, tls: _Tls | None) -> Away:
        real = tls.error if tls is not None and tls.error is not None else None
        text = str(real or error) or type(error).__name__
        fault = fault_of(real)
        if fault is not None:
            return Away(Kind[fault.name], self.server, text)
        if isinstance(error, LDAPSSLConfigurationError):
            return Away(Kind.UNTRUSTED, self.server, f"the CA file cannot be used: {text}")
        if isinstance(real, TimeoutError) or self.talk.left_s() <= 0:
            return Away(Kind.SILENT, self.server, text)
        if real is not None:
            return Away(Kind.NO_TLS, self.server, text)
        if isinstance(error, LDAPSocketOpenError):
            return Away(Kind.UNREACHABLE, self.server, text)
        # it was there until StartTLS
        return Away(Kind.SILENT if "timed out" in text else Kind.NO_TLS, self.server, text)


def _entry(item: dict[str, Any]) -> Entry:
    attributes = {name.lower(): list(values) for name, values in item["raw_attributes"].items()}
    return Entry(item["dn"], attributes)


def _policy(result: dict[str, Any]) -> int | None:
    """The error in the answer to the ppolicy control: [1] ENUMERATED in a sequence."""
    control = (result.get("controls") or {}).get(PPOLICY) or {}
    for _, content in _parts(control.get("value") or b""):
        for tag, error in _parts(content):
            if tag == 0x81 and len(error) == 1:
                return error[0]
    return None


def _parts(value: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of what stands side by side in BER. Lengths may be long: 389-ds writes
    all of them so."""
    parts = []
    while len(value) >= 2:
        tag, length, at = value[0], value[1], 2
        if length & 0x80:
            at += length & 0x7F
            length = int.from_bytes(value[2:at])
        parts.append((tag, value[at : at + length]))
        value = value[at + length :]
    return parts
