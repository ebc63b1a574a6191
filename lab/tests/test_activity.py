"""What the server tells of itself, with real kernels, real terminals and real processes."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from conftest import eventually

from gpuhub_jupyterlab import processes

BURN = "while True: pass"


async def told(ask: Any) -> dict[str, Any]:
    code, said = await ask("activity")
    assert code == 200
    return said


async def test_nothing_runs(ask: Any) -> None:
    assert await told(ask) == {
        "version": 1,
        "kernels": [],
        "terminals": [],
        "last_input_at": None,
        "jobs_busy": False,
    }


async def test_input_is_remembered(ask: Any) -> None:
    assert await ask("input", method="POST", body="") == (204, None)
    at = datetime.fromisoformat((await told(ask))["last_input_at"].replace("Z", "+00:00"))
    assert abs((datetime.now(timezone.utc) - at).total_seconds()) < 5


async def terminal(jp_fetch: Any, jp_serverapp: Any) -> Any:
    """A terminal at its prompt."""
    made = await jp_fetch("api", "terminals", method="POST", body="{}")
    name = json.loads(made.body)["name"]
    return jp_serverapp.web_app.settings["terminal_manager"].terminals[name].ptyproc


@pytest.mark.parametrize(
    ("typed", "job"),
    [
        ("", False),
        ("sleep 60\n", True),
        ("sleep 60 &\n", True),
        ("(sleep 60; true) &\n", True),
        ("true\n", False),
    ],
)
async def test_terminal(ask: Any, jp_fetch: Any, jp_serverapp: Any, typed: str, job: bool) -> None:
    pty = await terminal(jp_fetch, jp_serverapp)

    async def jobs() -> list[Any]:
        return [one["job"] for one in (await told(ask))["terminals"]]

    await eventually(jobs, [False])
    pty.write(typed)
    await eventually(jobs, [job])
    await asyncio.sleep(0.5)
    assert await jobs() == [job]
    assert set((await told(ask))["terminals"][0]) == {"name", "last_activity", "job"}


async def test_stopped_and_ended_jobs_are_none(ask: Any, jp_fetch: Any, jp_serverapp: Any) -> None:
    pty = await terminal(jp_fetch, jp_serverapp)

    async def job() -> Any:
        return (await told(ask))["terminals"][0]["job"]

    await eventually(job, False)
    pty.write("sleep 60\n")
    await eventually(job, True)
    pty.write("\x1a")  # Ctrl-Z
    await eventually(job, False)
    pty.write("bg\n")
    await eventually(job, True)
    pty.write("kill %1\n")
    await eventually(job, False)


async def test_kernel_in_a_silent_cell(ask: Any, jp_fetch: Any, jp_ws_fetch: Any) -> None:
    pytest.importorskip("ipykernel")
    made = await jp_fetch("api", "kernels", method="POST", body='{"name": "python3"}')
    kernel_id = json.loads(made.body)["id"]

    async def state() -> Any:
        return [(one["id"], one["execution_state"]) for one in (await told(ask))["kernels"]]

    websocket = await jp_ws_fetch("api", "kernels", kernel_id, "channels")
    await eventually(state, [(kernel_id, "idle")], 20)
    content = {"code": "import time; time.sleep(60)", "silent": False}
    header = {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "",
              "version": "5.3"}  # fmt: skip
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content,
               "channel": "shell", "buffers": []}  # fmt: skip
    await websocket.write_message(json.dumps(message))
    await eventually(state, [(kernel_id, "busy")])
    websocket.close()  # the tab is closed
    await asyncio.sleep(0.5)
    assert await state() == [(kernel_id, "busy")]
    await jp_fetch("api", "kernels", kernel_id, method="DELETE")


# Processes that nobody answers for. Looks are as near as the test likes, over a clock of its own.


class Turns:
    """/proc as it is, at times that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> processes.Snapshot:
        return processes.take(clock=lambda: self.now)


@pytest.fixture
def orphan(request: pytest.FixtureRequest) -> Iterator[int]:
    """Its parent has ended; what it runs is the test's parameter."""
    code = (
        "import subprocess, sys;"
        f"print(subprocess.Popen([sys.executable, '-c', {request.param!r}], "
        "start_new_session=True, "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    pid = int(out.stdout)
    yield pid
    os.kill(pid, 9)


def cpu_s(pid: int) -> float:
    found = processes.read(processes.Path("/proc"), pid)
    return found.cpu_s if found else 0.0


@pytest.mark.parametrize("orphan", [BURN], indirect=True)
def test_an_orphan_that_computes_is_busy(orphan: int) -> None:
    turns = Turns()
    looks = processes.Looks(turns, server=os.getpid())
    start = cpu_s(orphan)
    while cpu_s(orphan) < start + 0.2:
        time.sleep(0.02)
    turns.now += 5
    assert looks.busy([]) is True
    assert looks.busy([]) is True, "asked again at once the answer stands"


@pytest.mark.parametrize("orphan", ["import time; time.sleep(99)"], indirect=True)
def test_an_orphan_that_sleeps_is_not(orphan: int) -> None:
    turns = Turns()
    while processes.read(processes.Path("/proc"), orphan).state != "S":  # type: ignore[union-attr]
        time.sleep(0.05)
    time.sleep(0.3)  # its start has cost something
    looks = processes.Looks(turns, server=os.getpid())
    turns.now += 5
    assert looks.busy([]) is False
