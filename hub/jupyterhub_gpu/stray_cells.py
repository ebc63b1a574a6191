"""Cells that no server uses any more are removed, servers whose cell died are told of: by a thread.

The hub removes a server's cell when the server has ended. Left are those of servers that ended
while the hub was away, or whose removal the engine did not do.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import docker

from .cell import CELL, OWNER, cell_of
from .engine import ENGINE_ERRORS

LOOK_EVERY_S = 20.0
AFTER_S = 600.0  # a start whose server is still to be created, with hundreds of them before it

log = logging.getLogger("jupyterhub_gpu.stray_cells")

type Container = dict[str, Any]  # as the engine lists it


class StrayCells:
    """Decides by what the engine lists. One thread's; time is passed in."""

    def __init__(self, hub_name: str, began: float) -> None:
        self.hub_name = hub_name
        self.began = began  # this hub: what is older and unused was another one's before it
        self._told: set[str] = set()

    def due(self, cells: list[Container], servers: list[Container], now: float) -> list[str]:
        """Ids of this hub's cells that nobody uses or will use."""
        used = {cell_of(each) for each in servers}
        return [
            each["Id"]
            for each in cells
            if each["Id"] not in used
            and str((each.get("Labels") or {}).get(OWNER)).partition("/")[0] == self.hub_name
            and (each["Created"] < self.began or now - each["Created"] >= AFTER_S)
        ]

    def cut_off(self, cells: list[Container], servers: list[Container]) -> list[str]:
        """Ids of running servers whose cell does not run; each is told once."""
        alive = {each["Id"] for each in cells if each["State"] == "running"}
        lost = {
            each["Id"]
            for each in servers
            if each["State"] == "running" and cell_of(each) and cell_of(each) not in alive
        }
        fresh = sorted(lost - self._told)
        self._told = lost
        return fresh


def start_stray_cells(hub_name: str) -> threading.Thread:
    """Look for stray cells now, and for as long as the process lives."""
    strays = StrayCells(hub_name, time.time())
    thread = threading.Thread(target=_look_forever, args=(strays,), name="stray-cells", daemon=True)
    thread.start()
    return thread


def _look_forever(strays: StrayCells) -> None:
    while True:
        try:
            look(strays, time.time())
        except ENGINE_ERRORS as error:
            log.warning("Stray cells could not be looked for: %s", error)
        time.sleep(LOOK_EVERY_S)


def look(strays: StrayCells, now: float) -> None:
    """One look. Raises ENGINE_ERRORS."""
    engine = docker.APIClient(version="auto")
    try:
        # cells first: a server that comes in between is then seen, and its cell is used
        cells = engine.containers(all=True, filters={"label": f"{CELL}=1"})
        servers = engine.containers(all=True, filters={"label": "gpuhub.notebook=1"})
        for ident in strays.cut_off(cells, servers):
            log.error("Container %s has lost its cell: nobody can reach that server", ident[:12])
        for ident in strays.due(cells, servers, now):
            log.warning("Cell %s is used by no server: removing it", ident[:12])
            try:
                engine.remove_container(ident, v=True, force=True)
            except docker.errors.NotFound:
                continue
    finally:
        engine.close()
