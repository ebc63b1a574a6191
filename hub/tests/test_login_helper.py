"""The client of the log-in helper: what it asks, and that it believes nothing odd."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from fake_login_helper import SILENT, FakeLoginHelper, account

from jupyterhub_gpu.login_helper import CHECKS, Account, LoginHelper, NoAnswer, parse

ANA = account("ana", 1001, ("vision", 2000), ("", 2001), ("domain users", 2002))


@pytest.fixture
async def fake(tmp_path):
    fake = await FakeLoginHelper(tmp_path / "login.sock").start()
    fake.accounts["ana"], fake.passwords["ana"] = ANA, "pä\"ss' 1"
    yield fake
    await fake.stop()


def told(**change):
    line = json.dumps({"outcome": "ok", "detail": "", "account": {**ANA, **change}})
    return line.encode() + b"\n"


async def test_it_asks_and_is_told(fake):
    helper = LoginHelper(fake.socket, 5)
    answer = await helper.check(" ANA", "pä\"ss' 1")
    assert answer.account == Account(
        "ana",
        1001,
        1001,
        (("ana", 1001), ("vision", 2000), ("", 2001), ("domain users", 2002)),
        "/home/ana",
        "/bin/sh",
    )
    assert answer.account.group_names == ["domain users", "vision"]
    assert answer.account.state() == ANA
    assert (await helper.check("ana", "x")).outcome == "wrong"
    assert (await helper.look("ghost")).outcome == "not-allowed"
    assert fake.seen[-1] == {"op": "look", "name": "ghost"}


@pytest.mark.parametrize("name", ["a" * 10_000, "ü" * 10_000, "\0" * 10_000, "\ud800"])
async def test_what_was_typed_always_fits_and_what_is_too_long_stays_so(fake, name):
    answer = await LoginHelper(fake.socket, 5).check(name, name)
    assert answer.outcome == "not-allowed"
    if len(name) > 1:
        assert len(fake.seen[0]["password"].encode()) > 1024


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\n",
        b"null\n",
        b"[]\n",
        b'"ok"\n',
        b"{}\n",
        b"\xff\n",
        b"[" * 5000 + b"\n",
        b'{"outcome":"ok","detail":""}\n',
        b'{"outcome":"yes","detail":""}\n',
        b'{"outcome":"wrong","detail":7}\n',
        b'{"outcome":"wrong","detail":"","account":null}\n',
        b'{"outcome":["ok"],"detail":""}\n',
        told()[:-1],
        told(uid=0),
        told(uid=True),
        told(uid="1001"),
        told(uid=2**32),
        told(uid=10.5),
        told(gid=-1),
        told(name="../ana"),
        told(name=None),
        told(home=None),
        told(groups=None),
        told(groups=[["vision", 1]]),
        told(groups=[{"name": "vision"}]),
        told(groups=[{"name": 1, "gid": 1}]),
        told(extra=1),
        told().replace(b'"account"', b'"acount"'),
    ],
)
def test_odd_answers_are_none(odd):
    with pytest.raises(NoAnswer):
        parse(odd)


@pytest.mark.parametrize("outcome", ["unavailable", "busy", "bad-request"])
async def test_no_answer_about_anybody(fake, outcome):
    fake.script = [{"outcome": outcome, "detail": "because"}]
    with pytest.raises(NoAnswer, match=f"{outcome}: because"):
        await LoginHelper(fake.socket, 5).check("ana", "x")


async def test_a_helper_that_is_not_there_silent_or_endless(fake):
    with pytest.raises(NoAnswer, match="no-such"):
        await LoginHelper(fake.socket.with_name("no-such"), 5).look("ana")
    fake.script = [SILENT, b"x" * (9 * 1024 * 1024), b""]
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
        await LoginHelper(fake.socket, 0.2).look("ana")
    assert time.monotonic() - begun < 3
    for _ in range(2):
        with pytest.raises(NoAnswer):
            await LoginHelper(fake.socket, 5).look("ana")


async def test_many_wait_for_each_other_and_no_look_waits_for_them(fake):
    helper = LoginHelper(fake.socket, 20)
    fake.hold.clear()
    checks = [asyncio.create_task(helper.check("ana", "x")) for _ in range(3 * CHECKS)]
    async with asyncio.timeout(10):
        for _ in range(CHECKS):
            await fake.held.acquire()
    assert (await helper.look("ana")).outcome == "ok"
    assert len(fake.seen) == CHECKS + 1
    fake.hold.set()
    assert {answer.outcome for answer in await asyncio.gather(*checks)} == {"wrong"}
