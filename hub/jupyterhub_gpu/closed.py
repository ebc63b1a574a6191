"""What every server's container is denied, whatever else an admin sets. Plain, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NO_NEW_PRIVILEGES = "no-new-privileges"


def close_container(create: Mapping[str, Any], pids: int) -> dict[str, Any]:
    """The arguments of docker-py's `create_container` without rights that nobody asked for.

    All capabilities are dropped, setuid programs give none, processes are counted. What an admin
    asks for by name stays: `cap_add`, `pids_limit`, other `security_opt`. Nothing is changed.
    """
    host = dict(create.get("host_config") or {})
    host.setdefault("CapDrop", ["ALL"])
    host.setdefault("PidsLimit", pids)
    options = list(host.get("SecurityOpt") or [])
    if not any(each.startswith(NO_NEW_PRIVILEGES) for each in options):
        options.append(NO_NEW_PRIVILEGES)
    return {**create, "host_config": {**host, "SecurityOpt": options}}
