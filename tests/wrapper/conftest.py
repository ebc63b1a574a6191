"""Calls single functions of ./gpuhub in a shell of their own, with made-up commands on PATH."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PARTS = ["say", "host", "engine", "base", "tools", "images", "settings", "network", "secrets", "simulate",
         "local", "services", "hub_python", "junit"]  # fmt: skip

# As ./gpuhub does it, but with a tree of the test's own as ROOT.
PRELUDE = """
set -Eeuo pipefail
shopt -s inherit_errexit nullglob
ROOT=$1 VERSION=0.0.1 STATE=$1/.gpuhub LIB=$2 PARTS=$3
readonly ROOT VERSION STATE
shift 3
for part in $PARTS; do source "$LIB/$part.sh"; done
own_variables
"""


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class Shell:
    """One made-up machine: a tree that stands for the checkout, and commands that tests write."""

    def __init__(self, root: Path) -> None:
        self.root = root / "checkout"
        self.bin = root / "bin"
        self.root.mkdir()
        (self.root / ".gpuhub").mkdir()
        self.bin.mkdir()

    def command(self, name: str, script: str) -> None:
        """Put a command on PATH before the real ones; its calls are listed in `called`."""
        log = self.bin.parent / "called"
        path = self.bin / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >> {log}\n{script}\n')
        path.chmod(0o755)

    @property
    def called(self) -> list[str]:
        log = self.bin.parent / "called"
        return log.read_text().splitlines() if log.exists() else []

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def run(self, script: str, *args: object, env: dict[str, str] | None = None) -> Said:
        """Run a script with all parts loaded; `verb_*.sh` are named in the script itself."""
        done = subprocess.run(
            ["bash", "-c", PRELUDE + script, "gpuhub", str(self.root), str(CHECKOUT / "lib"),
             " ".join(PARTS), *map(str, args)],
            env={"PATH": f"{self.bin}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", **(env or {})},
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def call(self, function: str, *args: object, env: dict[str, str] | None = None) -> Said:
        return self.run(f'{function} "$@"', *args, env=env)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Declare files as {path: text}; they are made below a folder that is returned."""

    def make(files: dict[str, str]) -> Path:
        root = tmp_path / "tree"
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        root.mkdir(exist_ok=True)
        return root

    return make
