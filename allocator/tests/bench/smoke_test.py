"""The load generator against a real gpu-allocator, for a moment: it works and leaves nothing held.

    smoke_test.py GPUHUB_BENCH GPU_ALLOCATOR
"""

import json
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "daemon"))

from fake_engine import FakeEngine  # noqa: E402
from running import LISTED, Running  # noqa: E402

BENCH = ALLOCATOR = ""


class Smoke(unittest.TestCase):
    def setUp(self) -> None:
        self.it = Running(ALLOCATOR, LISTED.replace('source = "listed"\n',
                                                    'source = "listed"\nslots = 4\n'))  # fmt: skip
        self.addCleanup(self.it.close)
        FakeEngine(self.it.engine_socket).open()
        self.it.start()

    def bench(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=30,
                              stdin=subprocess.DEVNULL, check=False)  # fmt: skip

    def used(self) -> int:
        return sum(gpu["used"] for gpu in self.it.get("/v1/gpus").json["gpus"])

    def test_ask_and_release(self) -> None:
        done = self.bench("load", f"--socket={self.it.hub}", "--connections=4",
                          "--operations=40")  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        told = json.loads(done.stdout)
        self.assertGreaterEqual(told["operations"], 40)
        self.assertGreaterEqual(told["p99_us"], told["p50_us"])
        self.assertEqual(self.used(), 0)

    def test_fill(self) -> None:
        done = self.bench("load", f"--socket={self.it.hub}", "--connections=2", "--operations=8",
                          "--keep")  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.used(), 8)
        full = self.bench("load", f"--socket={self.it.hub}", "--operations=1")
        self.assertEqual(full.returncode, 1)
        self.assertIn("409 instead of 201", full.stderr)

    def test_a_stream_that_is_none_is_said(self) -> None:
        done = self.bench("listen", f"--socket={self.it.admin}", "--target=/v1/none")
        self.assertEqual((done.returncode, done.stderr), (1, "gpuhub_bench: status 404\n"))

    def test_disk(self) -> None:
        done = self.bench("disk", f"--folder={self.it.place}", "--measured-ms=50")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(json.loads(done.stdout)["per_second"], 0)


if __name__ == "__main__":
    BENCH, ALLOCATOR = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main(verbosity=2)
