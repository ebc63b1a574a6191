"""The status service: what it is given, and that every verb knows it."""

import re
from pathlib import Path

from conftest import CHECKOUT, Shell

COMPOSE = (CHECKOUT / "compose.yaml").read_text()


def block(name: str) -> str:
    """One service's part of compose.yaml."""
    return re.split(r"\n  \w", COMPOSE.split(f"\n  {name}:\n")[1])[0]


def test_it_is_given_a_token_and_the_judges_socket_and_can_change_neither() -> None:
    status = block("status")
    assert re.findall(r"^      - (.*)$", status, re.M) == [
        "run-idle:/run/gpuhub/idle:ro",
        "secrets-status:/run/secrets-status:ro",
    ]
    assert "read_only: true" in status
    assert "<<: *service" in status  # no capabilities, no new privileges
    for given in ("ports:", "cap_add", "docker.sock", "run-hub", "network_mode", "depends_on"):
        assert given not in status, given


def test_the_hub_starts_without_it_and_has_the_other_end_of_the_socket() -> None:
    hub = block("hub")
    assert "depends_on: [allocator, proxy]" in hub
    assert "- run-idle:/run/gpuhub/idle\n" in hub
    assert "secrets-status" not in hub


def test_every_volume_of_compose_is_made_and_kept_by_up(shell: Shell) -> None:
    made = set(shell.run('printf "%s\\n" "${VOLUMES[@]}"').lines)
    files = [*CHECKOUT.glob("compose*.yaml")]
    named = {name for file in files for name in volumes_of(file)}
    assert {"run-idle", "secrets-status"} <= named
    assert named <= made | {"sim"}


def volumes_of(file: Path) -> list[str]:
    return re.findall(r"^  [\w-]+: \{name: gpuhub_([\w-]+), external: true\}$", file.read_text(), re.M)


def test_the_token_is_made_for_both_in_one_go(shell: Shell) -> None:
    shell.command("docker", "cat > /dev/null; echo none none")
    shell.write(".gpuhub/config/compose.env", "GPUHUB_TLS=none\nGPUHUB_ADDRESS=127.0.0.1\n")
    assert shell.call("secrets_ensure").status == 0
    [call] = [call for call in shell.called if call.startswith("docker run")]
    for name in ("hub", "proxy", "status"):
        assert f"source=gpuhub_secrets-{name},target=/{name} " in call


def test_logs_knows_it(shell: Shell) -> None:
    shell.command("docker", "[[ $1 != ps ]] || echo id-status")
    said = shell.run(
        'source "$LIB/verb_logs.sh"\nengine_state() { echo ok; }\nverb_logs status --tail 5'
    )
    assert said.status == 0, said.err
    assert shell.called[-1] == "docker logs --tail 5 id-status"


def test_down_stops_it_before_what_it_leans_on(shell: Shell) -> None:
    shell.command("docker", "true")
    said = shell.run(
        'source "$LIB/verb_down.sh"\nservice_container() { say "id-$1"; }\n'
        'step() { say "$2"; }\nnotebooks() { :; }\ncells() { :; }\ndown_services'
    )
    assert said.status == 0, said.err
    assert said.lines[:3] == ["stopping status", "stopping hub", "stopping login"]
