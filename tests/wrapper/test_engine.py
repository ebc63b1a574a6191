"""Which engine is used, when one is installed, and what people are told otherwise."""

import pytest
from conftest import Shell

ANSWERS = """case "$*" in version*) echo 26.1.5 ;; info*) echo name=seccomp ;;
context*) echo unix:///var/run/docker.sock ;; esac"""
DENIED = "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1"
DOWN = "echo 'Cannot connect to the Docker daemon' >&2; exit 1"
NOT_ROOT = "is_root() { false; }\n"


def test_a_running_engine_is_used_as_it_is(shell: Shell) -> None:
    shell.command("docker", ANSWERS)
    said = shell.call("engine_ensure", env={"DOCKER_HOST": "unix:///run/mine.sock"})
    assert (said.status, said.out) == (0, "")


def test_socket_is_the_one_of_docker_host(shell: Shell) -> None:
    said = shell.call("engine_socket", env={"DOCKER_HOST": "unix:///run/mine.sock"})
    assert said.out == "/run/mine.sock\n"


def test_socket_is_the_one_of_the_context(shell: Shell) -> None:
    shell.command("docker", "echo unix:///run/context.sock")
    assert shell.call("engine_socket").out == "/run/context.sock\n"


def test_an_engine_elsewhere_is_refused(shell: Shell) -> None:
    shell.command("docker", ANSWERS)
    said = shell.call("engine_ensure", env={"DOCKER_HOST": "tcp://10.0.0.1:2375"})
    assert said.status == 1
    assert "not on this machine" in said.err


@pytest.mark.parametrize("word", ["rootless", "userns"])
def test_engines_that_cannot_serve_are_refused(shell: Shell, word: str) -> None:
    shell.command("docker", ANSWERS.replace("seccomp", word))
    assert shell.call("engine_ensure").status == 1


@pytest.mark.parametrize(
    ("answer", "remedy"), [(DENIED, "usermod -aG docker"), (DOWN, "sudo ./gpuhub up")]
)
def test_without_root_people_are_told_what_to_do(shell: Shell, answer: str, remedy: str) -> None:
    shell.command("docker", answer)
    said = shell.run(NOT_ROOT + "engine_ensure")
    assert said.status == 1
    assert remedy in said.err


def test_no_client_without_root(shell: Shell) -> None:
    said = shell.run(NOT_ROOT + "has() { false; }\nengine_ensure")
    assert said.status == 1
    assert "sudo ./gpuhub up" in said.err


def test_a_named_engine_that_is_down_is_never_replaced(shell: Shell) -> None:
    shell.command("docker", DOWN)
    said = shell.run("is_root() { :; }\nengine_ensure", env={"DOCKER_HOST": "unix:///run/x.sock"})
    assert said.status == 1
    assert "DOCKER_HOST" in said.err


MACHINE = """
is_root() { :; }
poll() { shift; "$@"; }
has_systemd() { [[ $SYSTEMD == yes ]]; }
"""


def test_as_root_the_distribution_s_engine_is_installed_and_started(shell: Shell) -> None:
    up = shell.bin.parent / "up"
    shell.command("docker", f"[[ -e {up} ]] || {{ {DOWN}; }}; {ANSWERS}")
    shell.command("apt-get", "true")
    shell.command("apt-cache", "echo docker-cli - Linux container runtime")
    shell.command("systemctl", f"touch {up}")
    said = shell.run(
        MACHINE + 'has() { [[ $1 != dockerd ]]; }\nengine_ensure', env={"SYSTEMD": "yes"}
    )
    assert said.status == 0, said.err
    assert "installing the distribution's package docker.io" in said.lines[0]
    installs = [call for call in shell.called if call.startswith("apt-get install")]
    assert len(installs) == 1
    assert "-o DPkg::Lock::Timeout=300" in installs[0]
    assert installs[0].split()[-3:] == ["docker.io", "ca-certificates", "docker-cli"] or (
        installs[0].split()[-1] == "apparmor"
    )
    assert "systemctl enable --now docker.service" in shell.called


def test_an_engine_that_never_answers(shell: Shell) -> None:
    shell.command("docker", DOWN)
    shell.command("dockerd", "true")
    shell.command("systemctl", "true")
    said = shell.run(MACHINE + "engine_ensure", env={"SYSTEMD": "yes"})
    assert said.status == 1
    assert "does not answer" in said.err


def test_only_a_dockerd_that_we_started_is_ours(shell: Shell) -> None:
    """No mark, or a mark whose process is something else now: not ours, never stopped."""
    assert shell.run("engine_is_ours || echo no").out == "no\n"
