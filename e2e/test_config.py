"""What is written wrongly is refused in words, and changes nothing."""

from collections.abc import Iterator

import pytest

from conftest import Machines
from harness.allocator import HUB_SOCKET, Allocator
from harness.hub import at_once
from harness.product import PLACE, configure, gpuhub, install
from harness.testhost import HostSpec, TestHost
from harness.world import World

UUID = "GPU-51d00000-0000-4000-8000-000100000000"
UNKNOWN = "GPU-00000000-0000-4000-8000-000000000000"

BAD_SETTINGS = {
    # name: (text, "LINE:", key, what the message must offer)
    "unknown key": ("[gpus]\nslotz = 2\n", "2:", "slotz", "slots"),
    "unknown section": ("[gpu]\nslots = 2\n", "1:", "gpu", "gpus"),
    "wrong type": ("[hub]\n\nport = 'http'\n", "3:", "port", "1 to 65535"),
    "slots 0": ("[gpus]\nslots = 0\n", "2:", "slots", "64"),
    "no loopback without tls": ("[hub]\naddress = '0.0.0.0'\n", "2:", "address", "tls"),
    "start longer than bind": (
        "[hub]\nstart_timeout = '5m'\n[allocator]\nbind_timeout = '2m'\n",
        "2:",
        "start_timeout",
        "allocator.bind_timeout",
    ),
    "duplicate UUID": (
        f"[[gpus.override]]\nuuid = '{UUID}'\nslots = 2\n"
        f"[[gpus.override]]\nuuid = '{UUID}'\nslots = 3\n",
        "5:",
        "uuid",
        "each UUID once",
    ),
    "no TOML": ("[hub\n", "1:", "", ""),
}


@pytest.fixture(scope="module")
def unconfigured(machines: Machines) -> Iterator[TestHost]:
    """A machine with the checkout on it, where `up` has never run."""
    host = machines.get("spare", HostSpec())
    host.sh("docker ps -aq | xargs -r docker rm -f")
    install(host)
    yield host


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_bad_settings_are_refused_and_nothing_starts(unconfigured: TestHost, name: str) -> None:
    text, line, key, offer = BAD_SETTINGS[name]
    configure(unconfigured, text)
    done = gpuhub(unconfigured, "up", check=False)
    assert done.status != 0
    assert f"{PLACE}/gpuhub.toml:{line}" in done.text
    assert key in done.text
    assert offer in done.text.split("gpuhub.toml", 1)[1]
    assert unconfigured.containers() == []
    assert "gpuhub" not in unconfigured.docker("volume", "ls", "-q").out


def test_all_mistakes_are_told_at_once(unconfigured: TestHost) -> None:
    configure(unconfigured, "[hub]\nport = 0\n[gpus]\nslots = 65\npolicy = 'fair'\n")
    text = gpuhub(unconfigured, "up", check=False).text
    for place in ("gpuhub.toml:2:", "gpuhub.toml:4:", "gpuhub.toml:5:"):
        assert place in text


def lease_body(**changes: object) -> dict:
    owner = {"user": "eve", "server": "", "groups": []}
    return {"request_id": "bad-1", "owner": owner, "gpus": {"count": 1}} | changes


BAD_REQUESTS = {
    # name: (body or raw text, status, slug, a word of the detail)
    "no JSON": ("{", 400, "bad-request", ""),
    "no object": ("[]", 400, "bad-request", ""),
    "unknown field": (lease_body(gpu=1), 400, "bad-request", "gpu"),
    "missing field": ({"gpus": {"count": 1}}, 400, "bad-request", "request_id"),
    "wrong type": (lease_body(gpus={"count": "1"}), 400, "bad-request", "count"),
    "none of them": (lease_body(gpus={"count": 0}), 400, "bad-request", "count"),
    "below none": (lease_body(gpus={"count": -1}), 400, "bad-request", "count"),
    "two forms": (lease_body(gpus={"count": 1, "all": True}), 400, "bad-request", "gpus"),
    "more than there are": (lease_body(gpus={"count": 5}), 422, "impossible", "4"),
    "unknown UUID": (lease_body(gpus={"uuids": [UNKNOWN]}), 422, "impossible", UNKNOWN),
    "unknown position": (lease_body(gpus={"positions": [9]}), 422, "impossible", "9"),
    "bad mode": (lease_body(mode="greedy"), 400, "bad-request", "mode"),
    "bad request_id": (lease_body(request_id="a b"), 400, "bad-request", "request_id"),
    "2 MB": ("x" * 2_000_000, 413, "too-large", ""),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_bad_requests_are_clear_problems(world: World, name: str) -> None:
    body, status, slug, word = BAD_REQUESTS[name]
    raw = body if isinstance(body, str) else None
    answer = world.allocator.call("POST", "/v1/leases", None if raw else body, raw)
    assert (answer.status, answer.problem) == (status, slug), answer
    assert word in answer.json["detail"]
    assert world.allocator.leases() == []
    assert world.allocator.call("GET", "/healthz").status == 200


def test_unknown_paths_and_methods(world: World) -> None:
    ask = world.allocator.call
    assert ask("GET", "/v1/nothing").problem == "not-found"
    assert ask("GET", "/v1/leases/L-NONE").status == 404
    assert ask("DELETE", "/v1/gpus").problem == "method-not-allowed"
    assert ask("PUT", "/v1/gpus", {"gpus": []}).problem == "inventory-source"


def test_a_hub_may_not_speak_for_another(world: World) -> None:
    """Who calls is known by the socket: the hub's own names no other hub, and is no admin."""
    hub = Allocator(world.host, HUB_SOCKET)
    owner = {"user": "eve", "server": "", "groups": [], "hub": "other"}
    answer = hub.call("POST", "/v1/leases", lease_body(owner=owner))
    assert answer.status in (400, 403), answer
    assert hub.call("PATCH", f"/v1/gpus/{UUID}", {"slots": 9}).problem == "forbidden"


def test_a_retry_is_one_lease(world: World) -> None:
    asks = [lambda: world.allocator.ask("eve", {"count": 1}, "retry-1") for _ in range(4)]
    answers = at_once(*asks)
    assert sorted(a.status for a in answers) == [200, 200, 200, 201]
    assert len({a.json["id"] for a in answers}) == 1
    other = world.allocator.ask("mallory", {"count": 1}, "retry-1")
    assert (other.status, other.problem) == (409, "request-reused")
