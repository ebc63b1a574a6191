"""What leases do with their GPUs, by the whole daemon: the simulated NVML, and processes in a tree
like /proc, both of which the test moves.

    usage_test.py BINARY NVML_LIBRARY NVML_SIM_CTL [unittest's arguments]
"""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from fake_engine import FakeEngine
from running import Running, call

BINARY = LIBRARY = CTL = ""
SHARED = """
[allocator]
show_holders = "group"
[gpus]
slots = 2
"""


class Simulated(Running):
    """With two simulated GPUs, and processes made up."""

    def __init__(self) -> None:
        super().__init__(BINARY, SHARED)
        self.machine, self.proc = str(self.place / "sim"), self.place / "proc"
        self.ctl("init", "--gpus", "2", "--model", "A100-40G", "--major", "241", "--no-nodes")
        os.environ["NVML_SIM_DIR"] = f"{self.machine}/state"
        os.environ["NVML_SIM_ALL"] = "1"
        self.write("1/cgroup", "0::/../../init.scope\n")
        self.write("self/cgroup", "0::/\n")

    def ctl(self, verb: str, *arguments: str) -> None:
        subprocess.run([CTL, verb, self.machine, *arguments], check=True)

    def load(self, *arguments: str) -> None:
        self.ctl("load", *arguments)

    def write(self, path: str, text: str) -> None:
        file = self.proc / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run_in(self, container: str, pid: int, started: int = 100) -> None:
        """A process, as the allocator sees it from a cgroup namespace of its own."""
        self.write(f"{pid}/stat", f"{pid} (python) R 1 1 1 0 -1 {'0 ' * 13}{started} 0")
        self.write(f"{pid}/cgroup", f"0::/../docker-{container}.scope\n")

    def begin(self) -> None:
        self.start(f"--nvml={LIBRARY}", f"--proc={self.proc}")

    def usage(self, lease: dict) -> dict:
        return self.lease(lease)["usage"]


class Usage(unittest.TestCase):
    def setUp(self) -> None:
        self.it = Simulated()
        self.addCleanup(self.it.close)
        self.engine = FakeEngine(self.it.engine_socket)
        self.engine.open()
        self.it.begin()

    def running(self, user: str, number: int, gpu: int) -> tuple[dict, str]:
        answer = self.it.ask(user, {"positions": [gpu]}, f"r-{user}")
        self.assertEqual(answer.status, 201, answer)
        lease = answer.json
        self.assertIsNone(lease["usage"])
        container = self.engine.create(number, lease["inject"]["labels"])
        self.assertEqual(self.it.bind(lease, container).json["state"], "active")
        self.engine.start(container)
        return lease, container

    def until(self, lease: dict, **wanted: object) -> dict:
        def good() -> bool:
            return wanted.items() <= self.it.usage(lease).items()

        self.it.poll(f"{wanted}", good, 30)
        return self.it.usage(lease)

    def test_two_on_one_gpu_are_told_apart(self) -> None:
        ana, one = self.running("ana", 1, 0)
        bo, two = self.running("bo", 2, 0)
        revision = self.it.lease(ana)["revision"]
        self.it.run_in(one, 11)
        self.it.run_in(two, 12)
        self.it.load("0", "--pid", "11", "--process-mib", "300", "--process-util", "0")
        self.it.load("0", "--gpu-util", "60", "--pid", "12", "--process-util", "60")
        self.it.load("0", "--pid", "13", "--process-mib", "70", "--process-util", "5")
        self.it.run_in("0" * 63 + "f", 13)
        busy = self.until(bo, busy=True)
        self.assertEqual((busy["measured"], busy["idle_for_s"]), ("process", 0))
        self.assertEqual(busy["utilisation"]["now"], 0.6)
        idle = self.until(ana, processes=1)
        self.assertEqual((idle["busy"], idle["measured"]), (False, "process"))
        self.assertEqual(idle["memory_used_mib"], 300)
        self.assertEqual(self.it.lease(ana)["revision"], revision)
        gpu = self.it.get("/v1/gpus").json["gpus"][0]
        self.assertEqual(gpu["load"]["processes"], 3)
        self.assertEqual(
            gpu["load"]["foreign"], {"processes": 1, "memory_used_mib": 70, "utilisation": 0.05}
        )
        listed = self.it.get("/v1/leases").json["leases"]
        self.assertTrue(all(lease["usage"]["measured"] == "process" for lease in listed))
        metrics = self.it.get("/metrics").text
        self.assertIn(f'gpuhub_lease_utilisation_ratio{{lease="{bo["id"]}"}} 0.6\n', metrics)

        # Bo's process ends; its number goes to one of ana's.
        self.it.run_in(one, 12, started=500)
        self.until(ana, busy=True)
        self.until(bo, busy=False, processes=0)

    def test_what_cannot_be_told_is_not_idle(self) -> None:
        ana, one = self.running("ana", 1, 1)
        self.it.run_in(one, 11)
        self.it.load("1", "--pid", "11", "--quirks", "no_process_util")
        self.assertFalse(self.until(ana, measured="gpu")["busy"])
        self.it.load("1", "--gpu-util", "30")
        self.until(ana, measured="gpu", busy=True)
        self.it.load("1", "--quirks", "mig")
        blind = self.until(ana, measured="none")
        self.assertIn("MIG", blind["why"])
        self.assertIsNone(blind["idle_for_s"])

    def test_a_library_that_hangs_has_no_effect_on_leases(self) -> None:
        ana, _ = self.running("ana", 1, 0)
        self.until(ana, measured="process", busy=False)
        self.it.load("0", "--quirks", "hangs")
        blind = self.until(ana, measured="none")
        self.assertIsNone(blind["since"])
        self.assertEqual(self.it.lease(ana)["state"], "active")
        self.assertEqual(self.it.get("/healthz").status, 200)
        self.it.load("0", "--quirks", "none")
        again = self.until(ana, measured="process")
        self.assertLess(again["idle_for_s"], 5, "a gap may hide work")
        self.it.poll("ready", lambda: self.it.get("/readyz").status == 200)

    def test_a_library_that_lies_makes_nobody_idle(self) -> None:
        ana, one = self.running("ana", 1, 0)
        self.it.run_in(one, 11)
        self.it.load("0", "--pid", "11", "--process-util", "40", "--gpu-util", "40")
        self.until(ana, busy=True, measured="process")
        self.it.load("0", "--quirks", "lies")
        blind = self.until(ana, measured="none")
        self.assertIn("no load", blind["why"])
        self.assertEqual(self.it.lease(ana)["state"], "active")

    def test_a_hub_asks_for_what_a_person_may_see(self) -> None:
        for number, (user, group) in enumerate({"ana": "lab", "bo": "lab", "cy": "x"}.items()):
            body = {"request_id": f"r-{user}", "owner": {"user": user, "groups": [group]},
                    "gpus": {"positions": [number % 2]}}  # fmt: skip
            self.assertEqual(call(self.it.hub, "POST", "/v1/leases", body).status, 201)

        def owners(query: str) -> set[str]:
            gpus = self.it.get(f"/v1/gpus{query}", self.it.hub).json["gpus"]
            leases = [lease for gpu in gpus for lease in gpu["leases"]]
            self.assertEqual(len(leases), 3)
            return {lease["owner"]["user"] for lease in leases if lease["owner"]}

        self.assertEqual(owners(""), set())
        self.assertEqual(owners("?user=ana&groups=lab,y"), {"ana", "bo"})
        self.assertEqual(owners("?user=ana"), {"ana"})
        self.assertEqual(owners("?user=cy&groups=y"), {"cy"})
        self.assertEqual(self.it.get("/v1/gpus?users=ana").status, 400)
        newest = self.it.get("/v1/leases?limit=2").json["leases"]
        self.assertEqual([lease["owner"]["user"] for lease in newest], ["cy", "bo"])


if __name__ == "__main__":
    BINARY, LIBRARY, CTL = (str(Path(path).resolve()) for path in sys.argv[1:4])
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
