"""What `bench` is told, and what it hands on to its image."""

import re

import pytest
from conftest import CHECKOUT, Said, Shell

CALL = """
source "$LIB/verb_bench.sh"
lock_state() { :; }
engine_ensure() { :; }
image_ensure() { echo "image $*"; }
verb_bench "$@"
"""


def bench(shell: Shell, *arguments: str) -> Said:
    shell.command("docker", "true")
    return shell.run(CALL, *arguments)


def test_without_arguments_all_is_measured(shell: Shell) -> None:
    said = bench(shell)
    assert (said.status, said.err, said.lines[0]) == (0, "", "image bench")
    assert shell.called[-1].endswith("gpuhub/bench:0.0.1 --out /out --rounds 5 --seconds 2")
    assert "--network none" in shell.called[-1]
    assert (shell.root / ".gpuhub/bench").is_dir()


def test_peers_can_be_named(shell: Shell) -> None:
    assert bench(shell, "--rounds", "2", "redis", "--seconds", "9", "gpuhub").status == 0
    assert shell.called[-1].endswith(" --rounds 2 --seconds 9 --peers-only redis gpuhub")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["mysql"], "there is no peer mysql"),
        (["--fast"], "bench knows no --fast"),
        (["--rounds"], "--rounds wants a number"),
        (["--rounds", "0"], "--rounds wants a number"),
        (["--seconds", "1.5"], "--seconds wants a number"),
        (["--seconds", "100"], "--seconds wants a number"),
    ],
)
def test_what_it_does_not_know_it_says(shell: Shell, arguments: list[str], word: str) -> None:
    said = bench(shell, *arguments)
    assert said.status == 1
    assert word in said.err
    assert "   do: " in said.err
    assert shell.called == []


def test_a_failed_bench_fails(shell: Shell) -> None:
    shell.command("docker", "echo 'bench: no disk' >&2; exit 1")
    said = shell.run(CALL)
    assert said.status != 0
    assert "bench: no disk" in said.err


def test_its_peers_are_the_drivers(shell: Shell) -> None:
    said = shell.run('source "$LIB/verb_bench.sh"\necho "${BENCH_PEERS[@]}"')
    driver = CHECKOUT / "allocator/bench/driver"
    text = (driver / "allocator.py").read_text() + (driver / "peers.py").read_text()
    known = re.findall(r'^    key, title.* = "(\w+)",', text, re.MULTILINE)
    assert sorted(said.out.split()) == sorted(known)
