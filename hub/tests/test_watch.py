"""The engine's socket, and containers that nobody ends."""

import os
import signal
import socket

import pytest
from docker.errors import NotFound
from test_lease import lease

from jupyterhub_gpu import strays, watch


def listening(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    return server


def test_refused_means_nobody_listens(tmp_path):
    path = tmp_path / "d.sock"
    assert watch.is_refused(str(path))
    server = listening(path)
    assert not watch.is_refused(str(path))
    server.close()
    assert watch.is_refused(str(path))


def test_a_socket_that_may_not_be_opened_is_not_refused(monkeypatch, tmp_path):
    def denied(*args):
        raise PermissionError

    monkeypatch.setattr(watch.socket, "socket", lambda *a: _Probe(denied))
    assert not watch.is_refused("x")


class _Probe:
    def __init__(self, connect):
        self.connect = connect

    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None

    def settimeout(self, limit):
        pass


def test_patience_counts_from_the_first_refusal_and_anew_after_an_answer():
    patience = watch.Patience(10.0)
    assert not patience.over(True, 0.0)
    assert not patience.over(True, 9.0)
    assert not patience.over(False, 9.5)
    assert not patience.over(True, 10.0)
    assert patience.over(True, 20.0)


def test_a_stale_socket_ends_the_process(monkeypatch, tmp_path):
    done = []
    monkeypatch.setattr(watch.time, "sleep", lambda s: None)
    monkeypatch.setattr(watch, "Patience", lambda: watch_patience)
    watch_patience = type("Now", (), {"over": lambda self, refused, now: refused})()
    monkeypatch.setattr(os, "kill", lambda pid, sig: done.append(sig))
    monkeypatch.setattr(os, "_exit", done.append)
    watch._watch(str(tmp_path / "none.sock"))
    assert done == [signal.SIGTERM, watch.EXIT_CODE]


def ending(ident, container="c"):
    return lease(id=ident, state="ending", container=container)


def test_strays_are_due_after_a_while_only():
    seen = strays.Strays(after_s=60)
    assert seen.due([ending("L-1"), ending("L-2", None)], 0) == []
    assert [each.id for each in seen.due([ending("L-1"), ending("L-2", None)], 60)] == ["L-1"]
    assert seen.due([lease(state="active")], 61) == []
    assert seen.due([ending("L-1")], 62) == []


class Engine:
    def __init__(self, labels):
        self.labels, self.done = labels, []

    def inspect_container(self, ref):
        if self.labels is None:
            raise NotFound("gone")
        return {"Config": {"Labels": self.labels}}

    def stop(self, ref, timeout):
        self.done.append("stop")

    def remove_container(self, ref, v, force):
        self.done.append("remove")

    def close(self):
        self.done.append("close")


@pytest.mark.parametrize(
    ("labels", "done"),
    [
        ({"gpuhub.lease": "L-1", "gpuhub.notebook": "1"}, ["stop", "remove", "close"]),
        ({"gpuhub.lease": "L-1"}, ["close"]),
        ({"gpuhub.lease": "L-2", "gpuhub.notebook": "1"}, ["close"]),
        ({}, ["close"]),
        (None, ["close"]),
    ],
)
def test_only_the_leases_own_notebook_is_ended(monkeypatch, labels, done):
    engine = Engine(labels)
    monkeypatch.setattr(strays.docker, "APIClient", lambda **kwargs: engine)
    strays.end_container(ending("L-1"))
    assert engine.done == done
