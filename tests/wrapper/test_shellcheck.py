"""Every shell file of the wrapper and the images passes shellcheck and keeps to its size."""

import subprocess

import pytest
from conftest import CHECKOUT

LINES_MAX, WIDTH_MAX = 400, 100


def shell_files() -> list[str]:
    found = []
    for pattern in ("gpuhub", "lib/*.sh", ".ci/run", "images/*/*", "images/*/*/*.sh", "tests/*/run",
                    "e2e/run", "hub/tests/run", "lab/tests/run", "lab/lock",
                    "allocator/tests/*/*.sh"):  # fmt: skip
        for path in CHECKOUT.glob(pattern):
            if path.is_file() and (path.suffix == ".sh" or is_shell(path.read_bytes())):
                found.append(str(path.relative_to(CHECKOUT)))
    return sorted(found)


def is_shell(text: bytes) -> bool:
    first = text.split(b"\n", 1)[0]
    return first.startswith(b"#!") and first.rsplit(b"/", 1)[-1].split()[-1] in (b"sh", b"bash")


@pytest.mark.parametrize("name", shell_files())
def test_shellcheck(name: str) -> None:
    done = subprocess.run(
        ["shellcheck", name], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", shell_files())
def test_size(name: str) -> None:
    lines = (CHECKOUT / name).read_text().splitlines()
    assert len(lines) <= LINES_MAX
    assert [f"{n}: {line}" for n, line in enumerate(lines, 1) if len(line) > WIDTH_MAX] == []


def test_every_verb_is_in_help_and_docs() -> None:
    said = subprocess.run(
        [CHECKOUT / "gpuhub", "help"], capture_output=True, text=True, check=True
    ).stdout
    docs = (CHECKOUT / "docs" / "operate.md").read_text()
    files = (CHECKOUT / "lib").glob("verb_*.sh")
    verbs = [path.stem.removeprefix("verb_").replace("_", "-") for path in files]
    assert len(verbs) >= 8
    assert [verb for verb in verbs if f"./gpuhub {verb}" not in docs] == []
    assert [verb for verb in verbs if f"./gpuhub {verb}" not in said] == []
