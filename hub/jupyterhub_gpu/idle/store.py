"""What the judge must not forget, in SQLite: warnings given, Keeps, and which servers it ended.

On disk before anybody is told of it. One process writes; the hub's pages read (`pages`). Times are
the judge's, but for `ended.at`, which is shown: the wall clock's.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .clock import Clock
from .deadline import Warned
from .rule import Memory

DAY_S = 86400.0
FORGET_RUN_S = 7 * DAY_S  # a server that nobody has seen for so long
KEEP_ENDED_S = 90 * DAY_S
SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
  user TEXT NOT NULL, server TEXT NOT NULL, started TEXT NOT NULL,
  started_at REAL, active_at REAL, idle_first_at REAL, idle_last_at REAL, lifetime_first_at REAL,
  lifetime_last_at REAL, keep_until REAL, judged_at REAL NOT NULL,
  PRIMARY KEY (user, server, started)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended (
  user TEXT NOT NULL, server TEXT NOT NULL, started TEXT NOT NULL,
  lease TEXT NOT NULL, at REAL NOT NULL, why TEXT NOT NULL, words TEXT NOT NULL,
  shown INTEGER NOT NULL,
  PRIMARY KEY (user, server, started)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profile (
  lease TEXT PRIMARY KEY, profile TEXT NOT NULL, seen_at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alive (
  one INTEGER PRIMARY KEY CHECK (one = 1), at REAL NOT NULL, wall REAL NOT NULL);
"""

log = logging.getLogger("jupyterhub_gpu.idle")


@dataclass(frozen=True)
class Run:
    """One run of one server: started anew, it is another."""

    user: str
    server: str
    started: str

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.user, self.server, self.started)


@dataclass(frozen=True)
class Ended:
    """A server that the rule has ended. `at` by the wall clock."""

    run: Run
    lease: str
    at: float
    why: str
    words: str


class Store:
    """Calls are short and block; used by one thread. Raises sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # not broken, but not to be had: the disk is full, a lock
            aside = path.with_suffix(".broken")
            log.error("%s cannot be read (%s): put aside as %s", path, error, aside)
            path.replace(aside)
            for suffix in ("-wal", "-shm"):
                Path(f"{path}{suffix}").unlink(missing_ok=True)
            self._db = _opened(path)

    def close(self) -> None:
        self._db.close()

    # --- what is remembered of servers that run -------------------------------------------------

    def remembered(self, run: Run) -> tuple[Memory, float] | None:
        """What is known of a run, and when it was judged last; None: it is new."""
        row = self._db.execute(
            "SELECT started_at, active_at, idle_first_at, idle_last_at,"
            " lifetime_first_at, lifetime_last_at, keep_until, judged_at"
            " FROM run WHERE user = ? AND server = ? AND started = ?",
            run.key,
        ).fetchone()
        if row is None:
            return None
        started_at, active_at, *warned, keep_until, judged_at = row
        idle, lifetime = Warned(*warned[:2]), Warned(*warned[2:])
        memory = Memory(started_at, active_at, idle, lifetime, keep_until)
        return memory, judged_at

    def remember(self, judged: Iterable[tuple[Run, Memory]], now: float) -> None:
        """Durable when this returns. Earlier runs of the same servers are forgotten."""
        rows = [
            (
                *(*run.key, m.started, m.active_at, m.idle.first_at, m.idle.last_at),
                *(m.lifetime.first_at, m.lifetime.last_at, m.keep_until, now),
            )
            for run, m in judged
        ]
        with self._db:
            self._db.executemany(
                "DELETE FROM run WHERE user = ? AND server = ? AND started <> ?",
                [row[:3] for row in rows],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )

    def forget(self, now: float) -> None:
        """What is of no use any more. A run that is only not seen stays: the hub may be busy."""
        with self._db:
            self._db.execute("DELETE FROM run WHERE judged_at < ?", (now - FORGET_RUN_S,))
            self._db.execute("DELETE FROM ended WHERE at < ?", (now - KEEP_ENDED_S,))
            self._db.execute("DELETE FROM profile WHERE seen_at < ?", (now - KEEP_ENDED_S,))

    # --- outages --------------------------------------------------------------------------------

    def still_alive(self, clock: Clock) -> None:
        """A sign of life, by both clocks: they part when the wall clock is set."""
        now = clock.now()
        with self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO alive VALUES (1, ?, ?)", (now, clock.to_wall(now))
            )

    def after_outage(self, clock: Clock) -> float:
        """Call once, before anything is judged: nobody could be warned, or keep anything, since
        the last sign of life. Returns how long that was.
        """
        now = clock.now()
        row = self._db.execute("SELECT at, wall FROM alive").fetchone()
        at, wall = row or (now, clock.to_wall(now))
        # a new process goes by the wall clock again, from which the one before may have parted
        ahead_s, seconds = wall - at, max(0.0, clock.to_wall(now) - wall)
        runs = [Run(*row) for row in self._db.execute("SELECT user, server, started FROM run")]
        known = ((run, self.remembered(run)) for run in runs)
        moved = [
            (run, told[0].under_other_clock(ahead_s).after_outage(seconds, now))
            for run, told in known
            if told
        ]
        self.remember(moved, now)
        self.still_alive(clock)
        return seconds

    # --- ends -----------------------------------------------------------------------------------

    def note_end(self, ended: Ended) -> None:
        """Durable when this returns; only then may the server be ended."""
        row = (*ended.run.key, ended.lease, ended.at, ended.why, ended.words, 1)
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO ended VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def noted_end(self, run: Run) -> float | None:
        """When this run was to end, by the wall clock; None: it was not."""
        row = self._db.execute(
            "SELECT at FROM ended WHERE user = ? AND server = ? AND started = ?", run.key
        ).fetchone()
        return row[0] if row else None

    def withdraw_end(self, run: Run) -> None:
        """It was to end, but still runs."""
        with self._db:
            self._db.execute(
                "DELETE FROM ended WHERE user = ? AND server = ? AND started = ?", run.key
            )

    def hide_ends(self, live: Collection[tuple[str, str, str]]) -> None:
        """Do not show ends any more whose server (user, name) has another lease now."""
        shown = self._db.execute("SELECT user, server, lease FROM ended WHERE shown = 1").fetchall()
        now_by = {(user, server): lease for user, server, lease in live}
        old = [
            (user, server)
            for user, server, lease in shown
            if now_by.get((user, server), lease) != lease
        ]
        if old:
            with self._db:
                self._db.executemany(
                    "UPDATE ended SET shown = 0 WHERE user = ? AND server = ?", old
                )

    def ends_of(self, user: str) -> dict[str, str]:
        """Why the rule ended this person's servers, in words, by lease."""
        rows = self._db.execute("SELECT lease, words FROM ended WHERE user = ?", (user,))
        return dict(rows.fetchall())

    # --- profiles, for the history --------------------------------------------------------------

    def note_profiles(self, profiles: dict[str, str], now: float) -> None:
        """Which lease was asked for with which profile."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO profile VALUES (?, ?, ?)",
                [(lease, profile, now) for lease, profile in profiles.items()],
            )

    def profile_of(self, lease: str) -> str | None:
        row = self._db.execute("SELECT profile FROM profile WHERE lease = ?", (lease,)).fetchone()
        return row[0] if row else None


def _opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5.0)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(SCHEMA)
        db.execute("SELECT count(*) FROM run").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db


def last_end(path: Path, user: str, server: str) -> tuple[float, str] | None:
    """For the hub's pages: when the rule has ended this server last, and why; None: it has not, or
    the server was started since. Raises sqlite3.Error.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=0.2)) as db:
        row = db.execute(
            "SELECT at, words FROM ended WHERE user = ? AND server = ? AND shown = 1"
            " ORDER BY at DESC LIMIT 1",
            (user, server),
        ).fetchone()
    return (row[0], row[1]) if row else None
