"""What `up`, `status`, `test` and `down` print and leave when their work is done."""

import json
import textwrap

import pytest
from conftest import Said, Shell

JUNIT = '<testsuite tests="2"><testcase name="a"/><testcase name="b"/></testsuite>'
SUITE = """
source "$LIB/verb_test.sh"
image_ensure() { :; }
exec 9> /dev/null
suite_run mine tests/mine build
"""


def suite(shell: Shell, program: str, env: dict[str, str] | None = None) -> Said:
    shell.command("docker", "echo unix:///run/context.sock")
    shell.write("tests/mine", "#!/bin/bash\n" + textwrap.dedent(program)).chmod(0o755)
    return shell.run(SUITE, env=env)


def test_measured_figures_stand_before_the_count(shell: Shell) -> None:
    said = suite(
        shell,
        f"""
        echo '{JUNIT}' > $1/junit.xml
        printf 'spawn p50 1.2 s\\nspawn p99 2.5 s\\n' > $1/numbers.txt
        """,
    )
    assert said.lines[1:3] == ["  spawn p50 1.2 s", "  spawn p99 2.5 s"]
    assert said.lines[3].startswith("suite mine: 2 passed, 0 failed, 0 skipped in ")


def test_without_figures_there_is_the_count_only(shell: Shell) -> None:
    said = suite(shell, f"echo '{JUNIT}' > $1/junit.xml")
    assert [line.split(" in ")[0] for line in said.lines] == [
        "suite mine …", "suite mine: 2 passed, 0 failed, 0 skipped",
    ]  # fmt: skip


def test_figures_of_an_earlier_run_are_gone(shell: Shell) -> None:
    shell.write(".gpuhub/test/mine/numbers.txt", "old\n")
    assert "old" not in suite(shell, f"echo '{JUNIT}' > $1/junit.xml").out


def test_a_suite_without_results_has_failed(shell: Shell) -> None:
    assert "0 passed, 1 failed, 0 skipped" in suite(shell, "true").lines[-1]


@pytest.mark.parametrize(
    ("env", "socket"),
    [({}, "/run/context.sock"), ({"DOCKER_HOST": "unix:///run/mine.sock"}, "/run/mine.sock")],
)
def test_suites_hear_which_engine_is_used(shell: Shell, env: dict[str, str], socket: str) -> None:
    said = suite(shell, "echo $GPUHUB_DOCKER_SOCKET > $1/numbers.txt", env)
    assert f"  {socket}" in said.lines


def summary(
    shell: Shell, url: str, address: str, admins: list[str], tls: str = "none", **env: str
) -> Said:
    shell.command("uname", "echo gpu1")
    shell.write(
        ".gpuhub/config/compose.env",
        f"GPUHUB_PUBLIC_URL='{url}'\nGPUHUB_ADDRESS='{address}'\nGPUHUB_PORT='8000'\n"
        f"GPUHUB_TLS='{tls}'\n",
    )
    shell.write(".gpuhub/config/hub.json", json.dumps({"hub": {"admins": admins}}))
    return shell.run(
        'source "$LIB/verb_up.sh"\ngpuctl() { echo "gpuctl $*"; }\n'
        "engine_is_ours() { [[ ${OURS:-} ]]; }\nup_summary 75",
        env={"SUDO_USER": "ana", **env},
    )


def test_up_on_loopback_says_how_to_come_from_elsewhere(shell: Shell) -> None:
    said = summary(shell, "http://127.0.0.1:8000", "127.0.0.1", ["ana", "bo"])
    assert (said.status, said.err) == (0, "")
    assert "gpuhub 0.0.1 is up (1:15)." in said.lines
    assert "gpuctl gpus" in said.lines
    assert "Open     http://127.0.0.1:8000" in said.lines
    assert "Admins   ana, bo" in said.lines
    tunnel = "ssh -N -L 8000:127.0.0.1:8000 ana@gpu1"
    assert f"From another computer, first: {tunnel}" in said.lines
    assert "systemd" not in said.out


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.7"])
def test_up_elsewhere_needs_no_tunnel(shell: Shell, address: str) -> None:
    said = summary(shell, f"https://{address}:8000", address, [])
    shown = "gpu1" if address == "0.0.0.0" else address
    assert f"Open     https://{shown}:8000" in said.lines
    assert "ssh" not in said.out
    assert "Admins   none; name them in gpuhub.toml, [hub] admins, then ./gpuhub up" in said.lines


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.7"])
def test_up_behind_a_reverse_proxy_sends_people_there(shell: Shell, address: str) -> None:
    said = summary(shell, f"http://{address}:8000", address, [], tls="behind_proxy")
    shown = f"your reverse proxy, which passes on to http://{address}:8000"
    assert f"Open     {shown}" in said.lines
    assert "ssh" not in said.out
    assert shell.call("public_place").out == shown + "\n"


def test_up_says_that_our_dockerd_needs_another_up(shell: Shell) -> None:
    said = summary(shell, "http://127.0.0.1:8000", "127.0.0.1", [], OURS="yes")
    assert "after a reboot run ./gpuhub up" in said.lines[-1]


def test_status_shows_an_address_that_people_can_open(shell: Shell) -> None:
    shell.command("uname", "echo gpu1")
    shell.write(".gpuhub/config/compose.env", "GPUHUB_PUBLIC_URL='https://[::]:8000'\n")
    said = shell.run(
        'source "$LIB/verb_status.sh"\nengine_state() { echo ok; }\nnotebooks() { :; }\n'
        'status_services() { :; }\nservice_state() { echo "absent none"; }\nverb_status'
    )
    assert said.lines[-1] == "Address: https://gpu1:8000"
    assert (said.status, "not all services are healthy" in said.err) == (1, True)


def test_the_log_of_our_dockerd_is_removed(shell: Shell) -> None:
    log = shell.write("dockerd.log", "started\n")
    assert shell.call("engine_log_remove", log).status == 0
    assert not log.exists()
    assert shell.call("engine_log_remove", log).status == 0


def test_a_log_that_cannot_be_removed_is_named(shell: Shell) -> None:
    log = shell.write("dockerd.log", "started\n")
    shell.command("rm", "exit 1")
    said = shell.call("engine_log_remove", log)
    assert (said.status, f"{log} stays" in said.err) == (0, True)


def test_down_all_removes_it_after_the_engine_has_stopped(shell: Shell) -> None:
    names = ("down_confirm", "down_services", "notebooks", "our_networks", "our_volumes",
             "down_images", "down_files", "down_each")  # fmt: skip
    shell.command("docker", "true")
    said = shell.run(
        'source "$LIB/verb_down.sh"\n' + "".join(f"{name}() {{ :; }}\n" for name in names)
        + "engine_is_ours() { :; }\nengine_stop_ours() { :; }\nstep() { say stopped; }\n"
        "engine_log_remove() { say removed; }\ndown_all yes"
    )
    assert said.lines[:2] == ["stopped", "removed"]
    assert not (shell.root / ".gpuhub").exists()
