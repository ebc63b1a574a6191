"""`login-test`, `passwd` and doctor's look at the directory: by the hub's own programs, and where
a password goes on its way there: to standard input, and nowhere else."""

import pytest
from conftest import Said, Shell

ENGINE = """
case "$*" in
  version*) echo 26.1.5 ;;
  "ps -aq"*service=hub) echo id-hub ;;
  inspect*) echo "$STATE_OF_HUB" ;;
  "image inspect"*) exit "${NO_IMAGE:-0}" ;;
  exec*directory_check | run*directory_check) printf '%s\\n' "$CHECKED"; exit 1 ;;
  exec* | run*) echo "read: $(cat)"; exit "${ENDS:-0}" ;;
esac
"""
SECRET = "  s3cret $HOME `id` \\t"


def verb(shell: Shell, name: str, method: str = "native", secret: str = SECRET,
         person: str = "ana", **more: str) -> Said:  # fmt: skip
    shell.command("docker", ENGINE)
    shell.write(".gpuhub/config/hub.json", "{}")
    shell.write(".gpuhub/config/compose.env", f"GPUHUB_AUTH_METHOD='{method}'\n")
    shell.write("secret", secret + "\n")
    script = f'source "$LIB/verb_{name}.sh"; verb_{name} "$@" < "$ROOT/secret"'
    return shell.run(script, person, env={"STATE_OF_HUB": "running healthy", **more})


@pytest.mark.parametrize("name", ["login_test", "passwd"])
def test_the_password_goes_to_standard_input_only(shell: Shell, name: str) -> None:
    said = verb(shell, name)
    assert said.out == f"read: {SECRET}\n", said
    assert "s3cret" not in "\n".join(shell.called)
    assert shell.called[-1] == f"docker exec --interactive id-hub python -m jupyterhub_gpu.{name} ana"


@pytest.mark.parametrize("name", ["login_test", "passwd"])
def test_without_a_running_hub_it_has_the_hubs_mounts(shell: Shell, name: str) -> None:
    said = verb(shell, name, STATE_OF_HUB="exited none")
    assert said.out == f"read: {SECRET}\n", said
    last = shell.called[-1]
    assert last.startswith("docker run --rm --interactive --cap-drop ALL ")
    assert last.endswith(f"gpuhub/hub:0.0.1 python -m jupyterhub_gpu.{name} ana")
    for target in ("/etc/gpuhub,readonly", "/run/secrets-hub,readonly", "/srv/jupyterhub"):
        assert f"target={target}" in last
    assert "run-login" not in last
    verb(shell, "login_test", method="sssd", STATE_OF_HUB="exited none")
    assert "--volume gpuhub_run-login:/run/gpuhub/login " in shell.called[-1]


@pytest.mark.parametrize("ends", [0, 1, 2])
def test_what_was_found_out_is_the_exit_status(shell: Shell, ends: int) -> None:
    said = verb(shell, "login_test", ENDS=str(ends))
    assert (said.status, said.err) == (ends, "")


@pytest.mark.parametrize("person", ["", "-x"])
def test_a_name_is_needed(shell: Shell, person: str) -> None:
    said = verb(shell, "login_test", person=person)
    assert said.status == 1
    assert "login-test wants a name" in said.err


def test_passwords_that_are_kept_elsewhere_are_not_set_here(shell: Shell) -> None:
    said = verb(shell, "passwd", method="ldap")
    assert said.status == 1
    assert 'method = "native"' in said.err
    assert not any("exec" in call for call in shell.called)


def test_before_the_first_up(shell: Shell) -> None:
    assert "./gpuhub up" in verb(shell, "login_test", NO_IMAGE="1").err


CHECK = """
source "$LIB/verb_doctor.sh"
doctor_directory
say "wrong: $DOCTOR_WRONG"
"""


def check(shell: Shell, method: str, checked: str, **more: str) -> Said:
    shell.command("docker", ENGINE)
    shell.write(".gpuhub/config/compose.env", f"GPUHUB_AUTH_METHOD='{method}'\n")
    env = {"STATE_OF_HUB": "running healthy", "CHECKED": checked, **more}
    return shell.run(CHECK, env=env)


@pytest.mark.parametrize("method", ["ldap", "freeipa", "ad", "oidc"])
def test_doctor_shows_and_counts_what_the_hub_sees(shell: Shell, method: str) -> None:
    lines = "ok     directory        fine\nWRONG  group            x\n  do: y\nWRONG  person z"
    said = check(shell, method, lines)
    assert said.out == f"{lines}\nwrong: 2\n", said


@pytest.mark.parametrize("method", ["pam", "sssd", "native"])
def test_doctor_asks_no_directory_where_there_is_none(shell: Shell, method: str) -> None:
    assert check(shell, method, "ok x").out == "wrong: 0\n"


def test_doctor_says_so_when_the_program_fails(shell: Shell) -> None:
    said = check(shell, "ldap", "Traceback: no")
    assert "WRONG  directory" in said.out
    assert "do: Traceback: no" in said.out
    assert said.lines[-1] == "wrong: 1"


def test_doctor_before_the_images_are_built(shell: Shell) -> None:
    assert "note   directory" in check(shell, "ldap", "", NO_IMAGE="1").out


def test_idle_asks_in_the_running_hub_only(shell: Shell) -> None:
    verb(shell, "idle")
    at = "docker exec --interactive id-hub python -m jupyterhub_gpu.idle.ask"
    assert shell.called[-1] == f"{at} ana"
    said = verb(shell, "idle", ENDS="2")
    assert said.status == 2
    said = verb(shell, "idle", STATE_OF_HUB="exited none")
    assert "the hub does not run" in said.err
    assert "idle wants a name" in verb(shell, "idle", person="-x").err
