"""Evidence of all servers, gathered at once: what the allocator measures, what each says itself.

What could not be had anew is held for a moment, so that one late answer does not change what a
person is told; by held evidence nothing ends. Who is slow to answer is waited for once: after that
his answer counts at the look after it has come, and the others are judged in time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from jupyterhub_gpu.allocator import AllocatorClient, AllocatorError
from jupyterhub_gpu.lease import Lease, Owner
from jupyterhub_gpu.settings import Settings
from jupyterhub_gpu.times import time_of

from .activity import Nonsense, Reader
from .clock import Clock
from .doors import Doors, NoDoor
from .hub_api import Running
from .own_server import OwnServers, Silent
from .rule import GpuUse, OwnWord

PATIENCE_S = 0.5  # the allocator is asked again at the next look anyway
HOLD_LOOKS = 3.0
SLOW_S = 0.5  # a server that takes longer is slow

type Word = tuple[OwnWord | None, str | None]  # what a server says, and the profile it began with

log = logging.getLogger("jupyterhub_gpu.idle")


@dataclass(frozen=True)
class Seen:
    """One look at a server. `lease` None: the allocator knows of none, or does not answer."""

    lease: Lease | None
    profile: str | None
    gpu: GpuUse
    own: OwnWord | None
    own_held: bool
    gpu_held: bool
    at: float

    @property
    def granted_at(self) -> float | None:
        """When its lease was granted (wall clock): a hub counts from before the wait for it."""
        when = time_of(self.lease.granted_at) if self.lease else None
        return when.timestamp() if when else None

    @property
    def has_gpus(self) -> bool:
        return self.lease is not None and bool(self.lease.gpus)


class Look:
    """Looks at servers. Keeps the last good look at each."""

    def __init__(
        self,
        settings: Settings,
        allocator: AllocatorClient,
        doors: Doors,
        servers: OwnServers,
        clock: Clock,
    ) -> None:
        self.hub_name, self.hold_s = settings.hub_name, HOLD_LOOKS * settings.idle.look_every_s
        self.allocator, self.doors, self.servers, self.clock = allocator, doors, servers, clock
        self._good_gpu: dict[Running, Seen] = {}
        self._good_own: dict[Running, Seen] = {}
        self._slow: set[Running] = set()
        self._late: dict[Running, asyncio.Task[Word]] = {}  # asked, not waited for any more

    async def at_all(self, running: Iterable[Running]) -> dict[Running, Seen]:
        """A look at every server that runs; all others are forgotten."""
        wanted = list(running)
        leases = await self._leases()
        seen = await asyncio.gather(*(self._at(each, leases, self._word_of) for each in wanted))
        found = dict(zip(wanted, seen, strict=True))
        for known in (self._good_gpu, self._good_own):
            for gone in known.keys() - found.keys():
                del known[gone]
        self._slow &= found.keys()
        for gone in self._late.keys() - found.keys():
            self._late.pop(gone).cancel()
        if leases is not None:
            self.doors.forget_all_but(
                {each.container for each in leases.values() if each.container}
            )
        return found

    async def at_one(self, running: Running) -> Seen:
        """A look at this one: its answer is waited for, however slow it is."""
        leases = await self._leases(running.user, running.server)
        return await self._at(running, leases, self._ask)

    async def _leases(
        self, user: str | None = None, server: str | None = None
    ) -> dict[Owner, Lease] | None:
        """The active leases by owner; None: the allocator does not answer."""
        try:
            told = await self.allocator.leases("live", user, server, patience_s=PATIENCE_S)
        except AllocatorError as error:
            log.warning("Nothing ends for idleness: the allocator does not tell (%s)", error)
            return None
        return {lease.owner: lease for lease in told if lease.state == "active"}

    async def _at(
        self,
        running: Running,
        leases: Mapping[Owner, Lease] | None,
        ask: Callable[[Running, Lease], Awaitable[Word]],
    ) -> Seen:
        owner = Owner(self.hub_name, running.user, running.server)
        held = self._held(self._good_gpu, running)
        lease = leases.get(owner) if leases is not None else held.lease if held else None
        gpu = self._gpu_use(lease)  # before the server is asked: that may take a while
        own, profile = await ask(running, lease) if lease else (None, None)
        seen = Seen(lease, profile, gpu, own, False, False, self.clock.now())
        if leases is not None:
            self._good_gpu[running] = seen
        else:
            gpu = held.gpu if held else GpuUse(measured=False)
            seen = replace(seen, gpu=gpu, gpu_held=True)
        if own is not None:
            self._good_own[running] = seen
        elif before := self._held(self._good_own, running):
            seen = replace(seen, own=before.own, own_held=True)
        return seen

    def _held(self, good: dict[Running, Seen], running: Running) -> Seen | None:
        seen = good.get(running)
        return seen if seen and self.clock.now() - seen.at <= self.hold_s else None

    def _gpu_use(self, lease: Lease | None) -> GpuUse:
        if lease is None:
            return GpuUse(measured=False)
        if not lease.gpus:
            return GpuUse(measured=True)
        usage = lease.usage
        if usage is None or usage.idle_for_s is None:
            return GpuUse(measured=False, why=usage.why if usage else None)
        return GpuUse(True, usage.busy, self.clock.now() - usage.idle_for_s)

    async def _word_of(self, running: Running, lease: Lease) -> Word:
        """Nothing yet, of one that is slow and has not answered since it was asked."""
        now = asyncio.get_running_loop().time
        asked_at = now()
        if running not in self._slow:
            word = await self._ask(running, lease)
            if now() - asked_at > SLOW_S:
                self._slow.add(running)
            return word
        earlier = self._late.pop(running, None)
        task = earlier or asyncio.create_task(self._ask(running, lease))
        done, _ = await asyncio.wait({task}, timeout=SLOW_S)
        if not done:
            self._late[running] = task
            return None, None
        if earlier is None:
            self._slow.discard(running)
        return task.result()

    async def _ask(self, running: Running, lease: Lease) -> Word:
        if lease.container is None:
            return None, None
        profile = None
        try:
            door = await self.doors.find(lease.container)
            profile = door.profile
            self.clock.check()
            oldest = self.clock.trusted_from or self.clock.from_wall(running.started_at)
            reader = Reader(oldest, self.clock.now(), self.clock.from_wall)
            return await self.servers.ask(door, running.path, reader), profile
        except (NoDoor, Silent, Nonsense) as error:
            level = logging.INFO if running in self._good_own else logging.DEBUG
            words = "%s/%s does not say what it does: %s"
            log.log(level, words, running.user, running.server, error)
            return None, profile
