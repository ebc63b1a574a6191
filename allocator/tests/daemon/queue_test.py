"""Waiting, following and serving, over real HTTP: see daemon_test.py.

    queue_test.py BINARY [unittest's arguments]
"""

import http.client
import os
import socket
import sys
import threading
import time
import unittest

import daemon_test
from daemon_test import Case
from running import LISTED, Answer, call

LOCAL = LISTED + "[local]\nenabled = true\n"


class Background:
    """A call that takes its time, on a thread of its own."""

    def __init__(self, what) -> None:
        self.answer: Answer | None = None
        self.thread = threading.Thread(target=self._run, args=(what,), daemon=True)
        self.thread.start()

    def _run(self, what) -> None:
        self.answer = what()

    def get(self) -> Answer:
        self.thread.join(20)
        assert self.answer is not None, "no answer in 20 s"
        return self.answer


class Stream:
    """Server-sent events of one connection."""

    def __init__(self, path: str, target: str) -> None:
        self.connection = http.client.HTTPConnection("allocator", timeout=20)
        self.connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connection.sock.settimeout(20)
        self.connection.sock.connect(path)
        self.connection.request("GET", target, headers={"Accept": "text/event-stream"})
        self.reply = self.connection.getresponse()

    def next(self) -> tuple[str, str]:
        """The next event's name and data; comments are passed over."""
        name = data = ""
        while True:
            line = self.reply.readline().decode()
            assert line, "the stream has ended"
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: "):
                data = line[6:].strip()
            elif line == "\n" and name:
                return name, data

    def ended(self) -> bool:
        return self.reply.readline() == b""


class Waiting(Case):
    def full(self) -> tuple[dict, str]:
        """Both GPUs are taken; ana's lease and container."""
        self.running("bo", 2)
        return self.running("ana", 1)

    def waits(self, user: str, count: int = 1) -> dict:
        answer = self.it.ask(user, {"count": count}, f"r-{user}", wait=True)
        self.assertEqual(answer.status, 202, answer)
        return answer.json

    def test_place_and_who_stands_in_the_way(self) -> None:
        self.full()
        first, second = self.waits("cy"), self.waits("di", 2)
        self.assertEqual(first["state"], "queued")
        self.assertEqual(first["wants"], {"count": 1})
        self.assertEqual((first["gpus"], first["granted_at"]), ([], None))
        self.assertNotIn("inject", first)
        self.assertEqual([second["queue"][key] for key in ("position", "of")], [2, 2])
        self.assertEqual([h["user"] for h in second["queue"]["holders"]], ["bo", "ana"])
        self.assertEqual(second["queue"]["why"], "0 of 2 GPUs are free; 2 were asked for")
        self.assertIsNone(second["queue"]["estimate"])
        again = self.it.ask("cy", {"count": 1}, "r-cy", wait=True)
        self.assertEqual((again.status, again.json["id"]), (200, first["id"]))

    def test_a_long_poll_tells_of_the_grant_at_once(self) -> None:
        _, container = self.full()
        lease = self.waits("cy")
        target = f"/v1/leases/{lease['id']}?wait=50&revision={lease['revision']}"
        told = Background(lambda: self.it.get(target, self.it.hub))
        self.engine.die(container, 0)
        granted = told.get().json
        self.assertEqual(granted["state"], "granted")
        self.assertIn("inject", granted)
        self.assertNotEqual(granted["revision"], lease["revision"])
        # A revision that is not current any more is answered without waiting.
        self.assertEqual(self.it.get(target, self.it.hub).json["state"], "granted")

    def test_a_grant_that_cannot_be_injected_is_taken_back(self) -> None:
        _, container = self.full()
        lease = self.waits("cy")
        target = f"/v1/leases/{lease['id']}?wait=50&revision={lease['revision']}"
        told = Background(lambda: self.it.get(target, self.it.hub))
        bare = {"gpus": [{"uuid": "card-0"}, {"uuid": "card-1"}]}  # their nodes are not listed
        self.assertEqual(call(self.it.admin, "PUT", "/v1/gpus", bare).status, 200)
        self.engine.die(container, 0)
        refused = told.get()
        self.assertEqual((refused.status, refused.problem), (422, "impossible"))
        self.assertIn("devices listed", refused.json["detail"])
        self.assertEqual(self.it.lease(lease)["reason"], "cancelled")

    def test_a_long_poll_without_news_ends_with_its_time(self) -> None:
        self.full()
        lease = self.waits("cy")
        begun = time.monotonic()
        target = f"/v1/leases/{lease['id']}?wait=1&revision={lease['revision']}"
        self.assertEqual(self.it.get(target).json["state"], "queued")
        self.assertGreaterEqual(time.monotonic() - begun, 0.9)

    def test_who_moves_up_is_told(self) -> None:
        self.full()
        first, second = self.waits("cy"), self.waits("di")
        target = f"/v1/leases/{second['id']}?wait=50&revision={second['revision']}"
        told = Background(lambda: self.it.get(target))
        self.assertEqual(self.it.release(first).json["reason"], "cancelled")
        self.assertEqual(told.get().json["queue"]["position"], 1)

    def test_renewal_is_a_sign_of_life(self) -> None:
        self.full()
        lease = self.waits("cy")
        renewed = call(self.it.hub, "POST", f"/v1/leases/{lease['id']}/renew")
        self.assertEqual((renewed.status, renewed.json["state"]), (200, "queued"))
        self.assertGreaterEqual(renewed.json["queue"]["renew_by"], lease["queue"]["renew_by"])
        gone = call(self.it.hub, "POST", "/v1/leases/L-x-1/renew")
        self.assertEqual(gone.problem, "not-found")

    def test_the_queue_outlives_a_kill(self) -> None:
        _, container = self.full()
        first, second = self.waits("cy"), self.waits("di")
        self.it.kill()
        self.engine.die(container, 0)
        self.it.start()
        self.it.poll("granted", lambda: self.it.lease(first)["state"] == "granted")
        self.assertEqual(self.it.lease(second)["queue"]["position"], 1)

    def test_a_lease_is_followed_to_its_end(self) -> None:
        self.full()
        lease = self.waits("cy")
        stream = Stream(self.it.hub, f"/v1/leases/{lease['id']}")
        name, data = stream.next()
        self.assertEqual(name, "lease")
        self.assertIn('"state":"queued"', data)
        self.it.release(lease)
        self.assertIn('"state":"ended"', stream.next()[1])
        self.assertTrue(stream.ended())

    def test_every_change_is_told_to_the_admin_only(self) -> None:
        stream = Stream(self.it.admin, "/v1/events")
        lease = self.granted("ana")
        name, data = stream.next()
        self.assertEqual(name, "lease")
        self.assertIn(f'"id":"{lease["id"]}"', data)
        self.assertEqual(self.it.get("/v1/events", self.it.hub).problem, "forbidden")


class Queue(Case):
    config = LISTED + "[queue]\nmax = 1\n"

    def test_no_more_wait_than_may(self) -> None:
        self.granted("ana", 2)
        self.assertEqual(self.it.ask("bo", {"count": 1}, "r1", wait=True).status, 202)
        full = self.it.ask("cy", {"count": 1}, "r2", wait=True)
        self.assertEqual((full.problem, full.json["waiting"]), ("queue-full", 1))
        self.assertEqual(full.json["holders"][0]["user"], "ana")


class NoQueue(Case):
    config = LISTED + "[queue]\nenabled = false\n"

    def test_all_is_refused_at_once(self) -> None:
        self.granted("ana", 2)
        refused = self.it.ask("bo", {"count": 1}, "r1", wait=True)
        self.assertEqual(refused.problem, "no-gpu-free")


class Gpus(Case):
    def patch(self, gpu: str, body: dict) -> Answer:
        return call(self.it.admin, "PATCH", f"/v1/gpus/{gpu}", body)

    def test_a_drained_gpu_gets_nothing_new(self) -> None:
        drained = self.patch("card-0", {"drain": True})
        self.assertEqual((drained.status, drained.json["state"]), (200, "draining"))
        self.assertEqual(self.granted("ana")["gpus"][0]["uuid"], "card-1")
        waits = self.it.ask("bo", {"count": 1}, "r1", wait=True)
        self.assertEqual(waits.status, 202)
        self.patch("card-0", {"drain": False})
        self.assertEqual(self.it.lease(waits.json)["gpus"][0]["uuid"], "card-0")
        self.assertEqual(self.patch("card-0", {"clear_fault": True}).status, 200)
        self.assertEqual(self.patch("card-9", {"clear_fault": True}).problem, "not-found")

    def test_somebodys_own_container_is_avoided(self) -> None:
        container = self.engine.create(7, {}, devices=["/dev/card1"])
        self.engine.start(container)
        self.it.poll("seen", lambda: self.it.get("/v1/gpus/card-1").json["foreign"])
        foreign = self.it.get("/v1/gpus/card-1").json["foreign"][0]
        self.assertEqual((foreign["name"], foreign["watches"]), ("nb-7", False))
        self.assertEqual(self.granted("ana")["gpus"][0]["uuid"], "card-0")
        self.assertEqual(self.it.ask("bo", {"count": 1}, "r1", wait=True).status, 202)
        self.engine.die(container, 0)
        self.it.poll("bo has it", lambda: self.used() == [1, 1])


class Local(Case):
    def test_a_person_is_known_by_the_account(self) -> None:
        place = self.it.place / "local"
        (self.it.place / "passwd").write_text(f"ana:x:{os.getuid()}:0::/home/ana:/bin/sh\n")
        self.it.kill()
        self.it.configure(LOCAL)
        socket_path = str(place / "allocator.sock")
        self.it.start(f"--local-socket={socket_path}", f"--local-gid={os.getgid()}",
                      f"--passwd={self.it.place / 'passwd'}")
        self.assertEqual(place.stat().st_mode & 0o7777, 0o2750)
        asked = call(socket_path, "POST", "/v1/leases", {"request_id": "r1", "gpus": {"count": 1}})
        self.assertEqual(asked.status, 201, asked)
        self.assertEqual(asked.json["owner"], {"hub": "local", "user": "ana", "server": ""})
        self.granted("bo")
        mine = call(socket_path, "GET", "/v1/leases").json["leases"]
        self.assertEqual([lease["owner"]["user"] for lease in mine], ["ana"])
        other = call(socket_path, "POST", "/v1/leases",
                     {"request_id": "r2", "owner": {"user": "bo"}, "gpus": {"count": 1}})
        self.assertEqual(other.problem, "bad-request")
        self.assertEqual(call(socket_path, "GET", "/v1/events").problem, "forbidden")


if __name__ == "__main__":
    daemon_test.BINARY = sys.argv.pop(1)
    unittest.main()
