#!/usr/bin/env python3
"""gpuhub-login as a whole: program_test.py PROGRAM. The accounts are made up; PAM and NSS are this
machine's, which know none of them: nobody gets in, and everything else is as in life."""
import json
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv.pop(1)
FILES = {
    "passwd": "root:x:0:0::/root:/bin/sh\nana:x:1001:1001::/home/ana:/bin/sh\n",
    "group": "ana:x:1001:\n",
    "shadow": "root:*:1::::::\nana:$y$j9T$a$b:1::::::\n",
}


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=30)


class CommandLine(unittest.TestCase):
    def test_help_and_version(self) -> None:
        said = run("--help")
        self.assertEqual(said.returncode, 0)
        for option in ("--source", "--ping", "--etc", "--directory"):
            self.assertIn(option, said.stdout)
        self.assertRegex(run("--version").stdout, r"^gpuhub-login \d+\.\d+\.\d+\n$")

    def test_mistakes(self) -> None:
        for mistake in ([], ["--source=ldap"], ["--sorce=host"], ["--ping", "--source=host"]):
            self.assertEqual(run(*mistake).returncode, 64, mistake)


class Serving(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name, text in FILES.items():
            (self.folder / name).write_text(text)
        self.process = subprocess.Popen(
            [PROGRAM, "--source=host", f"--etc={self.folder}", f"--directory={self.folder}/run"],
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.stop)
        self.assertIn("listens on", self.process.stderr.readline())

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()

    def ask(self, **request: str) -> tuple[str, float]:
        begun = time.monotonic()
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(20)
            asking.connect(f"{self.folder}/run/login.sock")
            asking.sendall(json.dumps(request).encode() + b"\n")
            line = asking.makefile("rb").readline()
        return json.loads(line)["outcome"], time.monotonic() - begun

    def test_a_refusal_takes_as_long_whatever_its_reason(self) -> None:
        for name, password, outcome in (("ghost", "x", "not-allowed"), ("root", "x", "not-allowed"),
                                        ("ana", "", "wrong")):
            told, took_s = self.ask(op="check", name=name, password=password)
            self.assertEqual(told, outcome)
            self.assertTrue(1.95 < took_s < 4, took_s)
        told, took_s = self.ask(op="look", name="ghost")
        self.assertEqual(told, "not-allowed")
        self.assertLess(took_s, 1.5)

    def test_nobody_gets_in_whom_pam_does_not_know(self) -> None:
        self.assertIn(self.ask(op="check", name="ana", password="x")[0], ("wrong", "unavailable"))

    def test_ping_and_its_word_about_files(self) -> None:
        where = f"--directory={self.folder}/run"
        self.assertEqual(run("--ping", where).returncode, 0)
        (self.folder / "shadow").unlink()
        said = run("--ping", where)
        self.assertEqual(said.returncode, 1)
        self.assertIn("shadow: No such file", said.stderr)

    def test_ends_at_once(self) -> None:
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(10), 0)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertFalse((self.folder / "run/login.sock").exists())


if __name__ == "__main__":
    unittest.main()
