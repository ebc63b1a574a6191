"""The client over a real unix socket: what is asked, what is repeated, what is refused."""

import asyncio

import pytest
from fake_allocator import DROP, problem

from jupyterhub_gpu.allocator import (
    AllocatorClient,
    AllocatorDown,
    LeaseState,
    NoGpuFree,
    NotFound,
    NotReady,
    OwnerActive,
    OwnerEnding,
    Problem,
    StaleEpoch,
)

REQUEST = {
    "request_id": "r1",
    "owner": {"user": "ana", "server": "", "groups": []},
    "gpus": {"count": 1},
    "mode": "shared",
}


@pytest.fixture
def client(allocator):
    return AllocatorClient(str(allocator.socket), timeout_s=1.0, patience_s=0.8)


async def test_a_lease_lives_from_ask_to_release(client, allocator):
    lease = await client.ask(REQUEST)
    assert (lease.state, lease.owner.user) == ("granted", "ana")
    assert (await client.ask(REQUEST)).id == lease.id
    container = "a" * 64
    assert (await client.bind(lease, container)).state == "active"
    assert [each.id for each in await client.leases("live", "ana", "")] == [lease.id]
    assert await client.leases("live", "bo") == []
    assert (await client.release(lease.id)).state == "ending"
    allocator.running.clear()
    assert (await client.lease(lease.id)).state == "ended"


async def test_gpus(client):
    assert [gpu["index"] for gpu in await client.gpus()] == [0, 1]


@pytest.mark.parametrize(
    ("slug", "status", "kind"),
    [
        ("no-gpu-free", 409, NoGpuFree),
        ("owner-active", 409, OwnerActive),
        ("owner-ending", 409, OwnerEnding),
        ("lease-state", 409, LeaseState),
        ("stale-epoch", 409, StaleEpoch),
        ("not-found", 404, NotFound),
        ("not-ready", 503, NotReady),
        ("something-new", 418, Problem),
    ],
)
async def test_refusals_are_typed(client, allocator, slug, status, kind):
    allocator.script = [problem(slug, status, "why", extra=1)] * 9
    with pytest.raises(kind) as caught:
        await client.ask(REQUEST)
    error = caught.value
    assert (error.slug, error.status, error.detail) == (slug, status, "why")
    assert error.more == {"extra": 1}
    assert str(error) == f"{slug}: why"


@pytest.mark.parametrize(
    "reply",
    [
        (200, {"id": 1}),
        (200, []),
        (200, None),
        (500, {"oops": True}),
        (502, "bad gateway"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_as_none(client, allocator, reply):
    allocator.script = [reply] * 9
    with pytest.raises(AllocatorDown):
        await client.lease("L-1")


async def test_lists_that_are_none(client, allocator):
    allocator.script = [(200, {"gpus": [1]}), (200, {"leases": {}})]
    with pytest.raises(AllocatorDown, match="no list of gpus"):
        await client.gpus()
    with pytest.raises(AllocatorDown, match="no list of leases"):
        await client.leases("all")


async def test_a_cut_connection_is_repeated(client, allocator):
    allocator.script = [DROP, None]
    assert (await client.ask(REQUEST)).state == "granted"
    assert len(allocator.leases) == 1


async def test_patience_ends(client, allocator):
    await allocator.stop()
    now = asyncio.get_running_loop().time
    start = now()
    with pytest.raises(AllocatorDown, match=r"a\.sock"):
        await client.gpus()
    assert 0.4 < now() - start < 2.0


async def test_no_patience_is_one_call(client, allocator):
    allocator.script = [problem("not-ready", 503)]
    with pytest.raises(NotReady):
        await client.gpus(patience_s=0.0)
    assert len(allocator.seen) == 1


async def test_an_allocator_that_hangs_is_given_up(allocator, tmp_path):
    path = tmp_path / "hang.sock"
    server = await asyncio.start_unix_server(lambda _r, _w: asyncio.sleep(5), str(path))
    client = AllocatorClient(str(path), timeout_s=0.2, patience_s=0.0)
    with pytest.raises(AllocatorDown):
        await client.gpus()
    server.close()
