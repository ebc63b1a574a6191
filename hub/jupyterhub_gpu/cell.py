"""A server's cell: the small container whose network namespace, with its rules, the server joins.

The cell loads its rules, gives up its rights and says `ready`; only then is the server's container
created, in that namespace. So no process of a person ever runs without the rules or can change
them. The cell goes after the server's container has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from docker.errors import APIError
from traitlets import Bool, Integer, List, TraitError, Unicode, validate

from . import status
from .cell_rules import BadNetwork, NetworkFacts, Ports, Reach, ruleset
from .closed import close_container
from .engine import ENGINE_ERRORS, EngineTruth, StillThere, explain, is_running, labels_of
from .lease import Owner
from .words import Refusal

ADDRESS = "gpuhub.address"  # label of a server's container: where it is, even when its cell died
CELL, CELL_LEASE, OWNER = "gpuhub.cell", "gpuhub.cell.lease", "gpuhub.owner"
# For one small process; the engine's own helper needs more threads and memory while it starts one.
CELL_MEMORY, CELL_PIDS = 64 * 1024 * 1024, 32
STATUS_URL, NO_PROXY = "GPUHUB_STATUS_URL", ("no_proxy", "NO_PROXY")
CONFLICT = 409
# What docker does not take together with another container's network: the cell gets it.
NAMES = ("hostname", "domainname", "mac_address")
RESOLVING = ("Dns", "DnsOptions", "DnsSearch", "ExtraHosts")
LEFT_OUT = ("PortBindings", "PublishAllPorts", "Links", *RESOLVING)


class InCell(EngineTruth):
    """Mixin over any DockerSpawner class: what it creates is closed and joins a cell."""

    owner: Owner
    lease_id: str
    removal_timeout: int

    isolate = Bool(
        True,
        config=True,
        help="Whether each server gets a network container with rules: it then reaches neither "
        "other people's servers nor this machine nor private networks. Default: True. Since 0.1.",
    )
    network_file = Unicode(
        "/etc/gpuhub/network.json",
        config=True,
        help="What `up` has written down of the servers' network and this machine's addresses. "
        "Read anew for each server. Default: `/etc/gpuhub/network.json`. Since 0.1.",
    )
    cell_image = Unicode(
        "",
        config=True,
        help="The network container's image. Default: the one that `network_file` names. "
        "Since 0.1.",
    )
    cell_timeout = Integer(
        15,
        config=True,
        help="Seconds until a network container must have its rules loaded; else the start is "
        "refused. Default: 15. Since 0.1.",
    )
    reach = List(
        Unicode(),
        config=True,
        help="Private addresses that servers may reach: `10.1.0.0/16`, `192.168.3.4:3128`. A "
        "single address may be this machine's. Default: none. Since 0.1.",
    )
    pids_limit = Integer(
        2048,
        config=True,
        help="How many processes and threads a server may have. Default: 2048. Since 0.1.",
    )

    cell_id = Unicode(help="The server's cell; empty: none. Kept in the hub's database.")

    @validate("reach")
    def _valid_reach(self, proposal: Any) -> Any:
        try:
            [Reach.parse(each) for each in proposal.value]
        except BadNetwork as error:
            raise TraitError(f"reach: {error}") from error
        return proposal.value

    @property
    def cell_name(self) -> str:
        return f"{self.object_name}.cell"

    # --- a server's container is created --------------------------------------------------------

    def docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As DockerSpawner's; the server's container is closed, and put into a cell made for it."""
        if method != "create_container" or kwargs.get("name") != self.object_name:
            return super().docker(method, *args, **kwargs)
        kwargs = close_container(kwargs, self.pids_limit)
        if not self.isolate:
            return super().docker(method, *args, **kwargs)
        return self._create_in_cell(kwargs)

    def get_env(self) -> dict[str, str]:
        """As DockerSpawner's, and where the status service is, if there is one."""
        env: dict[str, str] = super().get_env()
        with contextlib.suppress(BadNetwork):  # who is isolated is refused for it, in words
            if address := NetworkFacts.read(Path(self.network_file)).status:
                env[STATUS_URL] = status.url_at(address)
                # a site's proxy must not be asked for an address of ours
                env |= {key: f"{env[key]},{address}" for key in NO_PROXY if key in env}
        return env

    async def _create_in_cell(self, create: dict[str, Any]) -> Any:
        mode = create["host_config"].get("NetworkMode")
        if mode != self.network_name:
            self.log.error("%s: network_mode %r but `isolate`", self._log_name, mode)
            text = "The hub's configuration names another network for servers. Tell an admin."
            raise Refusal(text, reason="conflicting-config", status_code=500)
        address = await self._make_cell(create)
        joined = join(create, self.cell_id, address)
        return await super().docker("create_container", **joined)

    async def _make_cell(self, server: Mapping[str, Any]) -> str:
        """Make, start and await a cell for a server; its address. Raises Refusal."""
        try:
            wanted = self._cell(server, NetworkFacts.read(Path(self.network_file)))
        except (BadNetwork, ValueError) as error:
            raise self._not_closed(str(error)) from error
        self.cell_id = await self._create_cell(wanted)
        await super().docker("start", self.cell_id)
        await self._await_ready(self.cell_id)
        found = await self.inspect(self.cell_id)
        if not found or not is_running(found):
            raise self._not_closed("the network container ended")
        return str(self.get_network_ip(found["NetworkSettings"]))

    def _cell(self, server: Mapping[str, Any], facts: NetworkFacts) -> dict[str, Any]:
        host = server["host_config"]
        ports = Ports(server=self.port, hub=urlparse(self.hub.api_url).port or 80)
        ways = [Reach.parse(each) for each in self.reach]
        config = self.client.create_host_config(
            network_mode=self.network_name,
            cap_drop=["ALL"],
            cap_add=["NET_ADMIN"],
            security_opt=["no-new-privileges"],
            read_only=True,
            pids_limit=CELL_PIDS,
            mem_limit=CELL_MEMORY,
            log_config={"Type": "json-file", "Config": {"max-size": "64k", "max-file": "1"}},
        )
        config |= {key: host[key] for key in RESOLVING if host.get(key)}
        own = self.owner
        return {
            **{key: server[key] for key in NAMES if server.get(key)},
            "image": self.cell_image or facts.cell_image,
            "name": self.cell_name,
            "environment": {
                "GPUHUB_CELL_RULES": ruleset(facts, ways, ports, host.get("Dns") or ()),
                "NVIDIA_VISIBLE_DEVICES": "void",
            },
            "labels": {
                CELL: "1",
                CELL_LEASE: self.lease_id,
                OWNER: f"{own.hub}/{own.user}/{own.server}",
            },
            "host_config": config,
        }

    async def _create_cell(self, wanted: dict[str, Any]) -> str:
        try:
            made = await super().docker("create_container", **wanted)
        except APIError as error:
            if error.status_code != CONFLICT or not await self.remove_cell():
                raise
            made = await super().docker("create_container", **wanted)
        return str(made["Id"])

    async def _await_ready(self, cell: str) -> None:
        """Follow what the cell says until it is ready. Raises Refusal if it ends or is silent."""
        said = await super().docker("logs", cell, stream=True, follow=True)
        reading = asyncio.ensure_future(asyncio.to_thread(_until_ready, said))
        done, _ = await asyncio.wait({reading}, timeout=self.cell_timeout)
        if not done:
            said.close()  # ends the reading, too
            raise self._not_closed(f"it was not ready within {self.cell_timeout} s")
        words = reading.result()
        if words is not None:
            raise self._not_closed(words or "it ended without a word")

    def _not_closed(self, why: str) -> Refusal:
        self.log.error("%s: no network container: %s", self._log_name, why)
        text = (
            "Your server was not started, because its network could not be closed off. "
            "Tell an admin; ./gpuhub doctor says what is wrong."
        )
        return Refusal(text, reason="not-closed", status_code=500)

    # --- where a server is ----------------------------------------------------------------------

    async def get_ip_and_port(self) -> tuple[str, int]:
        """The cell's address, which the server's container carries as a label."""
        if not self.isolate and not self.cell_id:
            return await super().get_ip_and_port()
        found = await self.inspect(self.object_id or self.object_name)
        address = labels_of(found or {}).get(ADDRESS)
        if not address:
            return await super().get_ip_and_port()
        self.cell_id = cell_of(found or {})
        return address, self.port

    async def in_right_cell(self, container: dict[str, Any]) -> bool:
        """Whether a container is where one started now would be: in a living cell, or none."""
        cell = cell_of(container)
        if not cell or not self.isolate:
            return bool(cell) == self.isolate
        found = await self.inspect(cell)
        return bool(found) and is_running(found or {})

    # --- the end --------------------------------------------------------------------------------

    async def remove_cell(self, lease_id: str = "") -> bool:
        """Remove this server's cell, which no container uses any more; whether it is gone.

        With `lease_id` only if it was made for that lease. A failure is only logged: what is left
        is found by the look for strays.
        """
        if not self.isolate and not self.cell_id:
            return True
        try:
            found = await self.inspect(self.cell_name)
            if found and not self._is_own_cell(found, lease_id):
                return False
            if found:
                await self.remove_for_good(found["Id"], self.removal_timeout, grace=False)
        except (StillThere, *ENGINE_ERRORS) as error:
            words = explain(error)
            self.log.warning("The cell of %s was not removed: %s", self._log_name, words)
            return False
        self.cell_id = ""
        return True

    def _is_own_cell(self, found: dict[str, Any], lease_id: str) -> bool:
        labels = labels_of(found)
        if labels.get(CELL) != "1" or (lease_id and labels.get(CELL_LEASE) != lease_id):
            return False
        return found["Id"] == self.cell_id or not self.is_foreign(found)

    # --- the hub's database ---------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        if self.cell_id:
            state["cell_id"] = self.cell_id
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.cell_id = state.get("cell_id", "")


def join(create: Mapping[str, Any], cell: str, address: str) -> dict[str, Any]:
    """The arguments of a server's creation, changed so that it joins a cell's network."""
    host = {key: value for key, value in create["host_config"].items() if key not in LEFT_OUT}
    kept = {key: value for key, value in create.items() if key not in (*NAMES, "ports")}
    kept.pop("networking_config", None)
    return {
        **kept,
        "host_config": {**host, "NetworkMode": f"container:{cell}"},
        "labels": {**create.get("labels", {}), ADDRESS: address},
    }


def cell_of(container: Mapping[str, Any]) -> str:
    """The id of the cell that a container is in; empty if it is in none."""
    mode = str((container.get("HostConfig") or {}).get("NetworkMode") or "")
    kind, _, cell = mode.partition(":")
    return cell if kind == "container" else ""


def _until_ready(said: Iterable[bytes]) -> str | None:
    """None when the cell has said `ready`; else what it said before it ended."""
    text = ""
    for piece in said:
        text += piece.decode(errors="replace")
        if "ready" in text.splitlines():
            return None
    return text.strip()
