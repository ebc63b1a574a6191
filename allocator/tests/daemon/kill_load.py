"""The load of the kill tests: people who ask, wait, start, stop and walk away, in random order."""

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from fake_engine import FakeEngine
from promises import Broken, Promise, Promises
from running import Answer, Running

SLOTS = {"card-0": 1, "card-1": 1, "card-2": 2, "card-3": 3}
BIND_TIMEOUT_S, RENEW_TIMEOUT_S = 2, 10
HISTORY = 1000  # each start reads it
PATIENCE_S = 30  # for an answer, over however many kills
CONFIG = f"""
[hub]
start_timeout = "1s"
[allocator]
bind_timeout = "{BIND_TIMEOUT_S}s"
history = {HISTORY}
[queue]
renew_timeout = "{RENEW_TIMEOUT_S}s"
reserve_after = "1s"
[gpus]
source = "listed"
""" + "".join(
    f'[[gpus.listed]]\nuuid = "{uuid}"\nslots = {n}\ndevices = ["/dev/{uuid}"]\n'
    for uuid, n in SLOTS.items()
)
REFUSED = ("no-gpu-free", "queue-full", "owner-active", "owner-ending")


class Moments:
    """Counts what happens, so that a kill can come at the n-th of it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.changed = threading.Condition()

    def tick(self, what: str) -> None:
        with self.changed:
            self.counts[what] += 1
            self.changed.notify_all()

    def after(self, what: str, more: int, at_most_s: float) -> None:
        """When `what` has happened `more` times from now, or so much time has passed."""
        with self.changed:
            goal = self.counts[what] + more
            self.changed.wait_for(lambda: self.counts[what] >= goal, at_most_s)


class CountedEngine(FakeEngine):
    """Counts calls, and refuses to share a GPU: it knows what really runs, whoever says what."""

    def __init__(self, path: str, moments: Moments) -> None:
        super().__init__(path)
        self.moments = moments

    def answer(self, method: str, path: str) -> tuple[int, object]:
        self.moments.tick("engine asked")
        return super().answer(method, path)

    def running(self, gpu: str = "") -> dict[str, dict]:
        with self.lock:
            return {
                ident: one["labels"]
                for ident, one in self.containers.items()
                if one["state"]["Status"] == "running" and gpu in one["labels"]["gpuhub.gpus"]
            }

    def start(self, ident: str) -> None:
        with self.lock:
            mine = self.containers[ident]["labels"]
            for gpu in mine["gpuhub.gpus"].split(","):
                others = list(self.running(gpu).values())
                alone = "exclusive" in [x["gpuhub.mode"] for x in (*others, mine)]
                if len(others) >= (1 if alone else SLOTS[gpu]):
                    raise Broken(f"{gpu} is held by {others}, and was given to {mine}")
            super().start(ident)

    def discard(self, ident: str) -> None:
        """Remove it, unless the allocator has."""
        with self.lock:
            if ident in self.containers:
                self.remove(ident)


class Load:
    """What the people share."""

    def __init__(self, it: Running, engine: CountedEngine, moments: Moments) -> None:
        self.it = it
        self.engine = engine
        self.moments = moments
        self.promises = Promises(SLOTS, BIND_TIMEOUT_S, RENEW_TIMEOUT_S, HISTORY)
        self.up = threading.Event()  # a daemon that is ready is there
        self.over = threading.Event()
        self.numbers = iter(range(1, 10**9))
        self.counted: Counter[str] = Counter()
        self.wrong: list[BaseException] = []
        self.lock = threading.Lock()

    def count(self, what: str) -> None:
        with self.lock:
            self.counted[what] += 1

    def number(self) -> int:
        with self.lock:
            return next(self.numbers)


class Person(threading.Thread):
    """Lives one server's life after the other until the load is over."""

    def __init__(self, load: Load, user: str, seed: str) -> None:
        super().__init__(name=user, daemon=True)
        self.load = load
        self.user = user
        self.random = random.Random(seed)
        self.promise: Promise | None = None

    def run(self) -> None:
        try:
            while not self.load.over.is_set():
                self.live()
        except BaseException as wrong:
            self.load.wrong.append(wrong)

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def insist(self, send: Callable[[], Answer]) -> Answer:
        """Ask until a daemon that is ready answers; each time in the same words."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.load.moments.tick("sent")
            try:
                answer = send()
            except (OSError, http.client.HTTPException):
                self.load.count("cut")
            else:
                if answer.status not in (429, 503):
                    self.load.moments.tick("answered")
                    return answer
                self.load.count("not ready")
            # Most wait until it is back; some knock on while it starts.
            self.load.up.wait(0.002 if self.chance(10) else PATIENCE_S)
        raise Broken(f"{self.user}: no answer in {PATIENCE_S} s")

    # ---- a life ----
    def live(self) -> None:
        lease = self.ask()
        while lease and lease["state"] != "ended" and not self.load.over.is_set():
            match lease["state"]:
                case "queued":
                    lease = self.stand_in_line(lease)
                case "granted":
                    lease = self.take_up(lease)
                case "active" if lease["container"] in self.load.engine.running():
                    lease = self.work(lease)
                case _:
                    lease = self.await_change(lease)

    def wants(self) -> dict:
        if self.chance(8):
            return {"all": True}
        if self.chance(15):
            return {"uuids": self.random.sample(list(SLOTS), self.random.randint(1, 2))}
        return {"count": self.random.choice([1, 1, 1, 2, 2, 3])}

    def ask(self) -> dict | None:
        request_id = f"{self.user}-{self.load.number()}"
        self.promise = self.load.promises.ask(request_id, self.user)
        mode = "exclusive" if self.chance(15) else "shared"
        wants, wait = self.wants(), self.chance(75)
        self.load.count("asks")
        answer = self.insist(
            lambda: self.load.it.ask(self.user, wants, request_id, mode=mode, wait=wait)
        )
        if answer.status == 409 and answer.problem in REFUSED:
            self.load.promises.withdraw(self.promise)
            self.load.count("refused")
            return None
        if answer.status not in (200, 201, 202):
            raise Broken(f"an ask was answered {answer}")
        self.load.count("waits" if answer.status == 202 else "granted at once")
        return self.promise.learn(answer.json)

    def look(self, lease: dict, query: str = "") -> dict:
        path = f"/v1/leases/{lease['id']}{query}"
        answer = self.insist(lambda: self.load.it.get(path, self.load.it.hub))
        if answer.status != 200:
            raise Broken(f"{lease} was forgotten: {answer}")
        return self.promise.learn(answer.json)

    def await_change(self, lease: dict) -> dict:
        return self.look(lease, f"?wait=1&revision={lease['revision']}")

    def release(self, lease: dict) -> dict:
        self.promise.may_end |= {"cancelled", "released"}
        self.load.count("releases")
        answer = self.insist(lambda: self.load.it.release(lease))
        return self.promise.learn(answer.json)

    def stand_in_line(self, lease: dict) -> dict | None:
        if self.chance(6):
            return self.release(lease)
        if self.chance(3):
            return None  # walks away, and asks anew
        self.load.count("renewals")
        answer = self.insist(lambda: self.load.it.renew(lease))
        lease = self.promise.learn(answer.json)
        return self.await_change(lease) if lease["state"] == "queued" else lease

    def take_up(self, lease: dict) -> dict | None:
        if self.chance(5):
            return self.release(lease)
        if self.chance(5):
            return None
        container = self.load.engine.create(self.load.number(), lease["inject"]["labels"])
        answer = self.insist(lambda: self.load.it.bind(lease, container))
        if answer.status != 200:
            self.load.count("binds refused")
            self.load.engine.discard(container)
            return self.look(lease)
        self.load.count("binds")
        lease = self.promise.learn(answer.json)
        if self.chance(6):
            self.promise.may_end.add("container_gone")
            self.load.engine.discard(container)
            return self.await_change(lease)
        self.load.engine.start(container)
        self.load.count("containers")
        return lease

    def work(self, lease: dict) -> dict | None:
        for _ in range(self.random.randrange(4)):
            lease = self.look(lease)
            self.load.over.wait(self.random.random() * 0.01)
        if self.load.over.is_set():
            return lease
        if self.chance(50):
            lease = self.release(lease)
        self.promise.may_end |= {"container_exited", "container_gone"}
        self.load.engine.die(lease["container"], self.random.choice([0, 1, 137]))
        if self.chance(70):
            lease = self.await_change(lease)
        self.load.engine.remove(lease["container"])
        return lease if self.chance(70) else None  # else asks while that one still ends
