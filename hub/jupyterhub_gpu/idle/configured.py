"""How the hub is told of the idle rule: a service that it starts, and what its pages show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from .pages import template_vars

SERVICE = "gpuhub-idle"
# Reads who runs which servers in which groups, and stops servers. Nothing else: a person's server
# is asked with that server's own token.
SCOPES = ("list:users", "read:users:groups", "read:servers", "delete:servers")


def configure_idle(c: Any, state: Path, token: str, *options: str) -> None:
    """Have the hub start the judge, and read `state` for its pages."""
    c.JupyterHub.services.append(service(state, token, *options))
    c.JupyterHub.load_roles.append(role())
    c.JupyterHub.template_vars.update(template_vars(state))
    c.GpuMixin.idle_file = str(state)


def service(state: Path, token: str, *options: str) -> dict[str, Any]:
    """A managed service: the hub starts it, and again when it has ended."""
    command = [sys.executable, "-m", "jupyterhub_gpu.idle", f"--state={state}", *options]
    return {"name": SERVICE, "api_token": token, "command": command}


def role() -> dict[str, Any]:
    """What that service may do."""
    return {"name": SERVICE, "services": [SERVICE], "scopes": list(SCOPES)}
