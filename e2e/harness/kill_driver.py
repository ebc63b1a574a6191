"""Runs in a test host: containers start and stop while allocator, hub and engine are killed.

    kill_driver.py SEED ROUNDS

Standard library only, since it is copied there. Each round kills the allocator nine times, the hub
three times and the engine once (SIGKILL from the host), in an order and at moments that the seed
draws. The last line is JSON: what was counted, and what was seen to be wrong. Some containers are
left running, for the books to be compared with.
"""

import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

ALLOCATOR = "/var/lib/docker/volumes/gpuhub_run-admin/_data/allocator.sock"
ENGINE = "/var/run/docker.sock"
IMAGE = "debian:trixie-slim"
WORKERS = 6  # for four GPUs, so that somebody waits
PATIENCE_S = 120  # for an answer, over however many kills
BACK_S = 1.5  # after that the engine's growing pause before a restart is cut short
AWAY = (OSError, http.client.HTTPException)


class Wire(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


def call(path: str, method: str, target: str, body: object = None) -> tuple[int, dict]:
    with closing(Wire(path)) as wire:
        text = None if body is None else json.dumps(body)
        wire.request(method, target, text, {"Content-Type": "application/json"})
        reply = wire.getresponse()
        content = reply.read()
        return reply.status, json.loads(content) if content else {}


class Load:
    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.run = str(int(time.time()))  # the books remember the requests of earlier runs
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.counted: Counter[str] = Counter()
        self.took_s: Counter[str] = Counter()
        self.wrong: list[str] = []

    def count(self, what: str) -> None:
        with self.lock:
            self.counted[what] += 1


class Worker(threading.Thread):
    """One who starts and stops a container, again and again, with a lease for each."""

    def __init__(self, load: Load, number: int) -> None:
        super().__init__(name=f"load-{number}", daemon=True)
        self.load = load
        self.random = random.Random(f"{load.seed}-{number}")

    def run(self) -> None:
        serial = 0
        try:
            while not self.load.over.is_set():
                serial += 1
                self.live(f"{self.name}-{self.load.run}-{serial}")
        except Exception as problem:
            self.load.wrong.append(f"{self.name}: {problem!r}")

    def insist(self, send: Callable[[], tuple[int, dict]]) -> tuple[int, dict]:
        """Until it is answered by a part that is there and ready."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                status, said = send()
            except AWAY:
                self.load.count("cut")
            else:
                if status not in (429, 500, 503):
                    return status, said
            time.sleep(0.05)
        raise TimeoutError(f"no answer in {PATIENCE_S} s")

    def live(self, request_id: str) -> None:
        body = {
            "request_id": request_id,
            "owner": {"user": self.name},
            "gpus": {"count": self.random.choice([1, 1, 1, 2])},
            "wait": True,
        }
        self.load.count("asks")
        status, lease = self.insist(lambda: call(ALLOCATOR, "POST", "/v1/leases", body))
        if status == 409:
            self.load.count("refused")
            return
        if status not in (200, 201, 202):
            raise AssertionError(f"asked, and was told {status} {lease}")
        self.load.count("waits" if lease["state"] == "queued" else "granted at once")
        path = f"/v1/leases/{lease['id']}"
        while lease["state"] == "queued" and not self.load.over.is_set():
            self.insist(lambda: call(ALLOCATOR, "POST", f"{path}/renew"))
            at = f"{path}?wait=2&revision={lease['revision']}"
            lease = self.known(at)
        # The admin is shown a grant also while a new allocator has not asked the engine yet.
        while lease["state"] == "granted" and "inject" not in lease:
            time.sleep(0.05)
            lease = self.known(path)
        if lease["state"] == "granted":
            self.with_container(request_id, lease)
        else:
            self.load.count("left while waiting")
        if lease["state"] != "granted" or not self.load.over.is_set():
            self.insist(lambda: call(ALLOCATOR, "DELETE", path))

    def known(self, at: str) -> dict:
        """A lease of ours, which nobody may have forgotten."""
        status, lease = self.insist(lambda: call(ALLOCATOR, "GET", at))
        if status != 200:
            raise AssertionError(f"{at} was forgotten: {status} {lease}")
        return lease

    def with_container(self, name: str, lease: dict) -> None:
        container = self.create(name, lease["inject"])
        bind = {"container": container, "epoch": lease["epoch"]}
        path = f"/v1/leases/{lease['id']}"
        status, said = self.insist(lambda: call(ALLOCATOR, "POST", f"{path}/bind", bind))
        if status != 200:
            self.load.count(f"bind refused: {said.get('type', '').split(':')[-1]}")
        elif self.start_once(container):
            self.load.count("containers started")
            if self.load.over.wait(self.random.uniform(0.1, 1.5)):
                return  # it runs on
            if self.random.random() < 0.5:
                self.load.count("released first")
                self.insist(lambda: call(ALLOCATOR, "DELETE", path))
            else:
                self.insist(lambda: call(ENGINE, "POST", f"/containers/{container}/kill"))
        else:
            self.load.count("containers that did not start")
        self.insist(lambda: call(ENGINE, "DELETE", f"/containers/{container}?force=true"))

    def create(self, name: str, inject: dict) -> str:
        environment = [f"{key}={value}" for key, value in inject["environment"].items()]
        what = {
            "Image": IMAGE,
            "Cmd": ["sleep", "600"],
            "Env": environment,
            "Labels": inject["labels"],
            "StopSignal": "SIGKILL",  # an engine that comes back stops what it finds
            "HostConfig": inject["host_config"] | {"NetworkMode": "none"},
        }
        status, said = self.insist(lambda: self.create_or_find(name, what))
        if status not in (200, 201):
            raise AssertionError(f"create {name}: {status} {said}")
        return said["Id"]

    def create_or_find(self, name: str, what: dict) -> tuple[int, dict]:
        """It may be there, or its name be taken only, from a call that was cut."""
        status, said = call(ENGINE, "POST", f"/containers/create?name={name}", what)
        if status != 409:
            return status, said
        status, said = call(ENGINE, "GET", f"/containers/{name}/json")
        return (503, {}) if status == 404 else (status, said)

    def start_once(self, container: str) -> bool:
        """One that has ended is never started again under its lease. True: it runs."""
        while True:
            try:
                status, _ = call(ENGINE, "POST", f"/containers/{container}/start")
                if status in (204, 304):
                    return True
            except AWAY:
                self.load.count("cut")
            at = f"/containers/{container}/json"
            status, seen = self.insist(lambda at=at: call(ENGINE, "GET", at))
            if status != 200 or seen["State"]["Status"] != "created":
                return status == 200 and seen["State"]["Running"]
            time.sleep(0.05)


class Killer:
    def __init__(self, load: Load) -> None:
        self.load = load
        self.random = random.Random(f"{load.seed}-killer")

    def round(self) -> None:
        parts = ["allocator"] * 9 + ["hub"] * 3 + ["engine"]
        self.random.shuffle(parts)
        for part in parts:
            time.sleep(self.random.uniform(0, 0.3))  # the moment; nothing is waited for
            began = time.monotonic()
            if part == "engine":
                self.kill_engine()
            else:
                self.kill(part, {"allocator": "gpu-allocator", "hub": "jupyterhub"}[part])
            self.load.took_s[part] += time.monotonic() - began
        self.nothing_is_shared()

    def kill(self, part: str, name: str) -> None:
        """As soon as it runs; one that stays away too long is started as an admin would."""
        began, helped = time.monotonic(), False
        while not (found := processes(name)):
            late = time.monotonic() - began
            if late > BACK_S and not helped and engine_answers():
                helped = True
                self.load.count(f"{part} restarted by hand")
                command = ["docker", "restart", "-t", "0", f"gpuhub-{part}-1"]
                subprocess.run(command, capture_output=True, timeout=60, check=False)
            if late > PATIENCE_S:
                raise TimeoutError(f"{part} does not come back")
            time.sleep(0.02)
        time.sleep(self.random.choice([0, 0.05, 0.3]))  # starting, or at work
        for pid in found:
            subprocess.run(["kill", "-KILL", str(pid)], capture_output=True, check=False)
        self.load.count(f"kills of the {part}")

    def kill_engine(self) -> None:
        await_that("the engine answers", engine_answers)
        pid_file = Path("/run/testhost/dockerd.pid")
        before = pid_file.read_text()
        subprocess.run(["hostctl", "kill", "dockerd"], check=True, timeout=60)
        self.load.count("kills of the engine")
        await_that("another engine", lambda: pid_file.exists() and pid_file.read_text() != before)

    def nothing_is_shared(self) -> None:
        """By the engine's own word, now."""
        try:
            status, running = call(ENGINE, "GET", "/containers/json")
        except AWAY:
            return
        labels = [x["Labels"] for x in running if status == 200]
        held = Counter(gpu for x in labels for gpu in x.get("gpuhub.gpus", "").split(",") if gpu)
        self.load.count("looks at what runs")
        self.load.wrong += [f"{gpu} in {n} containers" for gpu, n in held.items() if n > 1]


def processes(name: str) -> list[int]:
    """Of all containers of this host, by the kernel's name for them."""
    found = []
    for place in Path("/proc").glob("[0-9]*/comm"):
        try:
            if place.read_text().strip() == name:
                found.append(int(place.parent.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def engine_answers() -> bool:
    try:
        with closing(Wire(ENGINE)) as wire:
            wire.request("GET", "/_ping")
            return wire.getresponse().status == 200
    except AWAY:
        return False


def await_that(what: str, good: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not good():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def main() -> None:
    seed, rounds = sys.argv[1], int(sys.argv[2])
    load = Load(seed)
    workers = [Worker(load, n) for n in range(WORKERS)]
    for worker in workers:
        worker.start()
    killer = Killer(load)
    try:
        for _ in range(rounds):
            if load.wrong:
                break
            killer.round()
    except Exception as problem:
        load.wrong.append(f"killer: {problem!r}")
    load.over.set()
    for worker in workers:
        worker.join(PATIENCE_S)
    took_s = {part: round(seconds) for part, seconds in load.took_s.items()}
    print(json.dumps({"counted": load.counted, "took_s": took_s, "wrong": load.wrong}))


if __name__ == "__main__":
    main()
