"""The engine's socket, watched from a thread: a stale one ends the hub.

A bind-mounted socket file stays the old one when the engine makes a new one (live-restore); only
a new start of this container mounts the new one. The restart policy does that.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time

LOOK_EVERY_S = 2.0
GONE_AFTER_S = 10.0
GRACE_S = 15.0
EXIT_CODE = 75

log = logging.getLogger("jupyterhub_gpu.watch")


def is_refused(path: str) -> bool:
    """Nobody listens at `path`. A slow or overloaded engine is not refused."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(LOOK_EVERY_S)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return True
        except OSError:
            return False
    return False


class Patience:
    """Says when a refusal has lasted. Time is passed in."""

    def __init__(self, limit_s: float = GONE_AFTER_S) -> None:
        self.limit_s = limit_s
        self.since: float | None = None

    def over(self, refused: bool, now: float) -> bool:
        if not refused:
            self.since = None
            return False
        if self.since is None:
            self.since = now
        return now - self.since >= self.limit_s


def start_watch(path: str) -> threading.Thread:
    """Watch the socket for as long as the process lives."""
    thread = threading.Thread(target=_watch, args=(path,), name="engine-watch", daemon=True)
    thread.start()
    return thread


def _watch(path: str) -> None:
    patience = Patience()
    while not patience.over(is_refused(path), time.monotonic()):
        time.sleep(LOOK_EVERY_S)
    log.error("%s: nobody listens for %.0f s; ending, to get the new socket", path, GONE_AFTER_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(EXIT_CODE)
