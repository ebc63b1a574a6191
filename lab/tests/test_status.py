"""The page's way to the GPU status service: one call for all tabs, words for every failure."""

import asyncio
import json
from typing import Any

import pytest
from conftest import SERVER, FakeService

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def jp_serverapp(environment: None, jp_serverapp: Any) -> Any:
    """The environment first: it is read when the extension is loaded."""
    return jp_serverapp


async def test_own_server_alone_is_told(ask: Any, service: FakeService) -> None:
    assert await ask("status") == (200, {"enabled": True, "server": SERVER})
    assert service.seen == [("GET", "api/me", None, "token secret")]


async def test_many_tabs_cost_one_call(ask: Any, service: FakeService) -> None:
    service.wait_s = 0.2
    answers = await asyncio.gather(*(ask("status") for _ in range(10)))
    answers.append(await ask("status"))
    assert answers == [answers[0]] * 11
    assert len(service.seen) == 1


async def test_named_server_not_looked_at_yet(ask: Any, service: FakeService) -> None:
    service.body = {"name": "ana", "servers": []}
    assert await ask("status") == (200, {"enabled": True, "server": None})


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (404, {"detail": "no such person"}, (200, {"enabled": True, "server": None})),
        (403, {"detail": "?"}, (502, "refused")),
        (500, None, (502, "unreachable")),
        (503, {"detail": "starting"}, (502, "unreachable")),
        (200, ["no object"], (502, "unreachable")),
        (200, {"servers": ["x"]}, (502, "unreachable")),
        (302, None, (502, "unreachable")),
    ],
)
async def test_what_the_service_may_answer(
    ask: Any, service: FakeService, status: int, body: Any, answer: tuple[int, Any]
) -> None:
    service.status, service.body = status, body
    service.headers = {"Location": "api/elsewhere"}
    code, said = await ask("status")
    if isinstance(answer[1], dict):
        assert (code, said) == answer
    else:
        assert (code, said["error"]) == answer
        assert said["message"].startswith("The GPU status service")
        assert said["enabled"] is True
    assert len(service.seen) == 1, "a redirect was followed"


async def test_no_json_and_too_much(ask: Any, service: FakeService, clockless: None) -> None:
    service.raw = b"<html>"
    assert (await ask("status"))[0] == 502
    service.raw = b'{"servers": ["' + b"x" * 300_000 + b'"]}'
    assert (await ask("status"))[0] == 502


async def test_silent_service(ask: Any, service: FakeService, monkeypatch: Any) -> None:
    monkeypatch.setattr("gpuhub_jupyterlab.status_service.TIMEOUT_S", 0.2)
    service.wait_s = 1
    code, said = await ask("status")
    assert (code, said["message"]) == (502, "The GPU status service does not answer.")


async def test_keep(ask: Any, service: FakeService, clockless: None) -> None:
    assert (await ask("keep", method="POST", body="{}"))[1]["server"]["kept_until"]
    assert (await ask("keep", method="POST", body='{"for_s": 60}'))[0] == 200
    assert [seen[2] for seen in service.seen] == [{"server": ""}, {"server": "", "for_s": 60}]


async def test_after_keep_the_old_answer_is_forgotten(ask: Any, service: FakeService) -> None:
    await ask("status")
    await ask("keep", method="POST", body="{}")
    await ask("status")
    assert [seen[1] for seen in service.seen] == ["api/me", "api/keep", "api/me"]


async def test_keep_that_cannot_says_why(ask: Any, service: FakeService) -> None:
    service.kept = (409, {"detail": "kept as long as it may be"})
    assert await ask("keep", method="POST", body="{}") == (
        409,
        {"enabled": True, "error": "refused", "message": "kept as long as it may be"},
    )


@pytest.mark.parametrize(
    "body", ["[]", "{", '{"for_s": 0}', '{"for_s": true}', '{"for_s": 1.5}', '{"server": "x"}',
             '{"for_s": 99999999999}', json.dumps({"for_s": "x" * 2000})]
)  # fmt: skip
async def test_keep_reads_strictly(ask: Any, service: FakeService, body: str) -> None:
    code, _ = await ask("keep", method="POST", body=body)
    assert code == (413 if len(body) > 1024 else 400)
    assert service.seen == []


@pytest.mark.parametrize("name", ["status", "activity"])
async def test_strangers_get_nothing(jp_fetch: Any, name: str, service: FakeService) -> None:
    answer = await jp_fetch("gpuhub", name, headers={"Authorization": "no"}, raise_error=False)
    assert answer.code == 403
    assert service.seen == []


@pytest.mark.parametrize("name", ["keep", "input"])
async def test_without_token_a_post_needs_the_xsrf_cookie(
    jp_serverapp: Any, http_server_client: Any, name: str, service: FakeService
) -> None:
    """A browser that is logged in by cookie: another site's page must not press Keep."""
    identity = jp_serverapp.identity_provider
    identity.get_user = identity.generate_anonymous_user
    url = f"{jp_serverapp.base_url}gpuhub/{name}"
    answer = await http_server_client.fetch(url, method="POST", body="{}", raise_error=False)
    assert answer.code == 403
    assert b"_xsrf" in answer.body
    assert service.seen == []


async def test_nothing_counts_as_activity(ask: Any, jp_serverapp: Any) -> None:
    before = jp_serverapp.web_app.last_activity()
    await ask("status")
    await ask("keep", method="POST", body="{}")
    await ask("input", method="POST", body="")
    await ask("activity")
    assert jp_serverapp.web_app.last_activity() == before


async def test_only_keep_and_failures_stand_in_the_log(
    ask: Any, service: FakeService, caplog: Any
) -> None:
    await ask("status")
    await ask("activity")
    await ask("input", method="POST", body="")
    assert [text for text in caplog.messages if "/gpuhub/" in text] == []
    await ask("keep", method="POST", body="{}")
    service.status = 500
    await ask("status")
    said = [text.split(" (")[0] for text in caplog.messages if "/gpuhub/" in text]
    assert said == ["200 POST /a%40b/gpuhub/keep", "502 GET /a%40b/gpuhub/status"]


@pytest.fixture
def clockless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpuhub_jupyterlab.status_service.CACHED_S", 0.0)
