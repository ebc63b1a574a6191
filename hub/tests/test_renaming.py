"""A user is renamed: only while nothing of his carries the name."""

import pytest

from jupyterhub_gpu import HostAuthenticator
from jupyterhub_gpu.deletion import StopServersFirst
from jupyterhub_gpu.renaming import CarefulRename

OTHER = "f" * 64


async def rename(hub, old, new):
    return await hub.api("PATCH", f"/users/{old}", {"name": new})


@pytest.mark.parametrize("server", ["", "big"])
async def test_refused_while_a_server_runs(hub, engine, allocator, server):
    await hub.start("ana", server=server)
    status, told = await rename(hub, "ana", "anna")
    assert status == 409
    assert "cannot be renamed while a server of this user" in told["message"]
    assert (await hub.api("GET", "/users/anna"))[0] == 404
    assert hub.spawner("ana", server).ready


async def test_refused_while_a_server_waits(hub, engine, allocator):
    allocator.holds("cy", 2, container=OTHER)
    spawner = await hub.wait_in_line("ana")
    assert (await rename(hub, "ana", "anna"))[0] == 409
    assert spawner.in_line
    await hub.stop("ana")
    assert (await rename(hub, "ana", "anna"))[0] == 200


async def test_after_it_all_goes_by_the_new_name_at_once(hub, engine, allocator):
    await hub.start("ana", "two-gpus")
    await hub.stop("ana")
    status, told = await rename(hub, "ana", "anna")
    assert (status, told["name"]) == (200, "anna")
    await hub.start("anna")
    assert engine.shown() == {"nb-anna--": "running"}
    assert allocator.last("anna")["owner"]["user"] == "anna"
    assert len(allocator.last("anna")["gpus"]) == 2  # the last choice is kept
    assert hub.app.users["anna"].url == "/user/anna/"
    assert list(hub.app.proxy.routes) == ["/", "/user/anna/"]
    await hub.start("ana", "none")  # somebody new of the old name
    await hub.stop("anna")
    assert engine.shown() == {"nb-ana--": "running"}


async def test_other_changes_are_as_before(hub, engine, allocator):
    await hub.start("ana")
    status, told = await hub.api("PATCH", "/users/ana", {"admin": False, "name": "ana"})
    assert (status, told["name"]) == (200, "ana")
    assert (await hub.api("PATCH", "/users/nobody", {"name": "x"}))[0] == 404
    assert hub.spawner("ana").ready


async def test_only_who_may_rename_learns_whether_a_server_runs(hub, engine, allocator):
    await hub.start("ana")
    async with (
        await hub.log_in("bo") as session,
        session.patch(
            f"{hub.url}/hub/api/users/ana?_xsrf={hub.xsrf(session)}", json={"name": "x"}
        ) as reply,
    ):
        assert reply.status == 403
        assert "requires any of [admin:users]" in await reply.text()


def test_both_mixins_are_in_the_authenticator_of_the_product():
    assert issubclass(HostAuthenticator, StopServersFirst)
    assert issubclass(HostAuthenticator, CarefulRename)
