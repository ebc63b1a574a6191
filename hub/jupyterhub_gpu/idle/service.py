"""The service's process: reads the settings, makes the parts, and lets the idle culler tick."""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import IO

from jupyterhub_idle_culler import IdleCuller
from tornado.ioloop import IOLoop, PeriodicCallback

from jupyterhub_gpu.allocator import AllocatorClient
from jupyterhub_gpu.settings import Settings

from . import SOCKET
from .api import application, listen
from .clock import Clock
from .doors import Doors
from .hub_api import HubApi
from .judge import Judge
from .look import Look
from .own_server import OwnServers
from .store import Store

CONFIG = Path("/etc/gpuhub/hub.json")
STATE = Path("/srv/jupyterhub/idle.sqlite")
ENGINE = "/var/run/docker.sock"
LOCK_WAIT_S = 15.0
BUSY_CODE, ORPHAN_CODE = 75, 76
LOG_FORMAT = "[%(levelname)1.1s %(asctime)s.%(msecs)03d %(name)s] %(message)s"

log = logging.getLogger("jupyterhub_gpu.idle")


def main(arguments: list[str] | None = None) -> None:
    """Run until the hub ends it. Exits with BUSY_CODE while another one runs."""
    told = _arguments(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=LOG_FORMAT,
                        datefmt="%Y-%m-%d %H:%M:%S")  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    settings = Settings.read(told.config)
    url, token = (
        told.hub_api or os.environ["JUPYTERHUB_API_URL"],
        os.environ["JUPYTERHUB_API_TOKEN"],
    )
    try:
        with _alone(told.state.with_suffix(".lock")):
            run(settings, url, token, told)
    except KeyboardInterrupt:
        log.info("Ended")


def run(settings: Settings, url: str, token: str, told: argparse.Namespace) -> None:
    """Judge and answer until the loop is stopped."""
    clock, store, servers = Clock(), Store(told.state), OwnServers()
    allocator = AllocatorClient(settings.socket)
    look = Look(settings, allocator, Doors(told.engine), servers, clock)
    judge = Judge(settings, HubApi(url, token), look, store, clock)
    loop = IOLoop.current()
    loop.run_sync(servers.open)
    judge.start()
    server = listen(application(judge, allocator), told.listen)
    loop.add_callback(judge.stay_alive)
    PeriodicCallback(partial(_end_without, os.getppid()), 1000).start()
    culler = IdleCuller(
        config_file="",
        url=url,
        cull_every=settings.idle.look_every_s,
        cull_arbiter_hook=judge.arbiter,
    )
    culler.log.addFilter(lambda record: "pycurl" not in record.getMessage())
    culler.start()
    server.stop()
    loop.run_sync(servers.close)
    store.close()


def _end_without(parent: int) -> None:
    """End when the hub is gone that has started this: the next one starts its own."""
    if os.getppid() != parent:
        log.warning("The hub is gone: ending")
        os._exit(ORPHAN_CODE)


class _alone:  # noqa: N801  (a context manager)
    """Holds a lock: two judges would warn and end by turns. Exits if it cannot be had."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        self._file = self.path.open("w")
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    log.error("%s: another judge is still at work", self.path)
                    sys.exit(BUSY_CODE)
                time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m jupyterhub_gpu.idle", description=__doc__)
    parser.add_argument("--config", type=Path, default=CONFIG, help="hub.json")
    parser.add_argument("--state", type=Path, default=STATE, help="what must not be forgotten")
    parser.add_argument("--listen", type=Path, default=Path(SOCKET), help="the socket to answer on")
    parser.add_argument("--engine", default=ENGINE, help="the container engine's socket")
    parser.add_argument("--hub-api", default="", help="URL; else JUPYTERHUB_API_URL")
    return parser.parse_args(arguments)
