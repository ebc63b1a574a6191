"""The socket for people of this host: settings, overlay, removal, doctor, and gpuctl for them."""

import re

import pytest
from conftest import CHECKOUT, Said, Shell

ENABLED = "GPUHUB_LOCAL='true'\nGPUHUB_LOCAL_GROUP='gpu'\n"
GETENT = "[[ $2 == gpu ]] && echo gpu:x:4711:ana,bo"


def enable(shell: Shell, text: str = ENABLED) -> None:
    shell.write(".gpuhub/config/compose.env", text)
    shell.command("getent", GETENT)


@pytest.mark.parametrize(
    ("text", "enabled"),
    [("GPUHUB_LOCAL='true'\n", True), ("GPUHUB_LOCAL=''\n", False), ("", False)],
)
def test_the_overlay_is_there_only_if_wanted(shell: Shell, text: str, enabled: bool) -> None:
    enable(shell, text)
    assert ("compose.local.yaml" in shell.call("services_overlays", "").lines) == enabled


def test_compose_hears_the_groups_number(shell: Shell) -> None:
    enable(shell)
    shell.write("gpuhub.toml", "")
    for name in ("gpuhub.toml", "hub.json"):
        shell.write(f".gpuhub/config/{name}", "{}")
    shell.command("docker", "echo unix:///run/docker.sock")
    said = shell.call("services_write", "none", "")
    assert said.status == 0, said.err
    written = (shell.root / ".gpuhub/compose.env").read_text()
    assert "GPUHUB_LOCAL_GID='4711'\n" in written
    assert "compose.local.yaml" in (shell.root / ".gpuhub/overlays").read_text().splitlines()


def test_what_the_overlay_leans_on_is_given() -> None:
    """Its one variable is written by services_write; the engine makes the folder (short form)."""
    overlay = (CHECKOUT / "compose.local.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)\}", overlay)) == {"GPUHUB_LOCAL_GID"}
    assert "- /run/gpuhub/local:/run/gpuhub/local\n" in overlay
    assert "group_add" in overlay


def test_a_group_that_is_not_there_stops_up(shell: Shell) -> None:
    enable(shell, ENABLED.replace("gpu", "none"))
    said = shell.call("local_check")
    assert said.status == 1
    assert "no group none" in said.err
    assert "sudo groupadd --system none" in said.err
    enable(shell)
    assert shell.call("local_check").status == 0
    enable(shell, "")
    assert shell.call("local_check").status == 0


def test_the_folder_is_removed_by_a_container(shell: Shell) -> None:
    place = shell.write("run/gpuhub/local/allocator.sock", "").parents[1]
    shell.command("docker", f"rm -r {place}")
    assert shell.call("local_remove", place).status == 0
    (call,) = shell.called
    assert f"source={place.parent},target=/above" in call
    assert call.endswith("rm -rf /above/gpuhub")
    assert shell.call("local_remove", place).status == 0
    assert len(shell.called) == 1, "nothing is done where nothing is"


def test_a_folder_that_stays_is_named(shell: Shell) -> None:
    place = shell.write("run/gpuhub/x", "").parent
    shell.command("docker", "exit 1")
    said = shell.call("local_remove", place)
    assert (said.status, f"sudo rm -r {place}" in said.err) == (0, True)


DOCTOR = """
source "$LIB/verb_doctor.sh"
stat() { say "${FOLDER:-2750 gpu}"; }
service_state() { say "${STATE_OF:-running healthy}"; }
gpuctl() { say "$*"; [[ -z ${SILENT:-} ]]; }
doctor_local
say "$DOCTOR_WRONG wrong"
"""


def doctor(shell: Shell, **machine: str) -> Said:
    return shell.run(DOCTOR, env=machine)


def test_doctor_is_content(shell: Shell) -> None:
    enable(shell)
    shell.command("gpuctl", "echo gpuctl 0.0.1")
    said = doctor(shell)
    assert said.lines[-1] == "0 wrong", said.out
    assert re.search(r"^ok     local +/run/gpuhub/local/allocator.sock answers, .* gpu$", said.out, re.M)
    assert re.search(r"^ok     gpuctl ", said.out, re.M)


def test_doctor_says_nothing_of_what_is_not_wanted(shell: Shell) -> None:
    enable(shell, "GPUHUB_LOCAL=''\n")
    assert doctor(shell).lines == ["0 wrong"]


@pytest.mark.parametrize(
    ("text", "machine", "remedy"),
    [(ENABLED.replace("gpu", "none"), {}, "sudo groupadd --system none"),
     (ENABLED, {"FOLDER": "755 root"}, "./gpuhub compose restart allocator"),
     (ENABLED, {"FOLDER": "2750 docker"}, "./gpuhub compose restart allocator"),
     (ENABLED, {"SILENT": "yes"}, "--socket /run/gpuhub/local/allocator.sock status")],
)  # fmt: skip
def test_doctor_finds(shell: Shell, text: str, machine: dict[str, str], remedy: str) -> None:
    enable(shell, text)
    said = doctor(shell, **machine)
    assert said.lines[-1] == "1 wrong", said.out
    assert remedy in said.out
    assert re.search(r"^note   gpuctl .*sudo ./gpuhub ctl --install", said.out, re.M)


def test_doctor_without_the_allocator(shell: Shell) -> None:
    enable(shell)
    said = doctor(shell, STATE_OF="absent none")
    assert (said.lines[-1], "once the allocator runs" in said.out) == ("0 wrong", True)


@pytest.mark.parametrize(
    ("program", "what"),
    [("echo gpuctl 0.0.0", "is gpuctl 0.0.0, not 0.0.1"), ("exit 1", "is of another kind")],
)
def test_doctor_finds_an_old_gpuctl(shell: Shell, program: str, what: str) -> None:
    enable(shell)
    shell.command("gpuctl", program)
    said = doctor(shell)
    assert said.lines[-1] == "1 wrong", said.out
    assert what in said.out
    assert f"sudo ./gpuhub ctl --install {shell.bin}/gpuctl" in said.out


CTL = 'source "$LIB/verb_ctl.sh"\nengine_state() { say ok; }\n'
GIVES = "case $1 in run) echo '#!/bin/sh'; echo 'echo gpuctl 0.0.1' ;; esac"


@pytest.mark.parametrize("name", ["gpuctl", "other", ""])
def test_gpuctl_is_put_where_it_is_wanted(shell: Shell, name: str) -> None:
    shell.command("docker", GIVES)
    path = shell.bin / name
    said = shell.run(CTL + f"verb_ctl --install {path}")
    put = shell.bin / (name or "gpuctl")
    assert (said.status, said.lines) == (0, [f"gpuctl 0.0.1 is in {put}."]), said.err
    assert put.stat().st_mode & 0o777 == 0o755
    assert "gpuhub/allocator:0.0.1 cat /usr/local/bin/gpuctl" in shell.called[-1]


def test_a_gpuctl_that_cannot_be_put_there(shell: Shell) -> None:
    shell.command("docker", "case $1 in run) echo half; exit 1 ;; esac")
    said = shell.run(CTL + f"verb_ctl --install {shell.bin}/gpuctl")
    assert said.status == 1
    assert [path.name for path in shell.bin.iterdir()] == ["docker"]
    said = shell.run(CTL + "verb_ctl --install /nowhere/gpuctl")
    assert (said.status, "sudo ./gpuhub ctl --install /nowhere/gpuctl" in said.err) == (1, True)
    said = shell.run(CTL + "verb_ctl --install")
    assert (said.status, "--install wants a path" in said.err) == (1, True)
    shell.command("docker", "exit 1")
    said = shell.run(CTL + f"verb_ctl --install {shell.bin}/gpuctl")
    assert (said.status, "is not built yet" in said.err) == (1, True)


def test_ctl_runs_in_the_allocators_container(shell: Shell) -> None:
    shell.command("docker", "case $1 in exec) shift; echo \"$@\"; exit 7 ;; esac")
    said = shell.run(
        CTL + 'service_state() { say "running healthy"; }\nservice_container() { say id; }\n'
        "verb_ctl lease L-1 --json"
    )
    assert (said.status, said.lines) == (7, ["id gpuctl lease L-1 --json"])
