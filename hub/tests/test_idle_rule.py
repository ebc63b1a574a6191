"""The idle rule as tables: what keeps a server, what ends it, and when. No I/O, no clock."""

import pytest

from jupyterhub_gpu.idle import words
from jupyterhub_gpu.idle.deadline import Warned, approach
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

MINUTE, HOUR = 60.0, 3600.0
LIMITS = Limits(idle_s=HOUR, unknown_s=24 * HOUR, lifetime_s=None, keep_s=HOUR, keep_max_s=4 * HOUR)
NONE = Limits(idle_s=None, unknown_s=24 * HOUR, lifetime_s=None, keep_s=HOUR, keep_max_s=HOUR)


class Life:
    """One server from its start at 0. `at` judges it at a minute; what was said before stays."""

    def __init__(self, limits=LIMITS, **evidence):
        self.limits, self.memory, self.verdict = limits, Memory(), None
        self.told = {"gpu_busy": False, "gpu_at": 0.0, "measured": True, "busy": None}
        self.told |= {"own_at": 0.0, "complete": True, "silent": False, "gpus": True}
        self.told |= {"exempt": False, "held": False} | evidence

    def evidence(self):
        told = self.told
        gpu = GpuUse(told["measured"], told["gpu_busy"], told["gpu_at"] if told["gpus"] else None)
        own = OwnWord(told["busy"], told["own_at"], told["complete"])
        own = None if told["silent"] else own
        return Evidence(0.0, told["gpus"], gpu, own, told["exempt"], told["held"])

    def at(self, minute, **evidence):
        self.told |= evidence
        now = minute * MINUTE
        self.verdict, self.memory = judge(self.evidence(), self.limits, self.memory, now)
        return self.verdict

    def until(self, minute, start=0):
        """Judged each half minute; the minute at which it is to end, None: it lives."""
        for half in range(2 * start, 2 * minute + 1):
            if self.at(half / 2).end:
                return half / 2
        return None

    def keep(self, minute, for_s=HOUR):
        self.memory = keep(self.verdict, self.memory, minute * MINUTE, for_s)
        return self.at(minute)


# What was measured of real servers after 400 s without a touch, here after a day: what the hub and
# the server's /api/status said is not asked for at all, because it misled both ways.
MEASURED = [
    # case, what is seen, what becomes of it
    ("silent cell, page open", {"busy": words.CELL}, "busy"),
    ("silent cell, page closed", {"busy": words.CELL}, "busy"),
    ("idle kernel, page open", {}, "ended"),
    ("untouched page", {}, "ended"),
    ("terminal printing, no page", {"busy": words.TERMINAL, "own_at": 86399.0}, "busy"),
    ("terminal with a silent program", {"busy": words.TERMINAL}, "busy"),
    ("the same, its jobs told by nobody", {"complete": False}, "unknown"),
    ("thread on the GPU after its cell", {"gpu_busy": True}, "busy"),
    ("nohup on the GPU", {"gpu_busy": True}, "busy"),
    ("idle kernel that holds GPU memory", {"gpu_busy": False}, "ended"),
    ("closed page", {}, "ended"),
    ("nothing measures the GPU", {"measured": False}, "unmeasured"),
    ("the server does not answer", {"silent": True}, "unknown"),
    ("a person types", {"own_at": 86370.0}, "idle"),
]


@pytest.mark.parametrize(("case", "seen", "becomes"), MEASURED, ids=[row[0] for row in MEASURED])
def test_every_measured_case(case, seen, becomes):
    life = Life(**seen)
    if becomes == "ended":
        assert life.until(90) == 60
        return
    assert life.until(23 * 60) is None
    verdict = life.at(24 * 60 - 0.01)
    if becomes == "unknown":
        assert (verdict.state, verdict.ends_why) == ("idle", "unknown")
        assert life.until(25 * 60, start=24 * 60 - 1) == 24 * 60
    else:
        assert (verdict.state, verdict.end) == (becomes, None)


def test_warned_twice_before_the_end():
    life = Life()
    assert life.at(47.5).warning is None
    assert (life.at(48).warning, life.at(56.5).warning) == ("first", "first")
    assert life.at(57).warning == "last"
    assert (life.at(59.5).end, life.at(60).end) == (None, "idle")


def test_the_time_left_is_told_from_the_start():
    verdict = Life().at(5)
    assert (verdict.ends_at, verdict.ends_why, verdict.limit_s) == (HOUR, "idle", HOUR)


@pytest.mark.parametrize("seen", [{"own_at": 50 * MINUTE}, {"gpu_at": 50 * MINUTE}])
def test_a_touch_in_the_warning_period_starts_it_all_anew(seen):
    life = Life()
    life.at(48)
    assert life.at(50, **seen).warning is None
    assert life.memory.idle == Warned()
    assert life.until(120, start=50) == 110


def test_a_busy_moment_counts_even_if_nothing_tells_of_it_later():
    life = Life()
    life.at(30, busy=words.BACKGROUND)
    life.at(31, busy=None)
    assert life.until(120, start=31) == 90


def test_who_is_seen_late_is_warned_all_the_same():
    life = Life()
    assert life.at(600).warning == "first"
    assert life.at(608).warning == "first"
    assert life.at(609).warning == "last"
    assert life.until(700, start=609) == 612


def test_a_silent_server_that_answers_again_is_warned_anew():
    life = Life()
    life.until(58)
    assert life.at(59, silent=True).warning is None
    assert life.at(60).ends_at == 24 * HOUR
    assert life.until(200, start=61) is None
    life.told["silent"] = False
    assert life.until(300, start=201) == 201 + 12


def test_an_unmeasured_moment_ends_nothing_and_warns_anew():
    life = Life()
    life.until(59)
    assert life.at(60, measured=False).state == "unmeasured"
    assert life.until(100, start=60) is None
    life.told["measured"] = True
    assert life.until(200, start=101) == 113


def test_by_what_is_held_nothing_ends():
    life = Life(held=True)
    assert life.until(70) is None
    assert life.verdict.warning == "last"
    assert life.at(70, held=False).end == "idle"


def test_keep_extends_to_the_cap_and_not_beyond():
    life = Life()
    life.at(50)
    verdict = life.keep(50)
    assert (verdict.state, verdict.warning, verdict.ends_at) == ("kept", None, 110 * MINUTE)
    for minute in (100, 160, 220, 280):
        life.at(minute)
        verdict = life.keep(minute)
    assert verdict.kept_until == verdict.ends_at == 300 * MINUTE  # the limit and the cap
    assert verdict.keep_until_max is None
    with pytest.raises(CannotKeep, match="any longer"):
        life.keep(290)
    assert life.until(400, start=281) == 300


def test_a_short_keep_voids_the_last_warning_only():
    life = Life()
    life.until(58)
    assert life.verdict.warning == "last"
    assert life.keep(58, 5 * MINUTE).warning == "first"
    assert life.until(100, start=58) == 63


def test_a_keep_shorter_than_what_is_left_changes_nothing():
    life = Life()
    life.at(10)
    verdict = life.keep(10, MINUTE)
    assert (verdict.state, verdict.ends_at, verdict.kept_until) == ("idle", HOUR, None)


def test_work_after_a_keep_begins_a_new_idle_time():
    life = Life()
    life.at(50)
    life.keep(50)
    life.at(70, own_at=70 * MINUTE)
    assert life.until(300, start=70) == 130


def test_keep_while_it_works_holds_afterwards():
    life = Life(busy=words.CELL)
    assert life.at(10).state == "busy"
    life.keep(10, 3 * HOUR)
    life.at(20, busy=None)
    assert life.until(300, start=20) == 190


@pytest.mark.parametrize(
    ("limits", "seen", "words_"),
    [
        (LIMITS, {"exempt": True}, "your servers are not ended"),
        (NONE, {}, "this server is not ended"),
        (LIMITS, {"measured": False}, "nothing is ended"),
    ],
)
def test_where_keep_does_nothing_it_says_so(limits, seen, words_):
    life = Life(limits, **seen)
    life.at(10)
    with pytest.raises(CannotKeep, match=words_):
        life.keep(10)


def test_a_lifetime_is_told_warned_of_and_kept_by_nothing():
    limits = Limits(HOUR, 24 * HOUR, 10 * HOUR, HOUR, 99 * HOUR)
    life = Life(limits, busy=words.CELL)
    assert (life.at(1).ends_at, life.verdict.ends_why) == (10 * HOUR, "lifetime")
    assert (life.at(479).warning, life.at(480).warning) == (None, "first")
    life.keep(480, 50 * HOUR)
    assert (life.at(570).warning, life.at(599).end) == ("last", None)
    assert life.at(600).end == "lifetime"


def test_a_lifetime_without_an_idle_limit_or_a_measure():
    limits = Limits(None, 24 * HOUR, 10 * HOUR, HOUR, HOUR)
    life = Life(limits, measured=False)
    assert life.at(1).state == "unlimited"
    assert life.until(700) == 600


def test_whichever_comes_first_is_told():
    limits = Limits(HOUR, 24 * HOUR, 2 * HOUR, HOUR, HOUR)
    life = Life(limits, own_at=80 * MINUTE)
    assert (life.at(90).ends_why, life.verdict.ends_at) == ("lifetime", 2 * HOUR)
    assert life.verdict.lifetime_ends_at == 2 * HOUR
    assert Life(limits).at(1).ends_why == "idle"


def test_exempt_people_have_no_lifetime_either():
    limits = Limits(HOUR, 24 * HOUR, 2 * HOUR, HOUR, HOUR)
    life = Life(limits, exempt=True)
    assert life.until(600) is None
    assert (life.verdict.state, life.verdict.ends_at) == ("exempt", None)


def test_unknown_is_never_shorter_than_the_limit():
    limits = Limits(48 * HOUR, 24 * HOUR, None, HOUR, HOUR)
    assert Life(limits, silent=True).at(1).ends_at == 48 * HOUR


def test_a_server_without_gpus_is_judged_by_its_word():
    life = Life(gpus=False)
    assert life.until(90) == 60


# --- clocks and outages -----------------------------------------------------------------------


def test_signs_of_life_never_go_back():
    life = Life()
    life.at(30, own_at=30 * MINUTE)
    life.at(31, own_at=0.0)  # its clock was set back, or it lies
    assert life.verdict.active_at == 30 * MINUTE


def test_a_start_never_goes_back_either():
    limits = Limits(None, HOUR, 10 * HOUR, HOUR, HOUR)
    life = Life(limits)
    life.at(60)
    early = Evidence(-100 * HOUR, True, GpuUse(True), None)
    verdict, _ = judge(early, limits, life.memory, 61 * MINUTE)
    assert verdict.lifetime_ends_at == 10 * HOUR


@pytest.mark.parametrize("away", [0, 1, 5, 11, 30, 600])
@pytest.mark.parametrize("since", [47, 48, 49, 55, 57, 58, 59, 59.5])
def test_an_outage_in_the_warning_period_takes_nothing_of_it(since, away):
    """And it is not begun anew: it goes on with what was left."""
    life = Life()
    life.until(int(since))
    life.at(since)
    back = since + away
    life.memory = life.memory.after_outage(away * MINUTE, back * MINUTE)
    end = life.until(int(back) + 100, start=int(back + 0.5))
    if since < 48:
        assert end == max(60, back + 12)
    else:
        assert end == max(60, 60 + away) or end == pytest.approx(60 + away, abs=0.5)


def test_stamps_of_a_clock_that_was_set_back_count_from_now():
    memory = Memory(None, 100.0, Warned(5000.0, 6000.0), Warned(), None)
    assert memory.after_outage(0.0, 2000.0).idle == Warned(2000.0, 2000.0)


# --- deadlines --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "warned", "end_at", "then", "due"),
    [
        (0.0, Warned(), 100.0, Warned(), False),
        (79.9, Warned(), 100.0, Warned(), False),
        (80.0, Warned(), 100.0, Warned(80.0), False),
        (95.0, Warned(80.0), 100.0, Warned(80.0, 95.0), False),
        (100.0, Warned(80.0, 95.0), 100.0, Warned(80.0, 95.0), True),
        (100.0, Warned(), 120.0, Warned(100.0), False),
        (114.0, Warned(100.0), 120.0, Warned(100.0), False),
        (116.0, Warned(100.0), 121.0, Warned(100.0, 116.0), False),
        (500.0, Warned(80.0), 505.0, Warned(80.0, 500.0), False),
        (70.0, Warned(60.0, 65.0), 100.0, Warned(), False),
        (90.0, Warned(80.0, 85.0), 100.0, Warned(80.0), False),
    ],
)
def test_a_deadline_and_its_warnings(now, warned, end_at, then, due):
    end = approach(100.0, 100.0, warned, now)
    assert (end.at, end.warned, end.due) == (end_at, then, due)


# --- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (3600, "60 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (86400, "24 hours"),
        (200000, "2 days"),
    ],
)
def test_lengths(seconds, text):
    assert words.length(seconds) == text


def test_why_a_server_lives_or_has_ended():
    def why(minute, **seen):
        life = Life(**seen)
        verdict = life.at(minute)
        gpus, unmeasured = life.told["gpus"], "no driver"
        return words.why(verdict, minute * MINUTE, has_gpus=gpus, unmeasured=unmeasured)

    assert why(12) == "GPU idle for 12 minutes"
    assert why(12, gpus=False) == "idle for 12 minutes"
    assert why(12, busy=words.CELL) == "a cell is running"
    assert why(12, busy=words.TERMINAL) == "a program runs in a terminal"
    assert why(12, gpu_busy=True) == "the GPU is busy"
    assert (
        why(12, silent=True) == "GPU idle for 12 minutes; what else your server does is not known"
    )
    assert why(12, measured=False) == "what the GPU does cannot be measured now (no driver)"
    assert words.ended("idle", HOUR, 0, has_gpus=True) == "GPU idle for 60 minutes"
    assert words.ended("unknown", 24 * HOUR, 0, has_gpus=True).startswith("GPU idle for 24 hours,")
    text = "it had run for 8 hours, as long as its profile allows"
    assert words.ended("lifetime", 0, 8 * HOUR, has_gpus=True) == text
