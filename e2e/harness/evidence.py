"""What a failed test leaves behind: states, logs, inspections, leases, the engine's log."""

import json
from pathlib import Path
from typing import Protocol

import pytest

from . import engine
from .testhost import TestHost

HOSTS: pytest.StashKey[dict[str, TestHost]] = pytest.StashKey()


class Logs(Protocol):
    """What keeps logs that are no test host's."""

    def logs(self) -> dict[str, str]: ...


LOGS: pytest.StashKey[Logs] = pytest.StashKey()
LINES = 40
SHOWN_OF_A_NOTEBOOK = ("State", "Config", "HostConfig", "NetworkSettings")
ALLOCATOR = "gpuhub-allocator-1"


def gather(hosts: dict[str, TestHost], folder: Path) -> list[tuple[str, str]]:
    """Sections for the report; the same, longer, as files in `folder`."""
    sections = []
    for name, host in hosts.items():
        try:
            parts = _of(host)
        except Exception as wrong:
            parts = {"evidence": f"could not be gathered: {wrong}"}
        for title, text in parts.items():
            place = folder / name / f"{title}.txt"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            tail = "\n".join(text.splitlines()[-LINES:])
            if not title.startswith("inspect"):
                sections.append((f"{name}: {title}", tail))
    return sections


def gather_logs(keeper: Logs, folder: Path) -> list[tuple[str, str]]:
    """The same, of what is not a test host."""
    sections = []
    for name, text in keeper.logs().items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name.replace(' ', '-')}.txt").write_text(text)
        sections.append((name, "\n".join(text.splitlines()[-LINES:])))
    return sections


def _of(host: TestHost) -> dict[str, str]:
    state = engine.docker("inspect", "-f", "{{json .State}}", host.container, check=False).text
    parts = {"machine": state}
    log = "journalctl --no-pager -n 400" if host.spec.bare else "tail -n 400 /var/log/dockerd.log"
    engine_log = host.sh(log, check=False)
    parts["dockerd"] = engine_log.text
    listed = host.docker("ps", "-a", "--format", "{{.Names}}\t{{.Status}}", check=False)
    parts["containers"] = listed.text
    for line in listed.out.splitlines():
        name = line.split("\t")[0]
        parts[f"log {name}"] = host.docker("logs", "--tail", "400", name, check=False).text
        if name.startswith("gpuhub-nb-"):
            record = host.inspect(name) or {}
            kept = {key: record.get(key) for key in SHOWN_OF_A_NOTEBOOK}
            parts[f"inspect {name}"] = json.dumps(kept, indent=1)
    leases = ["exec", ALLOCATOR, "gpuctl", "leases", "--all"]
    parts["leases"] = host.docker(*leases, check=False).text
    return parts
