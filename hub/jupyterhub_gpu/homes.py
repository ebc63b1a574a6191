"""Makes a home that is not there: in a container of its own that sees only the folder of homes.

The hub itself sees no file of the host. `make-home` (images/hub) does the work as root with two
capabilities: to write in a folder that is not root's, and to give files away.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from docker.errors import APIError
from docker.types import Mount

from .account import Account
from .engine import EngineTruth, explain
from .words import Refusal

HOMES, SKEL = "/homes", "/etc/skel"
LIMIT_S = 30.0
LOOK_EVERY_S = 0.1


async def make_home(engine: EngineTruth, account: Account, homes: str, image: str) -> None:
    """Return when the home is there, owned by the person. Raises Refusal, or an engine's error."""
    container = await _create(engine, account, homes, image)
    try:
        await engine.docker("start", container)
        code = await _ended(engine, container)
        if code != 0:
            said = (await engine.docker("logs", container)).decode(errors="replace").strip()
            engine.log.error("%s was not made (%s): %s", account.home, code, said)
            text = f"Your home, {account.home}, could not be made. Ask an admin."
            raise Refusal(text, reason="no-home", status_code=500)
    finally:
        await engine.remove_for_good(container, LIMIT_S, grace=False)


async def _create(engine: EngineTruth, account: Account, homes: str, image: str) -> str:
    """The container's id. A host without /etc/skel gets empty homes."""
    try:
        return await _create_with(engine, account, homes, image, skel=True)
    except APIError as error:
        if SKEL not in explain(error):
            raise
        return await _create_with(engine, account, homes, image, skel=False)


async def _create_with(
    engine: EngineTruth, account: Account, homes: str, image: str, *, skel: bool
) -> str:
    mounts = [Mount(target=HOMES, source=homes, type="bind")]
    if skel:
        mounts.append(Mount(target="/skel", source=SKEL, type="bind", read_only=True))
    host = engine.client.create_host_config(
        mounts=mounts,
        network_mode="none",
        read_only=True,
        cap_drop=["ALL"],
        cap_add=["CHOWN", "DAC_OVERRIDE"],
        security_opt=["no-new-privileges"],
        pids_limit=32,
        mem_limit="128m",
    )
    below = account.home.removeprefix(homes.rstrip("/") + "/")
    made: dict[str, Any] = await engine.docker(
        "create_container",
        image=image,
        name=f"gpuhub-make-home-{uuid.uuid4().hex[:12]}",
        entrypoint=["make-home"],
        command=[str(account.uid), str(account.gid), below],
        user="0:0",
        environment={"NVIDIA_VISIBLE_DEVICES": "void"},
        labels={"gpuhub.helper": "1"},
        host_config=host,
    )
    return str(made["Id"])


async def _ended(engine: EngineTruth, container: str) -> int:
    """The exit code. It is looked for, not waited for: the hub has one thread for the engine."""
    deadline = asyncio.get_running_loop().time() + LIMIT_S
    while asyncio.get_running_loop().time() < deadline:
        state = ((await engine.inspect(container)) or {}).get("State") or {}
        if state.get("Status") == "exited":
            return int(state.get("ExitCode", -1))
        await asyncio.sleep(LOOK_EVERY_S)
    return -1
