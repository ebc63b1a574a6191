"""The idle rule through random work, faults, restarts and clock jumps, each from one seed.

A world knows what is really so; the rule only hears of it. Checkers watch from outside: nothing
ends that works, nothing before its time, nobody unwarned; and once the faults stop, what lies idle
for good does end. GPUHUB_IDLE_SEED replays one seed.
"""

import os
import random
from dataclasses import replace

import pytest

from jupyterhub_gpu.idle import words
from jupyterhub_gpu.idle.clock import Clock
from jupyterhub_gpu.idle.rule import (
    CannotKeep,
    Evidence,
    GpuUse,
    Limits,
    Memory,
    OwnWord,
    judge,
    keep,
)

SEEDS = [int(os.environ["GPUHUB_IDLE_SEED"])] if "GPUHUB_IDLE_SEED" in os.environ else range(300)
EPOCH = 1_800_000_000.0
SLACK_S = 1.0


class World:
    """What is really so. `true` is time as it passes, whatever any clock shows."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.true, self.wall_ahead = 0.0, 0.0
        limit = self.chance.choice([60.0, 600.0, 3600.0])
        lifetime = self.chance.choice([None, None, 8 * limit])
        self.limits = Limits(limit, 4 * limit, lifetime, limit, 2 * limit)
        self.every = self.chance.choice([limit / 120, limit / 20, limit / 7])
        self.faults = self.chance.choice([0.0, 0.05, 0.3])
        self.works = self.chance.choice([0.02, 0.1, 0.5])
        self.clock = self.new_clock()
        self.started = self.wall()
        self.memory = Memory()
        self.gpu_busy = self.cell = self.silent = self.unmeasured = False
        self.gpu_at = self.own_at = 0.0  # truly active last
        self.own_stamp = self.started  # as the server stamped it, by the wall clock
        self.up_s = 0.0  # time in which anybody could be warned, or keep anything
        self.first_up = self.last_up = None  # `up_s` when each warning was first shown
        self.kept_true = None
        self.verdict = None

    def wall(self):
        return EPOCH + self.true + self.wall_ahead

    def new_clock(self):
        start = self.true
        return Clock(self.wall, lambda: self.true - start)

    def touch(self):
        self.own_at, self.own_stamp = self.true, self.wall()

    def pass_time(self, seconds):
        self.true += seconds
        if self.gpu_busy:
            self.gpu_at = self.true

    # --- what happens ---------------------------------------------------------------------------

    def step(self):
        chance = self.chance
        if chance.random() < self.works:
            self.work()
        if chance.random() < self.faults:
            self.fault()
        elif chance.random() < 0.3:
            self.silent = self.unmeasured = False
        if chance.random() < 0.02:
            self.ask_to_keep()
        self.up_s += self.every
        self.pass_time(self.every)
        return self.tick()

    def work(self):
        what = self.chance.choice(["gpu", "gpu off", "cell", "cell off", "touch", "touch"])
        if what == "gpu":
            self.gpu_busy, self.gpu_at = True, self.true
        elif what == "gpu off":
            self.gpu_busy = False
        elif what == "cell":
            self.cell = True
            self.touch()
        else:
            self.cell = self.cell and what == "touch"
            self.touch()

    def fault(self):
        what = self.chance.choice(["silent", "unmeasured", "restart", "away", "back", "jump"])
        if what in ("silent", "unmeasured"):
            setattr(self, what, True)
        elif what == "jump":  # while the judge runs
            self.wall_ahead += self.chance.uniform(-2, 2) * self.limits.idle_s
        else:
            self.restart(what)

    def restart(self, what):
        alive_at, alive_wall = self.clock.now(), self.wall()
        if what == "away":
            self.pass_time(self.chance.uniform(0, 2) * self.limits.idle_s)
        if what == "back":
            self.wall_ahead -= self.chance.uniform(0, 2) * self.limits.idle_s
        self.clock = self.new_clock()
        now = self.clock.now()
        memory = self.memory.under_other_clock(alive_wall - alive_at)
        self.memory = memory.after_outage(now - alive_wall, now)

    def ask_to_keep(self):
        if self.verdict is None:
            return
        now = self.clock.now()
        try:
            self.memory = keep(self.verdict, self.memory, now, self.limits.keep_s)
        except CannotKeep:
            return
        self.verdict, self.memory = judge(self.evidence(), self.limits, self.memory, now)
        if self.verdict.state == "kept":
            self.kept_true = self.true + self.verdict.kept_until - now

    def evidence(self):
        gpu = GpuUse(True, self.gpu_busy, self.clock.now() - (self.true - self.gpu_at))
        own = OwnWord(words.CELL if self.cell else None, self.own(), complete=True)
        return Evidence(
            started=self.clock.from_wall(self.started),
            has_gpus=True,
            gpu=GpuUse(False) if self.unmeasured else gpu,
            own=None if self.silent else own,
            trusted_from=self.clock.trusted_from,
        )

    def own(self):
        """As `activity` reads it: between the start and now."""
        now, from_wall = self.clock.now(), self.clock.from_wall
        oldest = self.clock.trusted_from or from_wall(self.started)
        return min(now, max(from_wall(self.own_stamp), oldest))

    # --- what must hold -------------------------------------------------------------------------

    def tick(self):
        busy_before = self.gpu_busy or self.cell
        self.clock.check()
        self.verdict, self.memory = judge(
            self.evidence(), self.limits, self.memory, self.clock.now()
        )
        warned = self.memory.idle
        self.first_up = None if warned.first_at is None else self.first_up or self.up_s
        self.last_up = None if warned.last_at is None else self.last_up or self.up_s
        if self.verdict.end in ("idle", "unknown"):
            self.check_end(busy_before)
        if self.verdict.end == "lifetime":
            assert self.true >= self.limits.lifetime_s - SLACK_S
        return self.verdict.end

    def check_end(self, busy):
        assert not self.gpu_busy, "ended under work on its GPU"
        assert not self.unmeasured, "ended although nothing is measured"
        assert self.silent or not busy, "ended under a cell that it told of"
        limit = self.limits.unknown_s if self.verdict.end == "unknown" else self.limits.idle_s
        known = self.gpu_at if self.silent else max(self.gpu_at, self.own_at)
        assert self.true - known >= limit - SLACK_S, "ended before its time"
        assert self.up_s - self.first_up >= 0.2 * limit - SLACK_S, "the first warning was too late"
        assert self.up_s - self.last_up >= 0.05 * limit - SLACK_S, "the last warning was too late"
        if self.kept_true is not None and self.wall_ahead == 0:
            cap = known + self.limits.idle_s + self.limits.keep_max_s
            assert self.true >= min(self.kept_true, cap) - SLACK_S, "ended although it was kept"


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_ends_wrongly_and_what_lies_idle_ends(seed):
    print(f"GPUHUB_IDLE_SEED={seed}")
    world = World(seed)
    for _ in range(400):
        if world.step():
            return  # ended, as it might; the checkers have looked
    # from now on all works and nobody does anything
    world.faults = world.works = 0.0
    world.silent = world.unmeasured = world.gpu_busy = world.cell = False
    idle_from = world.true
    world.limits = replace(world.limits, keep_max_s=0.0)
    # a clock that was set back leaves stamps that look as if they were from now on
    most = 2.5 * world.limits.idle_s + max(0.0, -world.wall_ahead) + 5 * world.every
    while world.true - idle_from <= most:
        world.pass_time(world.every)
        world.up_s += world.every
        if world.tick():
            return
    raise AssertionError(f"it never ended: {world.verdict}")


def test_the_checkers_do_fail():
    """A rule that forgets its warnings is caught."""
    world = World(1)
    world.faults = world.works = 0.0
    world.limits = replace(world.limits, lifetime_s=None)
    while not (world.verdict and world.verdict.warning == "last"):
        world.pass_time(world.every)
        world.up_s += world.every
        assert world.tick() is None
    world.verdict = replace(world.verdict, end="idle")
    with pytest.raises(AssertionError, match=r"before its time|too late"):
        world.check_end(busy=False)
