"""Whether an account may be used: disabled, expired, locked, its password out of date.

From the entry's attributes and from what the server said to the password. Two readers: the
admin's log gets `state.value`; the person gets `words`, and only where it tells no stranger more
than the directory itself does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from .directory_answers import BAD_CREDENTIALS, Answer, Entry

AD_DISABLED = 0x2
AD_NEVER = (0, 0x7FFFFFFFFFFFFFFF)
AD_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
LOCKED_FOR_GOOD = "000001010000Z"  # slapd: an admin did it
UNWILLING, CONSTRAINT = 53, 19


class State(StrEnum):
    """What is wrong with an account, in the admin's words."""

    DISABLED = "disabled"
    EXPIRED = "expired"
    LOCKED = "locked"
    PASSWORD_EXPIRED = "password expired"
    MUST_CHANGE = "must change the password"
    NOT_NOW = "may not log in at this time or from here"


WORDS = {
    State.DISABLED: "Your account is disabled.",
    State.EXPIRED: "Your account has expired.",
    State.LOCKED: "Your account is locked.",
    State.PASSWORD_EXPIRED: "Your password has expired. Change it where you usually do, then log "
    "in here again.",
    State.MUST_CHANGE: "You have to change your password first. Do it where you usually do, then "
    "log in here again.",
    State.NOT_NOW: "Your account may not log in at this time or from here.",
}
ASK = " Please ask the people who look after your account."
CLOSED = (State.DISABLED, State.EXPIRED, State.LOCKED)  # ends what has begun, too

AD_DATA = {  # after `data` in the message of a refused bind; only with the right password, but 775
    "530": State.NOT_NOW,
    "531": State.NOT_NOW,
    "532": State.PASSWORD_EXPIRED,
    "533": State.DISABLED,
    "701": State.EXPIRED,
    "773": State.MUST_CHANGE,
    "775": State.LOCKED,
}
PPOLICY_ERRORS = {
    0: State.PASSWORD_EXPIRED,
    1: State.LOCKED,
    2: State.MUST_CHANGE,
}

DS_MESSAGES = (  # 389 and FreeIPA: code, a word of the message
    (CONSTRAINT, "retry limit", State.LOCKED),
    (BAD_CREDENTIALS, "password expired", State.PASSWORD_EXPIRED),
    (UNWILLING, "expired", State.EXPIRED),
    (UNWILLING, "inactivated", State.DISABLED),
)


def words(state: State) -> str:
    """For the person."""
    return WORDS[state] + ("" if "log in here again" in WORDS[state] else ASK)


def state_of(entry: Entry, now: datetime) -> State | None:
    """What the entry itself says, the gravest first; None: nothing is wrong."""
    control = entry.number("userAccountControl")  # Active Directory's; else None
    disabled = entry.text("nsAccountLock").upper() == "TRUE"
    if disabled or (control is not None and control & AD_DISABLED):
        return State.DISABLED
    if entry.text("pwdAccountLockedTime").upper() == LOCKED_FOR_GOOD:
        return State.LOCKED
    if _expired(entry, now):
        return State.EXPIRED
    reset = entry.text("pwdReset").upper() == "TRUE"
    if reset or (control is not None and entry.text("pwdLastSet") == "0"):
        return State.MUST_CHANGE
    ends = _generalized(entry.text("krbPasswordExpiration"))
    return State.PASSWORD_EXPIRED if ends is not None and ends <= now else None


def _expired(entry: Entry, now: datetime) -> bool:
    ticks = entry.number("accountExpires")
    if ticks is not None and ticks not in AD_NEVER and _ad_time(ticks) <= now:
        return True
    ends = _generalized(entry.text("krbPrincipalExpiration"))
    if ends is not None and ends <= now:
        return True
    days = entry.number("shadowExpire")  # since 1970; the account ends with the day before
    return days is not None and days >= 0 and (now - datetime(1970, 1, 1, tzinfo=UTC)).days >= days


def _ad_time(ticks: int) -> datetime:
    """100 ns since 1601."""
    try:
        return AD_EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _generalized(text: str) -> datetime | None:
    """`20260101000000Z`; other zones and fractions are as rare as they are allowed."""
    found = re.fullmatch(r"(\d{14})(?:\.\d+)?Z", text)
    if not found:
        return None
    try:
        return datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


@dataclass(frozen=True)
class Verdict:
    """What became of a name and a password.

    `enters`: the password is right and nothing is wrong. `state`: for the log. `told`: for the
    person, who otherwise reads the same as for a wrong password.
    """

    enters: bool
    state: State | None = None
    told: State | None = None


def verdict(answer: Answer, entry: Entry, now: datetime) -> Verdict:
    """What the server said to the password, beside what the entry says."""
    own = state_of(entry, now)
    if answer.ok:
        state = own or PPOLICY_ERRORS.get(-1 if answer.policy is None else answer.policy)
        return Verdict(enters=state is None, state=state, told=state)
    said = _said(answer)
    if said is State.LOCKED and own in CLOSED:
        said = own  # the server calls all of these locked
    if said is None and answer.code == UNWILLING:  # whatever the password
        said = own
    if said is None and own is State.LOCKED:  # likewise: to slapd it is just a wrong password
        said = own
    if said is not None:
        return Verdict(enters=False, state=said, told=said)
    state = own or (State.LOCKED if entry.text("pwdAccountLockedTime") else None)
    return Verdict(enters=False, state=state)


def _said(answer: Answer) -> State | None:
    if answer.policy is not None:
        return PPOLICY_ERRORS.get(answer.policy)
    data = re.search(r"\bdata ([0-9a-f]{3}),", answer.message)
    if data:
        return AD_DATA.get(data[1])
    message = answer.message.lower()
    return next(
        (state for code, word, state in DS_MESSAGES if answer.code == code and word in message),
        None,
    )
