"""The status service's parts, each alone: what is asked of it, what the judge says, the words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from fake_judge import SILENT, FakeJudge, at, gpu, server
from traitlets.config import Config

from jupyterhub_gpu.status import SCOPE, judge, shown, wiring
from jupyterhub_gpu.status.judge import Judge, JudgeAway, JudgeRefuses
from jupyterhub_gpu.status.wish import BadWish, Wish


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        (b'{"server": ""}', Wish("", None)),
        (b' {"for_s": 60, "server": "b\xc3\xbcg"} ', Wish("büg", 60)),
    ],
)
def test_a_wish(body, wish):
    assert Wish.parse(body) == wish


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b"{}", '"server" must be'),
        (b'{"server": null}', '"server" must be'),
        (b'{"server": "a\\u0000"}', '"server" must be'),
        (b'{"server": "", "server": "x"}', "stands there twice"),
        (b'{"server": "", "for_s": 0}', '"for_s" must be'),
        (b'{"server": "", "for_s": true}', '"for_s" must be'),
        (b'{"server": "", "for_s": 1e3}', '"for_s" must be'),
        (b'{"server": "", "for_s": null}', '"for_s" must be'),
        (b'{"server": "", "for_s": NaN}', '"for_s" must be'),
        (b'{"server": "", "for_s": 99999999999}', '"for_s" must be'),
        (b'{"server": "", "until": 1}', "there is no field 'until'"),
        (b'{"server": "' + b"x" * 256 + b'"}', '"server" must be'),
        (b'{"server": "' + b"x" * 2000 + b'"}', "more than 1024 bytes"),
        (b"[" * 1000, "not"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_is_no_wish(body, words):
    with pytest.raises(BadWish, match=words):
        Wish.parse(body)


@pytest.fixture
async def fake(tmp_path):
    made = await FakeJudge(tmp_path / "idle.sock").start()
    made.knows("ana", server())
    yield made
    await made.stop()


@pytest.mark.parametrize(
    "reply",
    [b"nonsense", b"[]", b'{"name": "ana", "servers": 1}', (500, {"detail": "secret"}),
     (302, {}), (200, {"name": "ana"}), (200, {"name": "bo", "servers": [], "history": []}),
     (200, {"name": "ana", "servers": [1], "history": []}), b" " * (judge.LIMIT_BYTES + 1)],
)  # fmt: skip
async def test_a_judge_that_talks_nonsense_counts_as_away(fake, reply):
    fake.script = [reply]
    with pytest.raises(JudgeAway):
        await Judge(str(fake.socket)).person("ana")


async def test_a_judge_that_says_nothing_is_not_waited_for(fake):
    assert judge.LIMIT_S == 5.0
    for call in ("person", "keep", "gpus"):
        fake.script = [SILENT]
        arguments = {"person": (), "keep": ("", None), "gpus": ([],)}[call]
        with pytest.raises(JudgeAway):
            await getattr(Judge(str(fake.socket), limit_s=0.1), call)("ana", *arguments)


async def test_no_judge(tmp_path):
    with pytest.raises(JudgeAway, match=r"none\.sock"):
        await Judge(str(tmp_path / "none.sock")).person("ana")


@pytest.mark.parametrize("status", [400, 404, 409])
async def test_a_judge_that_says_no(fake, status):
    fake.script = [(status, {"detail": "because " * 100})]
    with pytest.raises(JudgeRefuses) as refused:
        await Judge(str(fake.socket)).keep("ana", "", None)
    assert (refused.value.status, len(refused.value.detail)) == (status, 500)


@pytest.mark.parametrize("name", [".", "..", ""])
async def test_a_name_that_is_a_way_up_is_not_asked_for(fake, name):
    with pytest.raises(JudgeRefuses):
        await Judge(str(fake.socket)).keep(name, "", None)
    assert fake.seen == []


# --- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"),
     (7500, "2 h 5 min"), (47 * 3600, "47 h"), (48 * 3600, "2 days"), (100 * 3600, "4 days 4 h")],
)  # fmt: skip
def test_lengths(seconds, words):
    assert shown.length(seconds) == words


def test_a_server_in_words():
    usage = {"utilisation": {"now": 0.43}, "memory_used_mib": 20480}
    told = shown.Server.of(server("big", 0, 1, usage=usage, warning="first"), [gpu(0), gpu(1)])
    assert (told.title, told.gpus) == ("Server “big”", "GPUs 0, 1 · NVIDIA A100-SXM4-80GB")
    assert told.load == shown.Share(0.43, "43 %")
    assert told.memory == shown.Share(0.125, "20.0 of 160 GiB")
    assert (told.colour, told.warning, told.keep) == (shown.WARNED, "Warning", "Keep for 1 h")
    assert (told.left, told.ends_why) == ("48 min", "because it is idle")


def test_a_lifetime_is_said_once():
    told = server(ends_why="lifetime", lifetime_ends_at=at(2880), keep_until_max=None)
    assert shown.Server.of(told, []).lifetime is None
    assert shown.Server.of(told, []).keep == ""
    assert shown.Server.of(server(lifetime_ends_at=at(9000)), []).lifetime is not None


@pytest.mark.parametrize(
    "told",
    [{}, {"gpus": None, "usage": [], "state": 7, "ends_at": "soon", "ends_in_s": "x"},
     {"usage": {"utilisation": [], "memory_used_mib": True}, "gpus": [1], "keep_s": -1},
     {"ends_at": "2026-01-01T00:00:00", "usage": {"utilisation": {"now": float("nan")}}}],
)  # fmt: skip
def test_what_is_missing_or_nonsense_is_left_out(told):
    server = shown.Server.of(told, [{}])
    assert (server.load, server.ends, server.keep) == (None, None, "")
    shown.Gpu.of(told, "ana")
    shown.Past.of(told, datetime.now(UTC))


@pytest.mark.parametrize(
    ("told", "label", "holders"),
    [
        (gpu(0), "Free", ""),
        (gpu(0, "ana"), "In use", "you"),
        (gpu(0, None), "In use", "somebody else"),
        (gpu(0, "bo", None, None, slots=4), "3 of 4 places taken", "bo, 2 others"),
        (gpu(0, "bo", slots=4, mode="exclusive"), "In use", "bo"),
        (gpu(0, state="draining"), "Closed for new servers", ""),
        (gpu(0, "bo", state="faulty"), "Out of service", "bo"),
        (gpu(0, foreign=[{"watches": False}]), "In use", "a program outside of this hub"),
        (gpu(0, foreign=[{"watches": True}]), "Free", ""),
        (gpu(0, conflicts=[{}], used=1), "In use", "a container without a lease"),
    ],
)
def test_gpus_in_words(told, label, holders):
    shows = shown.Gpu.of(told, "ana")
    assert (shows.label, shows.holders) == (label, holders)
    assert shows.mine == (holders == "you")


# --- what the hub is told ---------------------------------------------------------------------

OWN = ["users:activity!user", "access:servers!server"]


def roles(c):
    return {role["name"]: role.get("scopes") for role in c.JupyterHub.load_roles}


def test_the_hubs_own_roles_are_kept_and_added_to():
    c = Config()
    wiring.add_to_hub(c, "t")
    assert roles(c) == {"server": [*OWN, SCOPE]}
    assert c.JupyterHub.extra_user_scopes == {SCOPE}


def test_an_admins_roles_and_ours_are_both_there():
    c = Config()
    user = {"name": "user", "scopes": ["self", "shares!user"]}
    server = {"name": "server", "description": "mine", "scopes": ["self"]}
    c.JupyterHub.load_roles = [{"name": "mine", "scopes": ["list:users"]}, user, server]
    c.JupyterHub.extra_user_scopes = ["read:hub"]
    c.JupyterHub.services = [{"name": "mine"}]
    wiring.add_to_hub(c, "t")
    assert roles(c) == {
        "mine": ["list:users"],
        "user": ["self", "shares!user", SCOPE],
        "server": ["self", SCOPE],
    }
    assert c.JupyterHub.extra_user_scopes == {"read:hub", SCOPE}
    assert [each["name"] for each in c.JupyterHub.services] == ["mine", "gpus"]


def test_what_an_admin_only_adds_is_kept_too():
    c = Config()
    c.JupyterHub.load_roles.append({"name": "user", "users": ["ana"]})
    c.JupyterHub.extra_user_scopes.update({"read:hub"})
    wiring.add_to_hub(c, "t")
    assert roles(c) == {"user": ["self", SCOPE], "server": [*OWN, SCOPE]}
    assert c.JupyterHub.extra_user_scopes == {"read:hub", SCOPE}
