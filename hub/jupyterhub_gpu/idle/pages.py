"""The reason on the hub's pages: when the rule ended a server, and why, until it starts again.

Read from the judge's file, in the hub's own process. Whatever is wrong with that file, a page
shows nothing of it and is not kept from being shown.
"""

from __future__ import annotations

import html
import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyterhub_gpu.words import moment

from .store import last_end

# The hub notes the end of a stop as activity, as it does a start: so long may a stop take.
STOP_S = 300.0
SCRIPT = """<script>
  document.querySelectorAll("time.gpuhub-time").forEach((each) => {
    const when = new Date(each.dateTime), today = new Date().toDateString();
    const clock = {hour: "2-digit", minute: "2-digit"};
    each.textContent = when.toDateString() === today
      ? when.toLocaleTimeString([], clock)
      : when.toLocaleString([], {...clock, year: "numeric", month: "short", day: "numeric"});
  });
</script>"""

log = logging.getLogger("jupyterhub_gpu.idle")


def note_of(file: Path, user: Any, server: str) -> str:
    """As HTML, for JupyterHub's user object; empty: there is nothing to say. Never raises."""
    try:
        spawner = user.orm_spawners.get(server)
        if spawner is None or (server in user.spawners and user.spawners[server].active):
            return ""
        return note_html(file, user.name, server, spawner.last_activity)
    except (sqlite3.Error, OSError, ValueError, OverflowError, AttributeError, TypeError) as error:
        log.debug("Why a server was ended cannot be shown: %s", error)
        return ""


def note_html(file: Path, user: str, server: str, last_activity: datetime | None) -> str:
    """As `note_of`, but raises. `last_activity` as the hub has it: UTC, without saying so."""
    if not file.exists() or (told := last_end(file, user, server)) is None:
        return ""
    at, words = told
    if last_activity and last_activity.replace(tzinfo=UTC).timestamp() > at + STOP_S:
        return ""  # it was started since
    when = datetime.fromtimestamp(at, UTC)
    name = f" {html.escape(server)}" if server else ""
    return (
        '<p class="alert alert-warning gpuhub-ended" role="status">'
        f"Your server{name} was ended at "
        f'<time class="gpuhub-time" datetime="{when.isoformat(timespec="seconds")}">'
        f"{moment(when)}</time>: {html.escape(words)}.</p>{SCRIPT}"
    )


def template_vars(file: Path) -> dict[str, Callable[[Any], Any]]:
    """For JupyterHub.template_vars: `gpuhub_ended(user, server)` in a page."""

    def for_page(_viewer: Any) -> Callable[[Any, str], str]:
        return lambda user, server: note_of(file, user, server)

    return {"gpuhub_ended": for_page}
