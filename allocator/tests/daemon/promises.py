"""What clients were told, and what that binds the allocator to, however often it is killed.

A client notes each answer; before it does what may end a lease it says which ends that allows. So
whoever reads the answers first, the books next and the allowed ends last can judge at any time,
while the clients go on.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

RANK = {"queued": 0, "granted": 1, "active": 2, "ending": 3, "ended": 4}
HOLDS = ("granted", "active", "ending")
ROUNDING_S = 0.05


class Broken(AssertionError):
    """The books are not what they must be."""


def must(good: object, what: str, *seen: object) -> None:
    if not good:
        raise Broken(": ".join([what, *map(str, seen)]))


@dataclass
class Promise:
    """One ask: when it was first sent and first answered, and the furthest state told of it."""

    request_id: str
    user: str
    asked_at: float
    answered_at: float = 0
    told: dict = field(default_factory=dict)
    may_end: set[str] = field(default_factory=set)

    def learn(self, lease: dict) -> dict:
        if not self.told:
            self.answered_at = time.monotonic()
        elif RANK[lease["state"]] < RANK[self.told["state"]]:
            raise Broken(f"told {lease['state']} after {self.told}")
        self.told = lease
        return lease


class Promises:
    def __init__(
        self, slots: dict[str, int], bind_timeout_s: float, renew_timeout_s: float, history: int
    ) -> None:
        self.slots = slots
        self.bind_timeout_s = bind_timeout_s
        self.renew_timeout_s = renew_timeout_s
        self.history = history
        self.lock = threading.Lock()
        self.asked: dict[str, Promise] = {}  # by request id
        self.open: dict[str, Promise] = {}  # not yet seen by a check to have ended
        self.closed: dict[str, dict] = {}  # how leases had ended when last looked at, by lease
        self.line: list[str] = []  # the queue as it was seen last
        self.counted: Counter[str] = Counter()

    def ask(self, request_id: str, user: str) -> Promise:
        """Note an ask that is about to be sent. It may replace what its owner waits for."""
        new = Promise(request_id, user, time.monotonic())
        with self.lock:
            for older in self.open.values():
                if older.user == user:
                    older.may_end.add("replaced")
            self.asked[request_id] = self.open[request_id] = new
        return new

    def withdraw(self, promise: Promise) -> None:
        """It was refused: nothing was promised."""
        with self.lock:
            del self.open[promise.request_id], self.asked[promise.request_id]

    def check(self, get) -> None:
        """All that was told before holds now. `get` reads a path of the API as the admin."""
        with self.lock:
            told = [(p, p.told) for p in self.open.values() if p.told]
        live = get("/v1/leases")["leases"]
        self._check_places(live)
        self._check_line([x for x in live if x["state"] == "queued"])
        found = {x["id"]: x for x in live}
        for promise, before in told:
            now = found.get(before["id"]) or get(f"/v1/leases/{before['id']}")
            self._check_promise(promise, before, now)
            if now["state"] == "ended":
                with self.lock:
                    self.open.pop(promise.request_id, None)
                self.closed[now["id"]] = now
        self.counted["checks"] += 1
        self.counted["promises checked"] += len(told)

    def check_closed(self, get) -> None:
        """What ended last is still told as it ended then; what is older may be forgotten."""
        now = {x["id"]: x for x in get("/v1/leases?state=ended")["leases"]}
        latest = sorted(self.closed.items(), key=lambda x: x[1]["ended_at"])[-self.history // 2 :]
        for ident, before in latest:
            same = now.get(ident) == before
            must(same, "the history changed", f"told {before}", f"now {now.get(ident)}")
        self.counted["ended leases compared"] = len(latest)

    def _check_places(self, live: list[dict]) -> None:
        on: dict[str, list[dict]] = {uuid: [] for uuid in self.slots}
        for lease in live:
            must(lease["request_id"] in self.asked, "a lease nobody asked for", lease)
            for gpu in lease["gpus"] if lease["state"] in HOLDS else []:
                on[gpu["uuid"]].append(lease)
        for uuid, leases in on.items():
            must(len(leases) <= self.slots[uuid], f"more leases than slots on {uuid}", leases)
            alone = any(x["mode"] == "exclusive" for x in leases)
            must(not alone or len(leases) == 1, f"exclusive, but not alone on {uuid}", leases)
        for held in (HOLDS, ("queued",)):
            users = Counter(x["owner"]["user"] for x in live if x["state"] in held)
            must(all(n == 1 for n in users.values()), f"one owner, several leases {held}", users)

    def _check_line(self, queued: list[dict]) -> None:
        """In the order of asking, and as it was seen before a kill."""
        places = [x["queue"]["position"] for x in queued]
        must(places == list(range(1, len(queued) + 1)), "positions", places)
        now = [x["request_id"] for x in queued]
        before = [x for x in self.line if x in now]
        must(now[: len(before)] == before, "the queue's order changed", self.line, now)
        line = [self.asked[x] for x in now]
        for place, first in enumerate(line):
            for later in line[place + 1 :]:
                passed = later.told and later.answered_at < first.asked_at
                must(not passed, "not in the order of asking", first, later)
        self.line = now
        self.counted["places in the queue checked"] += len(now)

    def _check_promise(self, promise: Promise, before: dict, now: dict) -> None:
        seen = (f"told {before}", f"now {now}", f"may end {promise.may_end}")
        must(now.get("id") == before["id"], "forgotten", *seen)
        must(RANK[now["state"]] >= RANK[before["state"]], "fell back", *seen)
        must(now["epoch"] == before["epoch"], "another epoch", *seen)
        if before["state"] != "queued":
            must(now["gpus"] == before["gpus"], "other GPUs", *seen)
        if before["container"]:
            must(now["container"] == before["container"], "another container", *seen)
        if now["state"] == "ending":
            must("released" in promise.may_end, "released by nobody", *seen)
        if now["state"] != "ended":
            return
        if before["state"] == "ended":
            must(now["reason"] == before["reason"], "another reason", *seen)
        if now["reason"] == "expired":
            must(not now["container"] and self._was_late(promise, now), "expired too soon", *seen)
            return
        must(now["reason"] in promise.may_end, "ended by nobody", *seen)
        unbound = now["reason"] in ("cancelled", "replaced")
        must(not (unbound and now["container"]), "bound, and ended as if not", *seen)

    def _was_late(self, promise: Promise, lease: dict) -> bool:
        ended = datetime.fromisoformat(lease["ended_at"])
        since = datetime.fromisoformat(lease["granted_at"] or lease["created_at"])
        limit = self.bind_timeout_s if lease["granted_at"] else self.renew_timeout_s
        return (ended - since).total_seconds() >= limit - ROUNDING_S
