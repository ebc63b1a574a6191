"""The judge: looks at all servers once per tick, remembers, and says which one is to end.

The culler ticks: it asks `arbiter` about each server in turn. The first question of a tick looks
at all servers together; a server whose time has come is looked at once more, by itself, before the
answer is yes. One event loop; what reads and writes the memory does so without a pause between.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jupyterhub_gpu.settings import Settings

from . import rule, words
from .clock import Clock
from .hub_api import HubApi, HubSilent, Person, Running
from .limits import is_exempt, limits_of
from .look import Look, Seen
from .rule import Evidence, Limits, Memory, Verdict
from .store import Ended, Run, Store

OUTAGE_LOOKS, OUTAGE_S = 3.0, 30.0
FRESH_LOOKS, FRESH_S = 1.5, 5.0
AGAIN_S = 2.0  # somebody who asks may make it look anew so often
STOPPING_S = 60.0  # a server that is to end and still runs is judged anew after so long

log = logging.getLogger("jupyterhub_gpu.idle")

type Key = tuple[str, str]  # user, server


class Ending(Exception):
    """The server is being ended: too late for anything."""


@dataclass(frozen=True)
class Judged:
    """One server, as it was judged last."""

    running: Running
    seen: Seen
    profile: str | None
    limits: Limits
    evidence: Evidence
    memory: Memory
    verdict: Verdict

    @property
    def run(self) -> Run:
        return Run(self.running.user, self.running.server, self.running.started)


class Judge:
    """Made with its parts. `start` before anything else."""

    def __init__(
        self, settings: Settings, hub: HubApi, look: Look, store: Store, clock: Clock
    ) -> None:
        self.settings, self.hub, self.look, self.store = settings, hub, look, store
        self.clock = clock
        self.judged: dict[Key, Judged] = {}
        self._people: set[str] = set()
        self._ending: set[Run] = set()
        self._looked_at = self._judged_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    @property
    def every_s(self) -> float:
        return self.settings.idle.look_every_s

    def start(self) -> None:
        """Take up what was remembered."""
        away_s = self.store.after_outage(self.clock)
        self.store.forget(self.clock.to_wall(self.clock.now()))
        log.info("Judging every %.0f s; away for %.0f s before", self.every_s, away_s)

    # --- the culler's question ------------------------------------------------------------------

    async def arbiter(self, *, server: Mapping[str, Any], **_: Any) -> bool:
        """Whether to end this server now. Never raises: in doubt it lives on."""
        try:
            await self.look_at_all(self.every_s / 2)
            user = str(server["full_name"]).partition("/")[0]
            judged = self.judged.get((user, str(server["name"])))
            if judged is None or judged.running.started != server["started"]:
                return False
            return judged.verdict.end is not None and await self._end(judged.running)
        except Exception:
            log.exception("A server lives on because it could not be judged")
            return False

    async def _end(self, running: Running) -> bool:
        """Look once more at one server; if it is still to end, note that and say yes."""
        person = await self.hub.person(running.user)
        if person is None or running not in person.servers:
            return False
        seen = await self.look.at_one(running)
        judged = self._judge(person, running, seen)
        self._publish([judged])
        why = judged.verdict.end
        if why is None:
            return False
        now = self.clock.now()
        text = words.ended(
            why,
            now - judged.verdict.active_at,
            judged.limits.lifetime_s or 0.0,
            has_gpus=seen.has_gpus,
        )
        lease = seen.lease.id if seen.lease else ""
        self.store.note_end(Ended(judged.run, lease, self.clock.to_wall(now), why, text))
        self._ending.add(judged.run)
        log.warning("Ending %s/%s: %s", running.user, running.server, text)
        return True

    # --- looking and judging --------------------------------------------------------------------

    async def look_at_all(self, not_within_s: float = AGAIN_S) -> None:
        """Look at all servers, unless that was done within so many seconds; one look at a time."""
        if self._looking is None or self._looking.done():
            if self.clock.now() - self._looked_at < not_within_s:
                return
            self._looking = asyncio.create_task(self._look_at_all())
        await asyncio.shield(self._looking)

    async def _look_at_all(self) -> None:
        try:
            await self._look_and_judge()
        finally:  # its end counts: one that lasts is not made anew for each server of a tick
            self._looked_at = self.clock.now()

    async def _look_and_judge(self) -> None:
        try:
            people = await self.hub.ready()
        except HubSilent as error:
            log.warning("Nothing is judged: the hub does not tell who runs what (%s)", error)
            return
        by_server = {each: person for person in people for each in person.servers}
        seen = await self.look.at_all(by_server)
        judged = [self._judge(by_server[each], each, seen[each]) for each in seen]
        self._notice_the_living({each.run for each in judged})
        self._people = {person.name for person in people}
        self._publish(judged, whole=True)
        self._judged_at = self.clock.now()
        self._tidy(judged)

    def _judge(self, person: Person, running: Running, seen: Seen) -> Judged:
        """From one look at one server. Writes nothing, shows nothing."""
        self.clock.check()
        now = self.clock.now()
        run = Run(running.user, running.server, running.started)
        lease = seen.lease.id if seen.lease else ""
        profile = seen.profile or self.store.profile_of(lease) or running.profile
        limits = limits_of(self.settings, profile, has_gpus=seen.has_gpus)
        evidence = Evidence(
            started=self.clock.from_wall(max(running.started_at, seen.granted_at or 0.0)),
            has_gpus=seen.has_gpus,
            gpu=seen.gpu,
            own=seen.own,
            exempt=is_exempt(self.settings, person.name, person.groups),
            held=seen.gpu_held or seen.own_held,
            trusted_from=self.clock.trusted_from,
        )
        verdict, memory = rule.judge(evidence, limits, self._remembered(run, now), now)
        return Judged(running, seen, profile, limits, evidence, memory, verdict)

    def _remembered(self, run: Run, now: float) -> Memory:
        told = self.store.remembered(run)
        if told is None:
            return Memory()
        memory, judged_at = told
        unjudged_s = now - judged_at
        if unjudged_s <= max(OUTAGE_LOOKS * self.every_s, OUTAGE_S):
            unjudged_s = 0.0
        return memory.after_outage(unjudged_s, now)

    def _publish(self, judged: list[Judged], *, whole: bool = False) -> None:
        """Durable first, then shown. `whole`: there are no other servers."""
        self.store.remember([(each.run, each.memory) for each in judged], self.clock.now())
        before, self.judged = self.judged, {} if whole else self.judged
        for each in judged:
            key = (each.running.user, each.running.server)
            warning, known = each.verdict.warning, before.get(key)
            if warning and (known is None or known.verdict.warning != warning):
                log.info("%s/%s was warned (%s)", *key, warning)
            self.judged[key] = each

    def _notice_the_living(self, living: set[Run]) -> None:
        """What was to end and runs on is judged anew, and nobody is told that it has ended."""
        wall = self.clock.to_wall(self.clock.now())
        for run in living:
            at = self.store.noted_end(run)
            if at is not None and abs(wall - at) > STOPPING_S:
                log.warning("%s/%s was to end, but runs on", run.user, run.server)
                self.store.withdraw_end(run)
                self._ending.discard(run)
        self._ending &= living

    def _tidy(self, judged: list[Judged]) -> None:
        leases = [(each, each.seen.lease.id) for each in judged if each.seen.lease]
        self.store.hide_ends(
            [(each.running.user, each.running.server, id_) for each, id_ in leases]
        )
        known = {id_: each.profile for each, id_ in leases if each.profile}
        new = {id_: slug for id_, slug in known.items() if self.store.profile_of(id_) != slug}
        if new:
            self.store.note_profiles(new, self.clock.to_wall(self.clock.now()))

    # --- what people ask ------------------------------------------------------------------------

    async def servers_of(self, user: str) -> list[Judged] | None:
        """A person's servers, judged at most a tick ago; None: there is no such person."""
        # a look under way is not waited for, as a silent server makes it last
        if self.clock.now() - self._judged_at > max(FRESH_LOOKS * self.every_s, FRESH_S):
            await self.look_at_all()
        if user not in self._people:
            person = await self.hub.person(user)
            if person is None:
                return None
            if person.servers:
                await self.look_at_all()
        mine = (each for (name, _), each in sorted(self.judged.items()) if name == user)
        return [each for each in mine if each.run not in self._ending]

    async def keep(self, user: str, server: str, for_s: float | None) -> Judged | None:
        """Keep a server; None: there is no such server. Raises rule.CannotKeep or Ending."""
        await self.servers_of(user)
        judged = self.judged.get((user, server))
        if judged is None:
            return None
        if judged.run in self._ending:
            raise Ending("it is being ended")
        now = self.clock.now()
        verdict, memory = rule.judge(judged.evidence, judged.limits, judged.memory, now)
        wanted = judged.limits.keep_s if for_s is None else for_s
        memory = rule.keep(verdict, memory, now, wanted)
        verdict, memory = rule.judge(judged.evidence, judged.limits, memory, now)
        kept = replace(judged, verdict=verdict, memory=memory)
        self._publish([kept])
        log.info("%s/%s is kept, as asked", user, server)
        return kept

    async def stay_alive(self) -> None:
        """Leave a sign of life for the next start, every few seconds, for ever."""
        while True:
            try:
                self.store.still_alive(self.clock)
            except sqlite3.Error as error:
                log.error("No sign of life could be written: %s", error)
            await asyncio.sleep(min(self.every_s, 5.0))
