"""The log-in helper: there only where people log in with accounts of this machine or its sssd."""

import re
import socket
from pathlib import Path

import pytest
from conftest import CHECKOUT, Shell

WITH_HELPER = {"pam": ("host", "/etc /host/etc"), "": ("host", "/etc /host/etc"),
               "sssd": ("sss", "/var/lib/sss/pipes /var/lib/sss/pipes")}  # fmt: skip
WITHOUT = ["ldap", "freeipa", "ad", "oidc", "native"]


def choose(shell: Shell, method: str) -> None:
    shell.write(".gpuhub/config/compose.env", f"GPUHUB_AUTH_METHOD='{method}'\n")


@pytest.mark.parametrize("method", [*WITH_HELPER, *WITHOUT])
def test_the_service_is_there_only_if_it_is_needed(shell: Shell, method: str) -> None:
    choose(shell, method)
    source, mount = WITH_HELPER.get(method, ("", ""))
    assert shell.call("login_source").out.strip() == source
    assert shell.call("login_mount").out.strip() == mount
    assert ("login" in shell.call("services").lines) == bool(source)
    assert ("compose.login.yaml" in shell.call("services_overlays", "").lines) == bool(source)


def test_before_the_first_up_it_is_the_default(shell: Shell) -> None:
    assert shell.call("services").lines == ["allocator", "login", "proxy", "hub", "status"]


def write_services(shell: Shell, method: str) -> str:
    choose(shell, method)
    shell.write("gpuhub.toml", "")
    for name in ("gpuhub.toml", "hub.json"):
        shell.write(f".gpuhub/config/{name}", "{}")
    shell.command("docker", "echo unix:///run/docker.sock")
    said = shell.run('network_label() { :; }\nnetwork_hub() { :; }\nnetwork_proxy() { :; }\n'
                     'network_status() { :; }\n'
                     'services_write none ""')  # fmt: skip
    assert said.status == 0, said.err
    return (shell.root / ".gpuhub/compose.env").read_text()


def test_compose_hears_what_to_mount(shell: Shell) -> None:
    """Each variable of the overlay, and no more."""
    overlay = (CHECKOUT / "compose.login.yaml").read_text()
    wanted = set(re.findall(r"\$\{(\w+)\}", overlay)) - {"GPUHUB_VERSION"}
    for method in ("pam", "sssd"):
        written = write_services(shell, method)
        assert set(re.findall(r"(?m)^(GPUHUB_LOGIN_\w+)='.+'$", written)) == wanted
    assert "GPUHUB_LOGIN_FOLDER='/var/lib/sss/pipes'\n" in written
    assert "GPUHUB_LOGIN" not in write_services(shell, "ldap")


def test_only_the_helper_sees_the_hosts_accounts_and_only_the_hub_its_socket() -> None:
    main = (CHECKOUT / "compose.yaml").read_text()
    assert "host/etc" not in main
    assert "run-login" not in main
    overlay = (CHECKOUT / "compose.login.yaml").read_text()
    helper, hub = overlay.split("\n  hub:\n")
    assert "- run-login:/run/gpuhub/login:ro\n" in hub
    assert "read_only: true\n        bind: {create_host_path: false}" in helper
    for closed in ("network_mode: none", "cap_drop: [ALL]", "no-new-privileges:true", "pids_limit"):
        assert closed in helper
    assert "cap_add" not in helper


def listen(folder: Path) -> socket.socket:
    folder.mkdir(parents=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "nss"))
    return listening


def test_up_wants_an_sssd_where_one_is_to_be_asked(shell: Shell, tmp_path: Path) -> None:
    pipes = tmp_path / "pipes"
    choose(shell, "sssd")
    said = shell.call("login_check", pipes)
    assert (said.status, "there is no sssd on this machine" in said.err) == (1, True)
    with listen(pipes):
        assert shell.call("login_check", pipes).status == 0
    choose(shell, "pam")
    assert shell.call("login_check", tmp_path / "none").status == 0


DOCTOR = """
source "$LIB/verb_doctor.sh"
service_state() { say "${STATE_OF:-running healthy}"; }
service_container() { say "id-$1"; }
doctor_accounts
doctor_login
say "$DOCTOR_WRONG wrong"
"""


def test_doctor_asks_sssd_through_the_helper(shell: Shell) -> None:
    choose(shell, "sssd")
    shell.command("docker", "exit 0")
    said = shell.run(DOCTOR)
    assert re.search(r"(?m)^WRONG  accounts +no sssd listens in /var/lib/sss/pipes$", said.out)
    assert re.search(r"(?m)^ok     log-in ", said.out)
    assert said.lines[-1] == "1 wrong"
    shell.command("docker", "echo 'gpuhub-login: sssd does not answer'; exit 1")
    said = shell.run(DOCTOR)
    assert re.search(r"(?m)^WRONG  log-in +gpuhub-login: sssd does not answer$", said.out)
    assert said.lines[-1] == "2 wrong"
    assert shell.called[-1] == "docker exec id-login gpuhub-login --ping"
    assert shell.run(DOCTOR, env={"STATE_OF": "absent none"}).lines[-1] == "1 wrong"


@pytest.mark.parametrize("method", WITHOUT)
def test_doctor_looks_at_no_accounts_that_nobody_uses(shell: Shell, method: str) -> None:
    choose(shell, method)
    assert shell.run(DOCTOR).lines == ["0 wrong"]
