"""Directory servers that must not be believed or do not answer, by real sockets and real TLS."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from certificates import Ca

from jupyterhub_gpu.directory import Directory
from jupyterhub_gpu.directory_answers import Away, Kind, Where
from jupyterhub_gpu.directory_session import Talk


class Listener:
    """Takes connections by TLS, or `plain`; says `what` to each, or nothing."""

    def __init__(self, context=None, what=None):
        self.context, self.what, self.closed = context, what, False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._kept = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._kept.append(connection)
                with contextlib.suppress(OSError):
                    if self.context:
                        connection = self.context.wrap_socket(connection, server_side=True)
                        self._kept.append(connection)
                    if self.what is not None:
                        connection.sendall(self.what)

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for each in [self._socket, *self._kept]:
            each.close()


@pytest.fixture
def listen():
    made = []

    def start(*args, **kwargs):
        made.append(Listener(*args, **kwargs))
        return made[-1]

    yield start
    for each in made:
        each.close()


def ask(port, ca_file, ldaps=True, limit_s=5.0, timeout_s=0.3):
    """What comes of it, and after how long."""
    where = Where(("localhost",), port, ldaps, timeout_s, "cn=a", "b", {"ca_certs_file": ca_file})
    began = time.monotonic()
    with pytest.raises(Away) as caught:
        Directory(where).ask(Talk(limit_s), lambda session: session)
    assert "localhost" in str(caught.value)
    return caught.value.kind, time.monotonic() - began


def test_certificates(tmp_path, listen):
    ca, other = Ca(tmp_path), Ca(tmp_path, "other")
    good = listen(ca.context("localhost")).port
    assert ask(good, other.file)[0] is Kind.UNTRUSTED
    assert ask(good, None)[0] is Kind.UNTRUSTED  # the system's CAs do not know it
    assert ask(good, str(tmp_path / "none.pem"))[0] is Kind.UNTRUSTED
    assert ask(listen(ca.context("ldap.example.org")).port, ca.file)[0] is Kind.OTHER_NAME
    assert ask(listen(ca.context("localhost", expired=True)).port, ca.file)[0] is Kind.EXPIRED
    assert ask(good, ca.file)[0] is Kind.SILENT  # only now it is asked anything


@pytest.mark.parametrize("ldaps", [True, False])
def test_servers_that_take_a_connection_and_stay_silent(tmp_path, listen, ldaps):
    kind, took_s = ask(listen().port, Ca(tmp_path).file, ldaps)
    assert kind is Kind.SILENT
    assert took_s < 2


@pytest.mark.parametrize("ldaps", [True, False])
def test_servers_that_are_no_directory(tmp_path, listen, ldaps):
    port = listen(what=b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9).port
    assert ask(port, Ca(tmp_path).file, ldaps)[0] in (Kind.NO_TLS, Kind.SILENT)


def test_something_else_that_speaks_tls(tmp_path, listen):
    ca = Ca(tmp_path)
    port = listen(ca.context("localhost"), b"HTTP/1.1 400 Bad Request\r\n\r\n" * 9).port
    assert ask(port, ca.file)[0] in (Kind.UNREACHABLE, Kind.SILENT)


def test_nobody_there(tmp_path, listen):
    gone = listen()
    gone.close()
    assert ask(gone.port, Ca(tmp_path).file)[0] is Kind.UNREACHABLE


def test_a_talk_can_be_cut_from_outside(tmp_path, listen):
    port = listen().port
    where = Where(("localhost",), port, ldaps=False, timeout_s=30, account=None, password=None)
    talk = Talk(30)
    threading.Timer(0.3, talk.cut).start()
    began = time.monotonic()
    with pytest.raises(Away) as caught:
        Directory(where).ask(talk, lambda session: session)
    assert caught.value.kind is Kind.SILENT
    assert time.monotonic() - began < 5
