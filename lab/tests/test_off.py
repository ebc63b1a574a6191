"""Without a status service the page is told so once; the idle rule is answered all the same."""

from typing import Any

import pytest

from gpuhub_jupyterlab.status_service import StatusService


async def test_off_without_its_address(ask: Any) -> None:
    assert await ask("status") == (200, {"enabled": False})
    code, said = await ask("keep", method="POST", body="{}")
    assert (code, said["error"]) == (404, "refused")
    assert (await ask("activity"))[0] == 200


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"GPUHUB_STATUS_URL": "http://a/"},
        {"GPUHUB_STATUS_URL": "file:///etc", "JUPYTERHUB_API_TOKEN": "x"},
        {"GPUHUB_STATUS_URL": "", "JUPYTERHUB_API_TOKEN": "x"},
    ],
)
async def test_what_switches_it_off(environment: dict[str, str]) -> None:
    assert (await StatusService.of(environment).status()).body == {"enabled": False}
