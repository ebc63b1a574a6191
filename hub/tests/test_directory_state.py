"""Accounts that may not be used: what the log says, what the person is told; a table."""

from datetime import UTC, datetime

import pytest

from jupyterhub_gpu.directory_answers import Answer, Entry
from jupyterhub_gpu.directory_session import _policy
from jupyterhub_gpu.directory_state import State, state_of, verdict, words

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RIGHT, WRONG = Answer(0, ""), Answer(49, "Invalid credentials")


def ad_time(*when):
    since = datetime(*when, tzinfo=UTC) - datetime(1601, 1, 1, tzinfo=UTC)
    return int(since.total_seconds()) * 10**7


def ad_says(data):
    return Answer(49, f"80090308: LdapErr: DSID-0C0903A9, comment: error, data {data}, v1db1")


def entry(**attributes):
    values = {name.lower(): [str(value).encode()] for name, value in attributes.items()}
    return Entry("uid=ana,dc=x", values)


@pytest.mark.parametrize(
    ("attributes", "state"),
    [
        ({}, None),
        ({"nsAccountLock": "TRUE"}, State.DISABLED),
        ({"nsAccountLock": "true"}, State.DISABLED),
        ({"nsAccountLock": "FALSE"}, None),
        ({"userAccountControl": 512}, None),
        ({"userAccountControl": 514}, State.DISABLED),
        ({"userAccountControl": 66050}, State.DISABLED),
        ({"userAccountControl": 512, "accountExpires": 0}, None),
        ({"userAccountControl": 512, "accountExpires": 0x7FFFFFFFFFFFFFFF}, None),
        ({"userAccountControl": 512, "accountExpires": 2**63 - 2}, None),
        ({"userAccountControl": 512, "accountExpires": ad_time(2026, 5, 31)}, State.EXPIRED),
        ({"userAccountControl": 512, "accountExpires": ad_time(2026, 6, 2)}, None),
        ({"userAccountControl": 512, "pwdLastSet": 0}, State.MUST_CHANGE),
        ({"userAccountControl": 512, "pwdLastSet": 1}, None),
        ({"pwdLastSet": 0}, None),  # not Active Directory
        ({"krbPrincipalExpiration": "20260601115959Z"}, State.EXPIRED),
        ({"krbPrincipalExpiration": "20260601120001Z"}, None),
        ({"krbPasswordExpiration": "20260531000000Z"}, State.PASSWORD_EXPIRED),
        ({"krbPasswordExpiration": "20380119031407Z"}, None),
        ({"krbPasswordExpiration": "nonsense"}, None),
        ({"krbPasswordExpiration": "20269931000000Z"}, None),
        ({"pwdAccountLockedTime": "000001010000Z"}, State.LOCKED),
        ({"pwdAccountLockedTime": "20260601110000Z"}, None),  # slapd knows how long
        ({"pwdReset": "TRUE"}, State.MUST_CHANGE),
        ({"shadowExpire": -1}, None),
        ({"shadowExpire": 0}, State.EXPIRED),
        ({"shadowExpire": 20604}, State.EXPIRED),  # 2026-05-31
        ({"shadowExpire": 20606}, None),
        ({"shadowExpire": "many"}, None),
    ],
)
def test_what_the_entry_says(attributes, state):
    assert state_of(entry(**attributes), NOW) is state


@pytest.mark.parametrize(
    ("answer", "attributes", "enters", "state", "told"),
    [
        (RIGHT, {}, True, None, None),
        (WRONG, {}, False, None, None),
        # Active Directory tells only who has the right password
        (ad_says("52e"), {}, False, None, None),
        (ad_says("52e"), {"userAccountControl": 514}, False, State.DISABLED, None),
        (ad_says("533"), {"userAccountControl": 514}, False, State.DISABLED, State.DISABLED),
        (ad_says("701"), {}, False, State.EXPIRED, State.EXPIRED),
        (ad_says("532"), {}, False, State.PASSWORD_EXPIRED, State.PASSWORD_EXPIRED),
        (ad_says("773"), {}, False, State.MUST_CHANGE, State.MUST_CHANGE),
        (ad_says("775"), {}, False, State.LOCKED, State.LOCKED),
        (ad_says("530"), {}, False, State.NOT_NOW, State.NOT_NOW),
        # 389 and FreeIPA
        (Answer(53, "Account inactivated. Contact system administrator."), {}, False,
         State.DISABLED, State.DISABLED),
        (Answer(53, "Account (Kerberos principal) is expired"), {}, False,
         State.EXPIRED, State.EXPIRED),
        (Answer(53, "minimum ssf"), {}, False, None, None),
        (Answer(19, "Exceed password retry limit. Please try later."), {}, False,
         State.LOCKED, State.LOCKED),
        (Answer(49, "password expired!"), {}, False,
         State.PASSWORD_EXPIRED, State.PASSWORD_EXPIRED),
        (Answer(53, "x", policy=1), {"nsAccountLock": "TRUE"}, False,
         State.DISABLED, State.DISABLED),
        # slapd: by its ppolicy control, or it says nothing but 49
        (Answer(49, "", policy=0), {}, False, State.PASSWORD_EXPIRED, State.PASSWORD_EXPIRED),
        (Answer(49, "", policy=1), {}, False, State.LOCKED, State.LOCKED),
        (Answer(0, "", policy=2), {}, False, State.MUST_CHANGE, State.MUST_CHANGE),
        (Answer(0, "", policy=6), {}, True, None, None),
        (WRONG, {"pwdAccountLockedTime": "000001010000Z"}, False, State.LOCKED, State.LOCKED),
        (WRONG, {"pwdAccountLockedTime": "20260601110000Z"}, False, State.LOCKED, None),
        (RIGHT, {"pwdAccountLockedTime": "20260601110000Z"}, True, None, None),
        # the entry counts even if the server lets the password pass
        (RIGHT, {"userAccountControl": 514}, False, State.DISABLED, State.DISABLED),
        (RIGHT, {"shadowExpire": 1}, False, State.EXPIRED, State.EXPIRED),
        (WRONG, {"shadowExpire": 1}, False, State.EXPIRED, None),
    ],
)  # fmt: skip
def test_what_becomes_of_a_password(answer, attributes, enters, state, told):
    found = verdict(answer, entry(**attributes), NOW)
    assert (found.enters, found.state, found.told) == (enters, state, told)


def test_everybody_is_told_what_to_do():
    for state in State:
        assert words(state).startswith("You")
        assert "log in here again" in words(state) or "Please ask" in words(state)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (bytes.fromhex("3003810101"), 1),
        (bytes.fromhex("3008a003800164810100"), 0),  # after a warning
        (bytes.fromhex("3084000000 03 810100"), 0),  # 389-ds: lengths in the long form
        (bytes.fromhex("3084000000 0e a084000000 05 8003015180 810102"), 2),
        (bytes.fromhex("3084000000"), None),
        (bytes.fromhex("30ff"), None),
        (bytes.fromhex("3005a003800164"), None),
        (b"\x30\x00", None),
        (b"", None),
        (None, None),
        (b"nonsense", None),
        (b"\x30\x03\x81", None),
    ],
)
def test_the_answer_of_ppolicy(value, error):
    control = {"1.3.6.1.4.1.42.2.27.8.5.1": {"value": value}}
    assert _policy({"controls": control}) == error
    assert _policy({}) is None
