"""What `doctor` calls wrong on made-up machines, and that it says what to do about each."""

import re
import socket

import pytest
from conftest import Said, Shell

# What stands for the machine. Tests say how theirs differs by the variables in front.
MACHINE = """
source "$LIB/verb_doctor.sh"
nvidia_cards() { [[ -z ${CARD:-} ]] || say "$CARD"; }
driver_works() { [[ -n ${DRIVER:-} ]]; }
cdi_specs() { [[ -z ${CDI:-} ]] || say "$CDI"; }
nvidia-smi() { [[ $1 != -L ]] || set -- 'GPU 0'; say "${1/--query*/550.1}"; }
stat() {
  if [[ ${*: -1} == /etc/shadow ]]; then say "${SHADOW:-640 root}"; else command stat "$@"; fi
}
df() { printf 'Filesystem\\n/dev/x 1 1 %s 1%% /\\n' "$((${FREE_GIB:-100} * 1048576))"; }
has() {
  case $1 in
    docker) [[ -z ${NO_CLIENT:-} ]] ;;
    nvidia-ctk | nvidia-container-runtime-hook) [[ -n ${TOOLKIT:-} ]] ;;
    timedatectl) return 1 ;;
    *) command -v "$1" > /dev/null 2>&1 ;;
  esac
}
verb_doctor
"""

ENGINE = """
case "$*" in
  version*) echo 26.1.5 ;;
  "compose version"*) echo 2.26.1 ;;
  info*SecurityOptions*) echo name=%s ;;
  info*DockerRootDir*) echo / ;;
  info*Driver*) echo overlay2 ;;
  context*) echo unix:///var/run/docker.sock ;;
  "ps -aq"*service=*) n="$*"; echo "id-${n##*service=}" ;;
  inspect*PortBindings*) echo '{"8000/tcp":[{"HostIp":"","HostPort":"8000"}]}' ;;
  inspect*) echo "running healthy" ;;
  exec*"gpuctl status") echo "ready" ;;
esac
"""
DENIED = "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1"
DOWN = "echo 'Cannot connect to the Docker daemon' >&2; exit 1"


def doctor(shell: Shell, engine: str = ENGINE % "seccomp", **machine: str) -> Said:
    shell.command("docker", engine)
    return shell.run(MACHINE, env=machine)


def assert_wrong(said: Said, name: str, remedy: str) -> None:
    """Exactly this is wrong, a remedy stands below it, and scripts hear of it."""
    wrong = re.findall(r"^WRONG  (\S+) ", said.out, re.M)
    assert wrong == [name], said.out + said.err
    _, _, below = said.out.partition("WRONG ")
    assert " do: " in below and remedy in below
    assert said.lines[-1] == "1 wrong."
    assert said.status == 1


def test_all_good(shell: Shell) -> None:
    shell.write(".gpuhub/config/compose.env", "GPUHUB_ADDRESS=127.0.0.1\nGPUHUB_PORT=8000\n")
    said = doctor(shell)
    assert said.status == 0, said.out + said.err
    assert said.lines[-1] == "Nothing is wrong."
    for name in ("accounts", "engine", "isolation", "disk", "port", "allocator", "hub", "ready"):
        assert re.search(rf"^ok     {name} ", said.out, re.M), said.out


def test_all_good_with_a_card(shell: Shell) -> None:
    said = doctor(shell, CARD="0000:01:00.0", DRIVER="yes", CDI="/etc/cdi/nvidia.yaml")
    assert said.status == 0, said.out + said.err
    assert re.search(r"^ok     driver +550.1, 1 GPUs$", said.out, re.M)
    assert re.search(r"^ok     toolkit +CDI: /etc/cdi/nvidia.yaml$", said.out, re.M)


def test_nothing_is_changed(shell: Shell) -> None:
    doctor(shell)
    changing = ("run", "pull", "build", "rm", "stop", "start", "create")
    assert [call for call in shell.called if call.split()[1] in changing] == []
    assert [path for path in shell.root.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("engine", "remedy"),
    [(DENIED, "sudo usermod -aG docker"), (DOWN, "sudo ./gpuhub up starts it")],
)  # fmt: skip
def test_no_engine(shell: Shell, engine: str, remedy: str) -> None:
    assert_wrong(doctor(shell, engine), "engine", remedy)


def test_no_client(shell: Shell) -> None:
    assert_wrong(doctor(shell, NO_CLIENT="yes"), "engine", "sudo ./gpuhub up installs")


def test_rootless(shell: Shell) -> None:
    said = doctor(shell, ENGINE % "rootless")
    assert_wrong(said, "rootless", "DOCKER_HOST=unix:///var/run/docker.sock ./gpuhub up")


def test_userns_remap(shell: Shell) -> None:
    said = doctor(shell, ENGINE % "userns")
    assert_wrong(said, "userns-remap", '"userns-remap" from /etc/docker/daemon.json')


def test_old_engine(shell: Shell) -> None:
    said = doctor(shell, (ENGINE % "seccomp").replace("26.1.5", "19.03.8"))
    assert_wrong(said, "engine-version", "upgrade the engine")


def test_low_disk(shell: Shell) -> None:
    assert_wrong(doctor(shell, FREE_GIB="4"), "disk", "docker system df")


def test_a_port_that_somebody_else_has(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        shell.write(".gpuhub/config/compose.env", f"GPUHUB_ADDRESS=0.0.0.0\nGPUHUB_PORT={port}\n")
        assert_wrong(doctor(shell), "port", "choose another port in gpuhub.toml")


def test_a_card_without_driver(shell: Shell) -> None:
    assert_wrong(doctor(shell, CARD="0000:01:00.0", TOOLKIT="yes"), "driver", "nvidia-driver")


def test_a_card_without_toolkit(shell: Shell) -> None:
    said = doctor(shell, CARD="0000:01:00.0", DRIVER="yes")
    assert_wrong(said, "toolkit", "install nvidia-container-toolkit")
    assert "\n" + " " * 28 + "sudo systemctl restart docker\n" in said.out


@pytest.mark.parametrize("mode", ["0 root", "640 nobody"])
def test_accounts_that_the_hub_cannot_read(shell: Shell, mode: str) -> None:
    assert_wrong(doctor(shell, SHADOW=mode), "accounts", "sudo chmod 640 /etc/shadow")


def test_a_sick_service(shell: Shell) -> None:
    exited = '*inspect*hub) echo "exited none" ;;\n  inspect*)'
    sick = (ENGINE % "seccomp").replace("inspect*)", exited)
    assert_wrong(doctor(shell, sick), "hub", "./gpuhub logs hub")


def test_an_allocator_that_is_not_ready(shell: Shell) -> None:
    answer = 'echo "runtime: the engine does not answer"; exit 1'
    said = doctor(shell, (ENGINE % "seccomp").replace('echo "ready"', answer))
    assert_wrong(said, "ready", "runtime: the engine does not answer")


def test_settings_that_the_reader_refuses(shell: Shell) -> None:
    shell.write("gpuhub.toml", "[hub]\nprot = 1\n")
    refuses = "case $1 in run) echo gpuhub.toml:2:1: hub.prot: unknown; exit 78 ;; esac"
    said = doctor(shell, refuses + ENGINE % "seccomp")
    assert_wrong(said, "gpuhub.toml", "gpuhub.toml:2:1: hub.prot: unknown")


def test_no_service_yet(shell: Shell) -> None:
    said = doctor(shell, (ENGINE % "seccomp").replace('echo "id-', ': "'))
    assert said.status == 0, said.out + said.err
    assert "./gpuhub up starts them" in said.out
