"""A person's server tells of its GPUs: the page's status item, and what the idle rule asks.

Loaded by jupyter_server (etc/jupyter/jupyter_server_config.d) and JupyterLab (labextension).
Without GPUHUB_STATUS_URL the page shows nothing; `activity` answers all the same.
"""

import os
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

NAME = "gpuhub-jupyterlab"

try:
    __version__ = version(NAME)
except PackageNotFoundError:  # run from a checkout
    __version__ = "0"


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "gpuhub_jupyterlab"}]


def _load_jupyter_server_extension(server: "ServerApp") -> None:
    from .handlers import add_handlers  # noqa: PLC0415 (only who loads it needs jupyter_server)

    add_handlers(server, os.environ)
    server.log.info("%s %s", NAME, __version__)
