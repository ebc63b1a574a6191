"""`cell` with made-up nfts: what it loads, what it gives up, and that it is never ready otherwise."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

CELL = ""
SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")


class Cell(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def nft(self, script: str) -> str:
        path = self.folder / "nft"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    def run_cell(self, script: str, *args: str, rules: str | None = "table inet x {}"):
        environment = {} if rules is None else {"GPUHUB_CELL_RULES": rules}
        return subprocess.run(
            [CELL, "--nft", self.nft(script), *args],
            env=environment, capture_output=True, text=True, timeout=30, check=False,
        )

    def start_cell(self, script: str) -> subprocess.Popen:
        started = subprocess.Popen(
            [CELL, "--nft", self.nft(script)], env={"GPUHUB_CELL_RULES": "table inet x {}"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.addCleanup(started.communicate)
        self.addCleanup(started.kill)
        return started

    def test_nft_is_given_the_rules_and_nothing_else(self) -> None:
        seen = self.folder / "seen"
        done = self.run_cell(f'echo "$*" > {seen}; cat >> {seen}; env | grep GPUHUB >> {seen}', "--try")
        self.assertEqual((done.returncode, done.stdout), (69, ""), "grep found nothing: status 1")
        self.assertEqual(seen.read_text(), "-f -\ntable inet x {}")

    def test_ready_without_any_capability_until_it_is_ended(self) -> None:
        cell = self.start_cell("cat > /dev/null")
        self.assertEqual(cell.stdout.readline(), "ready\n")
        status = pathlib.Path(f"/proc/{cell.pid}/status").read_text()
        told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        for name in SETS:
            self.assertEqual(int(told[name], 16), 0, name)
        self.assertEqual(told["NoNewPrivs"], "1")
        self.assertIsNone(cell.poll())
        cell.send_signal(signal.SIGTERM)
        self.assertEqual(cell.wait(5), 0)

    def test_rules_that_nft_refuses(self) -> None:
        done = self.run_cell("echo 'syntax error, line 3' >&2; exit 1")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertIn("syntax error, line 3", done.stderr)
        self.assertIn("the rules were not loaded: nft ended with 1", done.stderr)

    def test_an_nft_that_is_killed_or_not_there(self) -> None:
        done = self.run_cell("kill -9 $$")
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertIn("nft was killed", done.stderr)
        missing = subprocess.run(
            [CELL, "--nft", "/nowhere/nft"], env={"GPUHUB_CELL_RULES": "x"},
            capture_output=True, text=True, timeout=30, check=False,
        )
        self.assertEqual((missing.returncode, missing.stdout), (69, ""))
        self.assertIn("/nowhere/nft: No such file", missing.stderr)

    def test_an_nft_that_hangs_is_given_up(self) -> None:
        begun = time.monotonic()
        done = self.run_cell("exec sleep 60")
        self.assertLess(time.monotonic() - begun, 20)
        self.assertEqual((done.returncode, done.stdout), (69, ""))
        self.assertIn("nft took longer than 5s", done.stderr)

    def test_no_rules_is_not_ready(self) -> None:
        for rules in (None, ""):
            done = self.run_cell("exit 0", rules=rules)
            self.assertEqual((done.returncode, done.stdout), (64, ""))
            self.assertIn("GPUHUB_CELL_RULES is empty", done.stderr)

    def test_try_has_rules_of_its_own_and_ends(self) -> None:
        seen = self.folder / "seen"
        done = self.run_cell(f"cat > {seen}", "--try", rules=None)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertIn("table inet gpuhub_try", seen.read_text())

    def test_wrong_arguments(self) -> None:
        for words in (["--tyr"], ["--nft"]):
            done = subprocess.run(
                [CELL, *words], capture_output=True, text=True, timeout=30, check=False
            )
            self.assertEqual(done.returncode, 64)
            self.assertIn("usage: cell", done.stderr)


if __name__ == "__main__":
    CELL = os.path.abspath(sys.argv.pop(1))
    unittest.main()
