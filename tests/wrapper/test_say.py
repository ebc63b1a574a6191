"""Steps, failures and locks: what people see, and with what status the command ends."""

import subprocess

from conftest import CHECKOUT, Shell


def test_fail_says_what_and_what_to_do(shell: Shell) -> None:
    said = shell.run('fail "no bread" "bake some\nor buy some"; echo not here')
    assert said.status == 1
    assert "error: no bread\n   do: bake some\n       or buy some\n" in said.err
    assert said.out == ""


def test_step_hides_output_and_shows_it_on_failure(shell: Shell) -> None:
    said = shell.run("work() { echo inside; }\nstep one 'a step' work")
    assert (said.status, said.out) == (0, "- a step …\n")
    said = shell.run("work() { echo why; false; echo never; }\nstep two 'a step' work")
    assert said.status == 1
    assert "    why\n" in said.err and "never" not in said.err
    assert "a step: failed" in said.err and ".gpuhub/log/two.log" in said.err


def test_fail_in_a_step_is_said_once(shell: Shell) -> None:
    said = shell.run("work() { fail what remedy; }\nstep one 'a step' work\necho never")
    assert said.status == 1
    assert said.err.count("error:") == 1 and "do: remedy" in said.err
    assert "never" not in said.out


def test_verbose_shows_all(shell: Shell) -> None:
    said = shell.run("VERBOSE=1\nwork() { echo inside; }\nstep one 'a step' work")
    assert "inside" in said.out
    said = shell.run("VERBOSE=1\nwork() { echo inside; false; }\nstep one 'a step' work")
    assert said.status == 1


def test_an_unforeseen_error_names_its_place(shell: Shell) -> None:
    said = shell.run("trap 'trap_error $? \"$BASH_COMMAND\" gpuhub $LINENO' ERR\nls /nowhere")
    assert said.status == 1
    assert "`ls /nowhere` ended with 2" in said.err


def test_poll_gives_up(shell: Shell) -> None:
    assert shell.run("poll 1 false || echo late").out == "late\n"
    assert shell.run("poll 1 true && echo there").out == "there\n"


def test_two_commands_at_once_are_refused(shell: Shell) -> None:
    said = shell.run("lock_state\n(exec 9>&-; lock_state) || echo second")
    assert "another gpuhub command" in said.err
    assert said.out == "second\n"


def command(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CHECKOUT / "gpuhub", *args], capture_output=True, text=True, check=False
    )


def test_unknown_verb_and_version() -> None:
    assert command("fly").returncode == 1
    assert "./gpuhub help" in command("fly").stderr
    version = (CHECKOUT / "VERSION").read_text().strip()
    assert command("version").stdout == f"gpuhub {version}\n"
    assert command().stdout == command("help").stdout


def test_wrong_arguments_change_nothing() -> None:
    for args in (["up", "--simulate", "0"], ["up", "--simulate", "17"], ["up", "--fast"],
                 ["down", "now"], ["test", "nonsense"], ["logs", "nobody"]):  # fmt: skip
        done = command(*args)
        assert done.returncode == 1, args
        assert "do: " in done.stderr
