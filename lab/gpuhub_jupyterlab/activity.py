"""What this server knows of its own use: kernels, terminals, a person's input, jobs.

All of it is a hint to the idle rule: it is said by processes that the person owns.
"""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.services.kernels.kernelmanager import MappingKernelManager

from .processes import Looks, has_job

VERSION = 1


class Activity:
    def __init__(
        self, kernels: MappingKernelManager, settings: Mapping[str, Any], looks: Looks
    ) -> None:
        self._kernels = kernels
        self._settings = settings  # jupyter_server puts the terminals there later, or never
        self._looks = looks
        self.last_input_at: datetime | None = None

    async def tell(self) -> dict[str, Any]:
        kernels = await ensure_async(self._kernels.list_kernels())
        busy = self._looks.busy([*self._kernel_pids(), *self._shells()])
        last = self.last_input_at
        return {
            "version": VERSION,
            "kernels": [
                {key: one[key] for key in ("id", "execution_state", "last_activity")}
                for one in kernels
            ],
            "terminals": self._terminals(),
            "last_input_at": None if last is None else last.isoformat().replace("+00:00", "Z"),
            "jobs_busy": busy,
        }

    def _terminals(self) -> list[dict[str, Any]]:
        manager = self._settings.get("terminal_manager")
        if manager is None:
            return []
        return [{**one, "job": self._job(manager, one["name"])} for one in manager.list()]

    def _job(self, manager: Any, name: str) -> bool | None:
        try:
            pty = manager.terminals[name].ptyproc
            return has_job(pty.fd, pty.pid, self._looks.snapshot)
        except (AttributeError, KeyError):  # another kind of terminal
            return None

    def _shells(self) -> Iterator[int]:
        manager = self._settings.get("terminal_manager")
        for one in list(manager.terminals.values()) if manager else []:
            with contextlib.suppress(AttributeError):
                yield one.ptyproc.pid

    def _kernel_pids(self) -> Iterator[int]:
        for kernel_id in self._kernels.list_kernel_ids():
            with contextlib.suppress(KeyError):
                kernel = self._kernels.get_kernel(kernel_id)
                pid = getattr(getattr(kernel, "provisioner", None), "pid", None)
                if isinstance(pid, int):
                    yield pid
