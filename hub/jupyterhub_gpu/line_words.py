"""What people read while they wait in line for a GPU. Text and escaped HTML, no I/O."""

from __future__ import annotations

import bisect
import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .allocator import AllocatorDown, AllocatorError, Problem
from .lease import Estimate, Holder, Lease, Queue
from .words import Refusal, by_holder, hidden_in_words, holders_in_words, moment

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
HOUR, DAY = 60, 24 * 60
# the lengths that are said, in minutes: coarse on purpose, so that the words do not flicker
STEPS = (
    *range(1, 10),
    *range(10, HOUR, 5),
    *range(HOUR, 3 * HOUR, HOUR // 2),
    *range(3 * HOUR, DAY + 1, HOUR),
    *range(2 * DAY, 30 * DAY + 1, DAY),
)
CLOCK_SLACK = timedelta(seconds=5)
LAST_CALL = timedelta(hours=1)  # from then on the end of the longest wait is said


@dataclass(frozen=True)
class Place:
    """What there is to say of a place in line; equal when nothing is new to a person."""

    place: str
    estimate: str
    why: str
    ends: str
    holders: tuple[Holder, ...]
    hidden: int

    @classmethod
    def of(cls, queue: Queue, asked_for: str, now: datetime) -> Place:
        ends = ""
        if queue.expires_at is not None and queue.expires_at - now <= LAST_CALL:
            ends = f"If none is free by {moment(queue.expires_at)}, the wait ends."
        return cls(
            place=f"You are {position_in_words(queue.position)} for “{asked_for}”",
            estimate=estimate_in_words(queue.estimate),
            why=_sentence(queue.why),
            ends=ends,
            holders=queue.holders,
            hidden=queue.hidden,
        )

    def text(self, news: str = "") -> str:
        """In one line; `news` is what has changed."""
        held_by = holders_in_words(self.holders, self.hidden)
        parts = (news, f"{self.place}: {self.estimate}.", self.why, self.ends, held_by)
        return " ".join(part for part in parts if part)

    def html(self, news: str = "") -> str:
        """As a few lines and a table of who holds what."""
        lines = (news, f"{self.place}: {self.estimate}.", self.why, self.ends)
        text = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
        return f'<div class="gpuhub-line">{text}{_table(self.holders, self.hidden)}</div>'


def position_in_words(position: int) -> str:
    if position == 1:
        return "next in line"
    if position <= len(ORDINALS):
        return f"{ORDINALS[position - 1]} in line"
    return f"number {position} in line"


def estimate_in_words(estimate: Estimate | None) -> str:
    """As in: about 20 minutes, probably between 10 and 45."""
    if estimate is None:
        return "how long it will take cannot be said yet"
    likely = _nearest(estimate.likely_s / 60)
    early, late = _at_most(estimate.early_s / 60), _at_least(estimate.late_s / 60)
    about = f"about {length_in_words(likely)}" if likely else "less than a minute"
    if late <= max(likely, 1) or estimate.late_s > STEPS[-1] * 60:
        return about
    if early == 0 or early >= likely:
        (most,) = _range(likely, late)
        return f"{about}, probably not more than {most}"
    least, most = _range(likely, early, late)
    return f"{about}, probably between {least} and {most}"


def _range(likely: int, *ends: int) -> list[str]:
    """The ends of a range, without their unit where it is the one just said: "20 minutes"."""
    number, unit = _in_unit(likely)
    if likely > 1 and number != "1" and all(_in_unit(end)[1] == unit for end in ends):
        return [_in_unit(end)[0] for end in ends]
    return [length_in_words(end) for end in ends]


def length_in_words(minutes: int) -> str:
    """One of STEPS."""
    number, unit = _in_unit(minutes)
    return f"{number} {unit}{'' if number == '1' else 's'}"


def news_in_words(before: int | None, now: int) -> str:
    """What has become of a position; empty: nothing, or it is said for the first time."""
    if before is None or before == now:
        return ""
    return "You have moved up." if now < before else "Your place in line has changed."


def outage_in_words(error: AllocatorError) -> str:
    """Why a place in line cannot be looked up."""
    if isinstance(error, AllocatorDown):
        return "The allocator does not answer just now. Your place in line is kept."
    why = (error.detail or error.title) if isinstance(error, Problem) else str(error)
    return f"GPUs are not given out just now: {why}. Your place in line is kept."


def left_the_line(
    lease: Lease, asked_for: str, expires_at: datetime | None, now: datetime
) -> Refusal:
    """Why a wait has ended without a grant."""
    if lease.reason == "expired" and expires_at is not None and now >= expires_at - CLOCK_SLACK:
        text = (
            f"You have waited as long as one may, and nothing became free for “{asked_for}”. "
            "You are welcome to ask again."
        )
        return Refusal(text, reason="wait-ended", status_code=409)
    if lease.reason == "expired":
        text = "Your place in line was lost because the hub could not keep it. Please start again."
        return Refusal(text, reason="place-lost", status_code=503)
    if lease.reason == "replaced":
        text = "A newer request of yours has taken the place of this one."
        return Refusal(text, reason="replaced", status_code=409)
    text = "Your request was taken out of the line from outside the hub, perhaps by an admin."
    return Refusal(text, reason="cancelled", status_code=409)


def _sentence(told: str) -> str:
    told = told.strip()
    if not told:
        return ""
    return told[0].upper() + told[1:] + ("" if told.endswith((".", "!", "?")) else ".")


def _in_unit(minutes: int) -> tuple[str, str]:
    if minutes < HOUR:
        return str(minutes), "minute"
    if minutes <= DAY:
        half = "½" if minutes % HOUR else ""
        return f"{minutes // HOUR}{half}", "hour"
    return str(minutes // DAY), "day"


def _nearest(minutes: float) -> int:
    if minutes < 0.5:
        return 0
    after = bisect.bisect_left(STEPS, minutes)
    near = STEPS[max(after - 1, 0) : after + 1]
    return min(near, key=lambda step: abs(step - minutes))


def _at_most(minutes: float) -> int:
    after = bisect.bisect_right(STEPS, minutes)
    return STEPS[after - 1] if after else 0


def _at_least(minutes: float) -> int:
    return STEPS[min(bisect.bisect_left(STEPS, minutes), len(STEPS) - 1)]


def _table(holders: Sequence[Holder], hidden: int) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(gpus)}</td><td>{html.escape(who)}</td>"
        f"<td>{html.escape(since)}</td></tr>"
        for gpus, who, since in by_holder(holders)
    )
    table = (
        '<table class="table table-sm w-auto mx-auto"><thead><tr><th scope="col">Held</th>'
        '<th scope="col">by</th><th scope="col">since</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
    more = hidden_in_words(hidden, bool(rows)) if hidden > 0 else ""
    return (table if rows else "") + (f"<p>{html.escape(more)}</p>" if more else "")
