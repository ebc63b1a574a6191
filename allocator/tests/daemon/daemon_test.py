"""gpu-allocator as a process: real HTTP, a real store, an engine made up by the test.

    daemon_test.py BINARY [unittest's arguments]
"""

import json
import os
import socket
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor

from fake_engine import FakeEngine
from running import LISTED, Answer, Running, call

BINARY = ""


class Case(unittest.TestCase):
    config = LISTED

    def setUp(self) -> None:
        self.it = Running(BINARY, self.config)
        self.addCleanup(self.it.close)
        self.engine = FakeEngine(self.it.engine_socket)
        self.engine.open()
        self.it.start()

    def granted(self, user: str, count: int = 1, request_id: str = "") -> dict:
        answer = self.it.ask(user, {"count": count}, request_id or f"r-{user}")
        self.assertEqual(answer.status, 201, answer)
        return answer.json

    def running(self, user: str, number: int) -> tuple[dict, str]:
        """A lease of `user`, bound to a container that runs."""
        lease = self.granted(user)
        container = self.engine.create(number, lease["inject"]["labels"])
        self.assertEqual(self.it.bind(lease, container).status, 200)
        self.engine.start(container)
        return lease, container

    def ended(self, lease: dict) -> dict:
        self.it.poll("ended", lambda: self.it.lease(lease)["state"] == "ended")
        return self.it.lease(lease)

    def used(self) -> list[int]:
        return [gpu["used"] for gpu in self.it.get("/v1/gpus").json["gpus"]]


class Life(Case):
    def test_from_ask_to_the_containers_end(self) -> None:
        lease = self.granted("ana")
        self.assertEqual(lease["state"], "granted")
        self.assertEqual(lease["owner"], {"hub": "hub", "user": "ana", "server": ""})
        self.assertEqual(lease["inject"]["driver"], "devices")
        self.assertEqual(lease["inject"]["host_config"]["Devices"][0]["PathOnHost"], "/dev/card0")
        again = self.it.ask("ana", {"count": 1}, "r-ana")
        self.assertEqual((again.status, again.json["id"]), (200, lease["id"]))
        container = self.engine.create(1, lease["inject"]["labels"])
        bound = self.it.bind(lease, container)
        self.assertEqual((bound.status, bound.json["state"]), (200, "active"))
        self.assertEqual(self.it.bind(lease, container).status, 200)
        self.engine.start(container)
        self.assertEqual(self.it.release(lease).json["state"], "ending")
        self.assertEqual(self.used(), [1, 0])
        self.engine.die(container, 143)
        told = self.ended(lease)
        self.assertEqual((told["reason"], told["exit_code"]), ("released", 143))
        self.assertNotIn("inject", told)
        self.assertEqual(self.used(), [0, 0])

    def test_a_server_that_ends_by_itself_says_why(self) -> None:
        lease, container = self.running("ana", 1)
        self.engine.die(container, 137, oom=True)
        told = self.ended(lease)
        self.assertEqual((told["reason"], told["exit_code"]), ("container_exited", 137))
        self.assertTrue(told["oom_killed"])
        lease, container = self.running("bo", 2)
        self.engine.remove(container)
        self.assertEqual(self.ended(lease)["reason"], "container_gone")
        self.assertEqual(self.used(), [0, 0])

    def test_who_holds_what_is_told_when_none_is_free(self) -> None:
        self.running("ana", 1)
        self.running("bo", 2)
        refused = self.it.ask("cy", {"count": 1}, "r-cy")
        self.assertEqual((refused.status, refused.problem), (409, "no-gpu-free"))
        self.assertEqual([h["user"] for h in refused.json["holders"]], ["ana", "bo"])
        self.assertEqual([h["index"] for h in refused.json["holders"]], [0, 1])
        self.assertEqual(refused.json["hidden"], 0)
        active = self.it.ask("ana", {"count": 1}, "r-ana-2")
        self.assertEqual(active.problem, "owner-active")
        self.assertEqual(active.json["lease"]["state"], "active")

    def test_an_unbound_grant_is_released_at_once(self) -> None:
        lease = self.granted("ana")
        self.assertEqual(self.it.release(lease).json["state"], "ended")
        self.assertEqual(self.it.release(lease).json["reason"], "cancelled")
        refused = self.it.bind(lease, "a" * 64)
        self.assertEqual((refused.status, refused.problem), (409, "lease-state"))

    def test_without_gpus(self) -> None:
        lease = self.it.ask("ana", {"none": True}, "r-1").json
        self.assertEqual(lease["inject"]["environment"]["NVIDIA_VISIBLE_DEVICES"], "void")
        self.assertEqual(lease["inject"]["driver"], "none")

    def test_many_at_once_never_share_a_slot(self) -> None:
        with ThreadPoolExecutor(16) as people:
            asks = people.map(lambda n: self.it.ask(f"u{n}", {"count": 1}, f"r{n}"), range(32))
            answers = list(asks)
        won = [a.json["gpus"][0]["uuid"] for a in answers if a.status == 201]
        self.assertEqual(sorted(won), ["card-0", "card-1"])
        self.assertEqual({a.status for a in answers}, {201, 409})


class Restarts(Case):
    def test_a_killed_daemon_loses_nothing(self) -> None:
        lease, container = self.running("ana", 1)
        waiting = self.granted("bo")
        for _ in range(3):
            self.it.kill()
            self.it.start()
            self.assertEqual(self.it.lease(lease)["state"], "active")
            self.assertEqual(self.it.lease(waiting)["state"], "granted")
            self.assertEqual(self.it.ask("cy", {"count": 1}, "r-cy").problem, "no-gpu-free")
        self.it.kill()
        self.engine.die(container, 1)
        self.it.start()
        self.it.poll("ended", lambda: self.it.lease(lease)["state"] == "ended")

    def test_sigterm_ends_in_order(self) -> None:
        self.granted("ana")
        self.assertEqual(self.it.stop(), 0)
        self.assertFalse(os.path.exists(self.it.admin))
        self.it.start()
        self.assertEqual(self.used(), [1, 0])

    def test_two_daemons_never_share_a_store(self) -> None:
        second = subprocess.run(self.it.arguments(), capture_output=True, timeout=30, check=False)
        self.assertEqual(second.returncode, 74, second.stderr)
        self.assertEqual(self.it.get("/healthz").status, 200)

    def test_an_engine_that_stays_away_makes_the_daemon_end(self) -> None:
        self.running("ana", 1)
        self.engine.close()
        self.it.poll("not ready", lambda: self.it.get("/readyz").status == 503)
        self.assertEqual(self.used(), [1, 0])  # nothing is freed while nobody can be asked
        self.assertEqual(self.it.process.wait(30), 69)
        self.engine.open()
        self.it.start()
        self.assertEqual(self.used(), [1, 0])


class Conflicts(Case):
    """A container that is started again under an ended lease."""

    def conflict(self) -> str:
        lease, container = self.running("ana", 1)
        self.engine.die(container, 0)
        self.ended(lease)
        self.engine.start(container)
        return container

    def conflicts(self) -> list[str]:
        gpus = self.it.get("/v1/gpus").json["gpus"]
        return [one["container"] for gpu in gpus for one in gpu["conflicts"]]

    def test_its_gpus_count_as_taken_until_it_is_gone(self) -> None:
        container = self.conflict()
        self.it.poll("seen", lambda: self.conflicts() == [container])
        self.assertEqual(self.it.ask("bo", {"all": True}, "r-bo").problem, "no-gpu-free")
        self.it.kill()
        self.it.start()
        self.assertEqual(self.conflicts(), [container])
        self.engine.die(container, 0)
        self.it.poll("gone", lambda: self.conflicts() == [])
        self.assertEqual(self.it.ask("bo", {"all": True}, "r-bo2").status, 201)


class ConflictsStopped(Conflicts):
    config = LISTED + '[allocator]\nconflicts = "stop"\n'

    def test_its_gpus_count_as_taken_until_it_is_gone(self) -> None:
        container = self.conflict()
        state = self.engine.containers[container]["state"]
        self.it.poll("stopped", lambda: state["Status"] == "exited")
        self.it.poll("gone", lambda: self.conflicts() == [])
        self.assertEqual(self.it.ask("bo", {"all": True}, "r-bo").status, 201)


class BadRequests(Case):
    def test_each_is_a_clear_problem_and_the_daemon_lives(self) -> None:
        owner = {"user": "eve"}
        good = {"request_id": "r", "owner": owner, "gpus": {"count": 1}}
        table = [
            (b"{", 400, "bad-request", "not JSON"),
            (b"[]", 400, "bad-request", "object"),
            (b"", 400, "bad-request", "missing"),
            (b'{"request_id":"a","request_id":"b"}', 400, "bad-request", "/request_id: stands"),
            (b"[" * 100_000, 400, "bad-request", "not JSON"),
            (b"\xff\xfe", 400, "bad-request", "not JSON"),
            (good | {"gpu": 1}, 400, "bad-request", "/gpu: unknown field"),
            (good | {"gpus": {"count": 0}}, 400, "bad-request", "/gpus/count"),
            (good | {"gpus": {"count": 9}}, 422, "impossible", ""),
            (good | {"gpus": {"uuids": ["GPU-none"]}}, 422, "impossible", "GPU-none"),
            (good | {"gpus": {"positions": [7]}}, 422, "impossible", "7"),
            (good | {"owner": owner | {"hub": "other"}}, 403, "forbidden", "owner.hub"),
            (b'{"x":"' + b"a" * 2_000_000 + b'"}', 413, "too-large", ""),
        ]
        for body, status, slug, word in table:
            raw = body if isinstance(body, bytes) else None
            answer = call(self.it.hub, "POST", "/v1/leases", body, raw)
            with self.subTest(body=str(body)[:60]):
                self.assertEqual((answer.status, answer.problem), (status, slug), answer.text[:300])
                self.assertIn(word, answer.json["detail"])
        self.assertEqual(self.used(), [0, 0])

    def test_paths_methods_and_roles(self) -> None:
        hub, admin = self.it.hub, self.it.admin
        table = [
            (hub, "GET", "/v2", None, 404, "not-found"),
            (hub, "GET", "/v1/leases/L-none", None, 404, "not-found"),
            (hub, "GET", "/v1/leases/%2e%2e", None, 400, "bad-request"),
            (hub, "GET", "/v1/gpus/none", None, 404, "not-found"),
            (hub, "DELETE", "/v1/leases", None, 405, "method-not-allowed"),
            (hub, "GET", "/v1/leases?state=new", None, 400, "bad-request"),
            (hub, "GET", "/v1/gpus?x=1", None, 400, "bad-request"),
            (hub, "GET", "/v1/gpus", {}, 400, "bad-request"),
            (hub, "PATCH", "/v1/gpus/card-0", {"slots": 2}, 403, "forbidden"),
            (hub, "PUT", "/v1/gpus", {"gpus": []}, 403, "forbidden"),
            (admin, "PATCH", "/v1/gpus/none", {"slots": 2}, 404, "not-found"),
            (admin, "PATCH", "/v1/gpus/card-0", {"slots": 0}, 400, "bad-request"),
        ]
        for path, method, target, body, status, slug in table:
            answer = call(path, method, target, body)
            with self.subTest(method=method, target=target):
                self.assertEqual((answer.status, answer.problem), (status, slug), answer.text)

    def test_broken_http_is_survived(self) -> None:
        for raw in (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 50_000,
                    b"POST /v1/leases HTTP/1.1\r\nContent-Length: -5\r\n\r\n"):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(5)
                peer.connect(self.it.hub)
                peer.sendall(raw)
                try:
                    peer.recv(4096)
                except OSError:
                    pass
        self.assertEqual(self.it.get("/healthz").json, {"status": "ok"})

    def test_a_hub_sees_only_its_own(self) -> None:
        other = self.it.ask("ana", {"count": 1}, "r-1", socket_path=self.it.admin).json
        self.assertEqual(other["owner"]["hub"], "local")
        self.assertEqual(self.it.get("/v1/leases", self.it.hub).json, {"leases": []})
        self.assertEqual(self.it.release(other).problem, "not-found")
        self.assertEqual(self.it.bind(other, "a" * 64).problem, "not-found")
        self.assertEqual(len(self.it.get("/v1/leases?state=all&user=ana").json["leases"]), 1)


class People(unittest.TestCase):
    """The socket for people of this host: who calls is known by the kernel."""

    def setUp(self) -> None:
        self.it = Running(BINARY, LISTED + "[local]\nenabled = true\n")
        self.addCleanup(self.it.close)
        self.engine = FakeEngine(self.it.engine_socket)
        self.engine.open()
        self.local = str(self.it.place / "local/s")
        accounts = self.it.place / "passwd"
        accounts.write_text(f"ana:x:{os.getuid()}:100::/:/bin/sh\n")
        self.told = [f"--local-socket={self.local}", f"--passwd={accounts}"]

    def ask(self, owner: dict) -> Answer:
        body = {"request_id": "r-1", "owner": owner, "gpus": {"count": 1}}
        return call(self.local, "POST", "/v1/leases", body)

    def test_who_calls_is_known_by_the_kernel(self) -> None:
        self.it.start(*self.told, f"--local-gid={os.getgid()}")
        self.assertEqual((self.it.place / "local").stat().st_mode & 0o7777, 0o2750)
        self.assertEqual(self.ask({"user": "bo"}).problem, "bad-request")
        lease = self.ask({"server": "train"})
        self.assertEqual(lease.status, 201, lease)
        owner = {"hub": "local", "user": "ana", "server": "train"}
        self.assertEqual(lease.json["owner"], owner)
        others = self.it.ask("ana", {"count": 1}, "r-2").json  # a hub's person of the same name
        seen = self.it.get("/v1/leases", self.local).json["leases"]
        self.assertEqual([one["id"] for one in seen], [lease.json["id"]])
        refused = call(self.local, "DELETE", f"/v1/leases/{others['id']}")
        self.assertEqual(refused.problem, "not-found")
        self.assertEqual(self.it.get("/v1/gpus", self.local).status, 200)
        self.assertEqual(self.it.get("/v1/events", self.local).problem, "forbidden")

    def test_without_a_group_nothing_is_opened(self) -> None:
        self.it.start(*self.told, ready=False)
        self.assertEqual(self.it.process.wait(20), 64)
        self.assertIn("--local-gid", self.it.log())


class Inventory(Case):
    def test_slots_and_labels_are_kept(self) -> None:
        told = call(self.it.admin, "PATCH", "/v1/gpus/card-0", {"slots": 3, "label": "old"}).json
        self.assertEqual((told["slots"], told["label"]), (3, "old"))
        self.it.kill()
        self.it.start()
        self.assertEqual(self.it.get("/v1/gpus/card-0").json["slots"], 3)

    def test_a_list_by_rest_replaces_the_files_and_is_kept(self) -> None:
        self.running("ana", 1)
        listed = {"gpus": [{"uuid": "new-0", "devices": ["/dev/new0"], "slots": 2}]}
        answer = call(self.it.admin, "PUT", "/v1/gpus", listed)
        states = {gpu["uuid"]: gpu["state"] for gpu in answer.json["gpus"]}
        self.assertEqual(states, {"new-0": "ok", "card-0": "missing"})
        self.it.kill()
        self.it.start()
        gpus = self.it.get("/v1/gpus").json["gpus"]
        self.assertEqual([gpu["uuid"] for gpu in gpus], ["new-0", "card-0"])
        self.assertEqual(self.granted("bo")["gpus"][0]["uuid"], "new-0")


class Operating(Case):
    def test_what_operators_read(self) -> None:
        self.granted("ana")
        ready = self.it.get("/readyz").json
        names = {check["name"] for check in ready["checks"]}
        self.assertEqual(names, {"store", "inventory", "runtime"})
        self.assertIn("gpuhub_leases_granted_total 1\n", self.it.get("/metrics").text)
        self.assertIn("gpuhub_ready 1\n", self.it.get("/metrics").text)
        self.assertEqual(self.it.get("/openapi.json").json["openapi"], "3.1.0")


class NoDriver(Case):
    config = '[gpus]\nsource = "listed"\n[[gpus.listed]]\nuuid = "card-0"\n'

    def test_a_gpu_that_cannot_be_injected_is_not_granted(self) -> None:
        refused = self.it.ask("ana", {"count": 1}, "r-1")
        self.assertEqual((refused.status, refused.problem), (422, "impossible"))
        self.assertIn("devices listed", refused.json["detail"])
        self.assertEqual(self.used(), [0])


class Starting(unittest.TestCase):
    def test_nothing_is_granted_before_the_engine_was_asked(self) -> None:
        it = Running(BINARY)
        self.addCleanup(it.close)
        it.start(ready=False)
        it.poll("up", lambda: it.get("/healthz").status == 200)
        self.assertEqual(it.get("/readyz").status, 503)
        refused = it.ask("ana", {"count": 1}, "r-1")
        self.assertEqual((refused.status, refused.problem), (503, "not-ready"))
        self.assertEqual(refused.headers["retry-after"], "1")
        FakeEngine(it.engine_socket).open()
        it.poll("ready", lambda: it.get("/readyz").status == 200)

    def test_no_nvml_is_not_ready_with_words(self) -> None:
        it = Running(BINARY, "")
        self.addCleanup(it.close)
        FakeEngine(it.engine_socket).open()
        it.start("--nvml=/nonexistent/libnvidia-ml.so.1", ready=False)
        it.poll("inventory asked", lambda: "inventory:" in it.log())
        checks = {c["name"]: c for c in it.get("/readyz").json["checks"]}
        self.assertFalse(checks["inventory"]["ok"])
        self.assertIn("/nonexistent/libnvidia-ml.so.1", checks["inventory"]["detail"])

    def test_a_bad_file_starts_nothing(self) -> None:
        it = Running(BINARY, "[gpus]\nslots = 0\n")
        self.addCleanup(it.close)
        done = subprocess.run(it.arguments("--config-name=gpuhub.toml"), capture_output=True,
                              text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 78)
        said = "gpuhub.toml:2:9: gpus.slots: 0 is out of range; allowed: 1 to 64\n"
        self.assertEqual(done.stderr, said)
        self.assertFalse(os.path.exists(it.place / "ledger.sqlite"))

    def test_the_log_can_be_json(self) -> None:
        it = Running(BINARY, LISTED + '[allocator]\nlog_format = "json"\n')
        self.addCleanup(it.close)
        FakeEngine(it.engine_socket).open()
        it.start()
        for line in it.log().splitlines():
            self.assertEqual(set(json.loads(line)), {"time", "level", "message"})


if __name__ == "__main__":
    BINARY = sys.argv.pop(1)
    unittest.main(verbosity=2)
