"""Groups, numbers, images and limits of a profile, through a real hub."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup
from jupyterhub import orm

RICH = [
    {"slug": "none", "display_name": "No GPU", "gpus": {"none": True}, "default": True},
    {"slug": "some", "display_name": "Some", "gpus": {"range": [1, 2]}, "pids": 99},
    {
        "slug": "big",
        "display_name": "Big",
        "gpus": {"count": 1},
        "groups": ["vision"],
        "images": ["torch:1", "jax:2"],
        "memory_bytes": 2**30,
        "cpus": 1.5,
        "shm_size_bytes": 2**20,
    },
]


@pytest.fixture
async def rich_hub(hub):
    hub.app.config.GpuMixin.profile_list = RICH
    hub.app.config.GpuMixin.notebook_limits = {"pids": 512, "memory_bytes": 2**29}
    return hub


async def put_into(hub, user: str, group: str) -> None:
    await hub.api("POST", f"/users/{user}")
    group_ = orm.Group.find(hub.app.db, group) or orm.Group(name=group)
    hub.app.db.add(group_)
    hub.app.users[user].orm_user.groups.append(group_)
    hub.app.db.commit()


def only(engine):
    (container,) = engine.containers.values()
    return container


async def test_who_is_not_in_the_group_neither_sees_it_nor_gets_it(rich_hub, engine, allocator):
    async with await rich_hub.log_in("bo") as session:
        _, page = await rich_hub.form(session, "bo")
        offered = [
            each["value"] for each in BeautifulSoup(page, "html.parser")("input", type="radio")
        ]
        assert offered == ["none", "some"]
        status, page = await rich_hub.form(session, "bo", {"profile": "big"})
        assert status == 403
        assert "“Big” is for members of “vision” only" in page
    status, told = await rich_hub.ask("bo", {"profile": "big"})
    assert (status, told["message"]) == (403, "“Big” is for members of “vision” only.")
    assert engine.containers == {}


async def test_who_is_in_the_group_gets_its_image_and_limits(rich_hub, engine, allocator):
    await put_into(rich_hub, "ana", "vision")
    assert (await rich_hub.ask("ana", {"profile": "big", "image": "jax:2"}))[0] == 201
    host = only(engine)["HostConfig"]
    assert only(engine)["Config"]["Image"] == "jax:2"
    assert (host["Memory"], host["CpuQuota"], host["ShmSize"]) == (2**30, 150_000, 2**20)
    assert host["PidsLimit"] == 512
    # the next server without these wishes is as all are
    await rich_hub.stop("ana")
    assert (await rich_hub.ask("ana", {"profile": "none"}))[0] == 201
    host = only(engine)["HostConfig"]
    assert only(engine)["Config"]["Image"] != "jax:2"
    assert (host["Memory"], host.get("CpuQuota"), host.get("ShmSize")) == (2**29, None, None)


async def test_a_number_by_form_and_by_api(rich_hub, engine, allocator):
    assert (await rich_hub.ask("bo", {"profile": "some", "gpus": 2}))[0] == 201
    assert len(allocator.leases["L-0000"]["gpus"]) == 2
    assert only(engine)["HostConfig"]["PidsLimit"] == 99
    status, told = await rich_hub.ask("cy", {"profile": "some", "gpus": 3})
    assert (status, "1 to 2" in told["message"]) == (400, True)
    async with await rich_hub.log_in("cy") as session:
        status, page = await rich_hub.form(session, "cy", {"profile": "some", "gpus-some": "3"})
        assert (status, "1 to 2" in page) == (400, True)


@pytest.mark.parametrize(
    "options",
    [
        {"profile": "none", "memory": "64GiB"},
        {"profile": "none", "gpus": 1},
        {"profile": "some", "image": "torch:1"},
        {"image": "torch:1"},
        {"profile": "some", "gpus": 1, "volumes": {"/": "/host"}},
    ],
)
async def test_an_extra_field_is_refused(rich_hub, engine, allocator, options):
    assert (await rich_hub.ask("bo", options))[0] == 400
    assert engine.containers == {}
