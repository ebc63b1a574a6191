"""gpu-allocator is killed again and again under load, over one real store; nothing is forgotten.

    kills_test.py BINARY [--kills N] [--seed SEED] [--forget]

The plan of kills and the people's choices come from the seed, which is printed; what meets what is
up to the machine. --forget plants a fault, an older copy of the store that is put back, and wants
it noticed.
"""

import argparse
import http.client
import random
import shutil
import sqlite3
import sys
import time
from pathlib import Path

from kill_load import CONFIG, SLOTS, CountedEngine, Load, Moments, Person
from promises import HOLDS, Broken, must
from running import Running

PEOPLE = 10
LIFE_S_MAX = 0.06  # a daemon is killed after some requests, or then
START_S_MAX = 60
SETTLE_S = 30


class Killer:
    def __init__(self, binary: str, seed: str) -> None:
        self.random = random.Random(seed)
        self.it = Running(binary, CONFIG)
        self.moments = Moments()
        self.engine = CountedEngine(self.it.engine_socket, self.moments)
        self.engine.open()
        self.load = Load(self.it, self.engine, self.moments)
        self.people = [Person(self.load, f"u{n}", f"{seed}-{n}") for n in range(PEOPLE)]
        self.starts_ms: list[float] = []
        self.killed_in_start = 0

    def get(self, path: str) -> dict:
        return self.it.get(path).json

    # ---- one kill ----
    def start(self) -> None:
        """Until it is ready; now and then it is killed before that, and started again."""
        while self.random.random() < 0.1:
            self.it.start(ready=False)
            self.moments.after("engine asked", self.random.randint(1, 8), 0.02)
            self.it.kill()
            self.killed_in_start += 1
        began = time.monotonic()
        self.it.start(ready=False)
        self.await_ready(began + START_S_MAX)
        self.starts_ms.append((time.monotonic() - began) * 1000)
        self.load.up.set()

    def await_ready(self, deadline: float) -> None:
        while True:
            try:
                if self.it.get("/readyz").status == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            ended = self.it.process.poll()
            must(ended is None, f"the daemon ended with {ended}", self.it.log()[-2000:])
            must(time.monotonic() < deadline, "never ready", self.it.log()[-2000:])
            time.sleep(0.001)

    def kill(self) -> None:
        """At a random request or answer of its life, or a bit later."""
        what = self.random.choice(["sent", "answered"])
        self.moments.after(what, self.random.randint(1, 45), LIFE_S_MAX)
        time.sleep(self.random.choice([0, 0, self.random.random() * 0.002]))
        self.load.up.clear()
        self.it.kill()

    def check(self) -> None:
        self.load.promises.check(self.get)
        if self.load.wrong:
            raise self.load.wrong[0]

    # ---- the run ----
    def run(self, kills: int, between=lambda number: None) -> None:
        self.start()
        for person in self.people:
            person.start()
        for number in range(kills):
            self.kill()
            between(number)
            self.start()
            self.check()

    def settle(self) -> None:
        """People go home in the middle of what they do. Books and engine come to agree."""
        self.load.over.set()
        for person in self.people:
            person.join(SETTLE_S)
            must(not person.is_alive(), "somebody hangs", person.name)
        self.check()
        self.load.promises.check_closed(self.get)
        for lease in self.get("/v1/leases")["leases"]:
            if lease["state"] == "queued":
                self.it.release(lease)
        self.it.poll("grants that nobody takes up end", lambda: not self.unsettled(), SETTLE_S)
        self.load.counted["containers left to compare"] = len(self.engine.running())
        for ident in self.engine.running():
            self.engine.die(ident, 0)
        self.it.poll("all leases end", lambda: not self.get("/v1/leases")["leases"], SETTLE_S)
        all_of_it = self.it.ask("last", {"all": True}, "last", mode="exclusive")
        must(all_of_it.status == 201 and len(all_of_it.json["gpus"]) == len(SLOTS), "a leak")

    def unsettled(self) -> str:
        """Where the books and the engine differ, or a lease is neither running nor over."""
        live = {x["id"]: x for x in self.get("/v1/leases")["leases"]}
        runs = {x["gpuhub.lease"]: (i, x["gpuhub.gpus"]) for i, x in self.engine.running().items()}
        books = {
            i: (x["container"], ",".join(gpu["uuid"] for gpu in x["gpus"]))
            for i, x in live.items()
            if x["state"] in HOLDS
        }
        active = all(x["state"] == "active" for x in live.values())
        same = runs == books and active
        return "" if same else f"{live} {runs}"

    def store_is_sound(self) -> None:
        self.it.stop()
        with sqlite3.connect(self.it.place / "ledger.sqlite") as store:
            must(store.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "the store")

    def report(self, seconds: float) -> None:
        counted = self.load.counted | self.load.promises.counted
        print(", ".join(f"{n} {what}" for what, n in sorted(counted.items())))
        times = sorted(self.starts_ms)
        print(
            f"{len(times) - 1} kills of a daemon at work, {self.killed_in_start} of one that "
            f"started; ready after {times[len(times) // 2]:.0f} ms (median), {times[-1]:.0f} ms "
            f"(longest); {seconds:.0f} s"
        )

    def close(self) -> None:
        self.load.over.set()
        self.it.close()


class OldCopy:
    """The planted fault: after one kill the store is copied, after a later one put back."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __call__(self, number: int) -> None:
        if number == 10:
            for file in self.place.glob("ledger.sqlite*"):
                shutil.copy(file, self.place / f"old-{file.name}")
        if number == 15:
            for file in self.place.glob("ledger.sqlite*"):
                file.unlink()
            for file in self.place.glob("old-*"):
                shutil.copy(file, self.place / file.name.removeprefix("old-"))


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("binary")
    options.add_argument("--kills", type=int, default=1000)
    options.add_argument("--seed", default=str(random.SystemRandom().randrange(10**9)))
    options.add_argument("--forget", action="store_true")
    asked = options.parse_args()
    print(f"--seed {asked.seed} --kills {asked.kills}", flush=True)
    killer = Killer(asked.binary, asked.seed)
    began = time.monotonic()
    try:
        if asked.forget:
            killer.run(asked.kills, OldCopy(killer.it.place))
        else:
            killer.run(asked.kills)
            killer.settle()
            killer.store_is_sound()
    except Broken as noticed:
        print(f"kill {len(killer.starts_ms) - 1}: {noticed}")
        return 0 if asked.forget else 1
    finally:
        killer.report(time.monotonic() - began)
        killer.close()
    return 1 if asked.forget else 0  # the planted fault was not noticed


if __name__ == "__main__":
    sys.exit(main())
