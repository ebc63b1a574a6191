"""The authenticator as the hub has it, made from the hub's own settings but without a hub.

For `login_test` and `directory_check`.
"""

from __future__ import annotations

import logging
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from traitlets.config.loader import PyFileConfigLoader
from traitlets.utils.importstring import import_item

SETTINGS = Path("/etc/jupyterhub/hub_settings.py")
DATABASE = "sqlite:////srv/jupyterhub/jupyterhub.sqlite"


def own_door(settings: Path = SETTINGS) -> Any:
    """Its log goes to standard error, one line each. Raises what the settings raise."""
    config = PyFileConfigLoader(settings.name, path=str(settings.parent)).load_config()
    hub = config.JupyterHub
    told = hub.get("authenticator_class", "")
    engine = create_engine(hub.get("db_url", DATABASE))
    return _class(told)(config=config, log=_log(), _deprecated_db_session=sessionmaker(engine)())


def _class(told: Any) -> Any:
    """As JupyterHub takes it: a class, its path, or an entry point's name."""
    if not isinstance(told, str):
        return told
    named = [one for one in entry_points(group="jupyterhub.authenticators") if one.name == told]
    return named[0].load() if named else import_item(told)


def _log() -> logging.Logger:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("log    %(message)s"))
    log = logging.getLogger("gpuhub.door")
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.WARNING)
    return log
