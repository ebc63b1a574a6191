"""Who may enter and who administers, whatever the method; and how often one may try."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from jupyterhub.auth import Authenticator

from jupyterhub_gpu.entrance import Entrance, Told, TooMany, Unavailable

GROUPS = {"ana": ["gpu-users", "hub-admins"], "bo": ["gpu-users"], "cy": []}


class Method(Entrance, Authenticator):
    """A method with three people; the password is the name's first letter."""

    async def authenticate(self, handler, data):
        await asyncio.sleep(0)
        match data["password"]:
            case "down":
                raise Unavailable("The directory does not answer: 100%.")
            case "expired":
                raise Told("Your account has expired.")
        name = data["username"]
        if name not in GROUPS or data["password"] != name[0]:
            return None
        return {"name": name, "groups": GROUPS[name], "auth_state": {"account": None}}


def method(**traits):
    return Method(**({"allow_all": True} | traits))


async def enter(method, name, password=None, address="192.0.2.7"):
    handler = SimpleNamespace(request=SimpleNamespace(remote_ip=address))
    data = {"username": name, "password": password or name[:1]}
    return await method.get_authenticated_user(handler, data)


async def test_everybody_where_all_are_allowed():
    for name in GROUPS:
        assert (await enter(method(), name))["name"] == name
    assert await enter(method(allow_all=False), "ana") is None


@pytest.mark.parametrize("allow_all", [True, False])
async def test_allow_all_does_not_get_round_the_groups(allow_all):
    limited = method(allow_all=allow_all, allowed_groups={"gpu-users"})
    assert (await enter(limited, "bo"))["groups"] == ["gpu-users"]
    assert await enter(limited, "cy") is None
    named = method(allow_all=allow_all, allowed_users={"cy"})
    assert (await enter(named, "cy"))["name"] == "cy"
    assert await enter(named, "bo") is None
    both = method(allow_all=allow_all, allowed_users={"cy"}, allowed_groups={"hub-admins"})
    assert [bool(await enter(both, name)) for name in GROUPS] == [True, False, True]
    limited.allow_all = True
    assert await enter(limited, "cy") is None


async def test_who_once_was_a_user_is_not_allowed_for_that():
    limited = method(allow_all=False, allowed_users={"ana"}, allowed_groups={"gpu-users"})
    limited.add_user(SimpleNamespace(name="cy"))
    assert await enter(limited, "cy") is None


async def test_admins_by_name_and_group_both_ways():
    told = method(admin_users={"bo"}, admin_groups={"hub-admins"})
    assert [(await enter(told, name))["admin"] for name in GROUPS] == [True, True, False]


async def test_one_name_is_refused_after_its_failures_whatever_the_password():
    limited = method(failures_per_name=3)
    for _ in range(3):
        assert await enter(limited, "ana", "x") is None
    with pytest.raises(TooMany) as caught:
        await enter(limited, "ana")
    assert caught.value.status_code == 429
    assert "in 15 minutes" in caught.value.jupyterhub_message
    with pytest.raises(TooMany):
        await enter(limited, " ANA ", address="192.0.2.8")
    assert await enter(limited, "bo")


async def test_a_success_clears_the_name_and_only_the_name():
    limited = method(failures_per_name=3, failures_per_address=5)
    for _ in range(2):
        assert await enter(limited, "ana", "x") is None
        assert await enter(limited, "ana")
        assert await enter(limited, "ana", "x") is None
        assert await enter(limited, "ana")
    assert await enter(limited, "bo", "x") is None
    with pytest.raises(TooMany):
        await enter(limited, "bo")
    assert await enter(limited, "bo", address="192.0.2.8")


async def test_many_at_once_are_no_way_round():
    limited = method(failures_per_name=3)
    tries = [enter(limited, "ana", "x") for _ in range(20)]
    told = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(1 for each in told if each is None) == 3
    assert sum(1 for each in told if isinstance(each, TooMany)) == 17


async def test_what_could_not_be_decided_is_no_failure_and_being_told_is_one():
    limited = method(failures_per_name=2)
    for _ in range(5):
        with pytest.raises(Unavailable) as caught:
            await enter(limited, "ana", "down")
    assert caught.value.get_message() == "The directory does not answer: 100%."
    for _ in range(2):
        with pytest.raises(Told):
            await enter(limited, "ana", "expired")
    with pytest.raises(TooMany):
        await enter(limited, "ana")


async def test_without_a_password_there_is_no_limit():
    class Elsewhere(Entrance, Authenticator):
        async def authenticate(self, handler, data):
            return None

    elsewhere = Elsewhere(allow_all=True, failures_per_name=1, failures_per_address=1)
    for _ in range(3):
        assert await elsewhere.get_authenticated_user(None, None) is None
