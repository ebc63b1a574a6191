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
    QueueFull,
    StaleEpoch,
    TooManyRequests,
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


async def queued(client, allocator):
    allocator.holds("cy", 2)
    return await client.ask({**REQUEST, "wait": True})


async def test_a_queued_lease_is_followed_until_it_changes(client, allocator):
    lease = await queued(client, allocator)
    assert (lease.state, lease.queue.position, lease.granted_at) == ("queued", 1, None)
    following = asyncio.ensure_future(client.next_revision(lease, 50))
    await asyncio.wait([following], timeout=1.5)  # longer than an answer may take otherwise
    assert not following.done()
    allocator.end(allocator.leases["L-0000"], "released")
    granted = await following
    assert (granted.state, granted.queue) == ("granted", None)
    assert granted.granted_at


async def test_what_changed_meanwhile_is_told_at_once(client, allocator):
    lease = await queued(client, allocator)
    allocator.change(why="something else")
    now = asyncio.get_running_loop().time
    since = now()
    assert (await client.next_revision(lease, 50)).queue.why == "something else"
    assert now() - since < 1.0


async def test_without_a_change_the_lease_comes_as_it_is(client, allocator):
    lease = await queued(client, allocator)
    assert (await client.next_revision(lease, 1)).revision == lease.revision


async def test_a_place_is_renewed(client, allocator):
    lease = await queued(client, allocator)
    assert (await client.renew(lease.id)).queue.renew_by > lease.queue.renew_by
    with pytest.raises(NotFound):
        await client.renew("L-none")


async def test_gpus(client):
    assert [gpu["index"] for gpu in await client.gpus()] == [0, 1]


@pytest.mark.parametrize(
    ("slug", "status", "kind"),
    [
        ("no-gpu-free", 409, NoGpuFree),
        ("queue-full", 409, QueueFull),
        ("owner-active", 409, OwnerActive),
        ("owner-ending", 409, OwnerEnding),
        ("lease-state", 409, LeaseState),
        ("stale-epoch", 409, StaleEpoch),
        ("not-found", 404, NotFound),
        ("not-ready", 503, NotReady),
        ("too-many-requests", 429, TooManyRequests),
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


async def test_a_busy_allocator_is_asked_again(client, allocator):
    allocator.script = [problem("too-many-requests", 429)]
    assert (await client.ask(REQUEST)).state == "granted"


async def test_patience_ends(client, allocator):
    await allocator.stop()
    now = asyncio.get_running_loop().time
    start = now()
    with pytest.raises(AllocatorDown, match=r"hub\.sock"):
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
