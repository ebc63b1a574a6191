"""gpuhub.toml as `up` writes it, and what is read back from the exported files."""

import tomllib

import pytest
from conftest import CHECKOUT, Shell


@pytest.fixture
def written(shell: Shell) -> Shell:
    template = "allocator/src/config/template.toml"
    shell.write(template, (CHECKOUT / template).read_text())
    return shell


def test_written_file_is_toml_with_the_defaults(written: Shell) -> None:
    value = tomllib.loads(written.call("settings_text", 0).out)
    assert value["hub"]["address"] == "127.0.0.1"
    assert value["gpus"]["source"] == "nvml"
    assert value["notebook"]["image"] == "gpuhub/notebook:0.0.1"
    assert [profile["gpus"] for profile in value["profiles"]] == [1, 2, "all", 0]
    assert "simulation" not in value and "tls" not in value


def test_simulation_is_written_once(written: Shell) -> None:
    value = tomllib.loads(written.call("settings_text", 4).out)
    assert value["simulation"] == {"gpus": 4, "model": "A100-40G"}


@pytest.mark.parametrize(
    ("user", "admins"), [("ana", ["ana"]), ("root", []), (None, []), ('a"b', [])]
)
def test_who_runs_the_first_up_by_sudo_is_admin(
    written: Shell, user: str | None, admins: list[str]
) -> None:
    said = written.call("settings_text", 0, env={"SUDO_USER": user} if user else {})
    assert tomllib.loads(said.out)["hub"]["admins"] == admins


@pytest.mark.parametrize("old", ["[simulation]\ngpus = 4  # made-up\n", "[ simulation ]\n gpus=4\n", ""])
def test_simulate_changes_that_number_only(shell: Shell, old: str) -> None:
    text = f'[[profiles]]\ngpus = 1\n{old}[notebook]\nimage = "x"\n# gpus = 7\n'
    said = shell.call("settings_simulate", shell.write("gpuhub.toml", text), 9)
    value = tomllib.loads(said.out)
    assert value["simulation"]["gpus"] == 9
    assert value["profiles"] == [{"gpus": 1}]
    assert ("# made-up" in text) == ("# made-up" in said.out)


def test_simulate_without_a_line_to_change_is_refused(written: Shell) -> None:
    written.write("gpuhub.toml", '[simulation]\nmodel = "A100-40G"\n')
    said = written.call("settings_ensure", 2)
    assert said.status == 1
    assert "do: write: gpus = 2" in said.err


def test_first_up_without_a_card_says_that_it_simulates(written: Shell) -> None:
    said = written.run("nvidia_cards() { :; }\nsettings_ensure")
    assert "simulating four" in said.lines[0]
    assert tomllib.loads((written.root / "gpuhub.toml").read_text())["simulation"]["gpus"] == 4


def test_first_up_with_a_card_does_not_simulate(written: Shell) -> None:
    said = written.run("nvidia_cards() { echo 0000:01:00.0; }\nsettings_ensure")
    assert "simulat" not in said.out
    assert "simulation" not in tomllib.loads((written.root / "gpuhub.toml").read_text())


def test_what_is_there_is_left_alone(written: Shell) -> None:
    written.write("gpuhub.toml", "# mine\n")
    assert written.call("settings_ensure").out == ""
    assert (written.root / "gpuhub.toml").read_text() == "# mine\n"


def test_a_bad_file_is_shown_as_the_reader_says_it(shell: Shell) -> None:
    shell.command("docker", "echo gpuhub.toml:3:1: hub.prot: unknown; exit 78")
    said = shell.call("settings_check")
    assert said.status == 1
    assert "gpuhub.toml:3:1: hub.prot: unknown" in said.err
    assert "nothing was changed" in said.err


@pytest.mark.parametrize(
    ("line", "value"),
    [("GPUHUB_TLS=none", "none"), ("GPUHUB_TLS='a b'", "a b"), ('GPUHUB_TLS="x"', "x"),
     ("GPUHUB_TLS=", ""), ("GPUHUB_TLS_KEY=k", ""), ("GPUHUB_TLS=$(id)", "$(id)")],
)  # fmt: skip
def test_exported_values_are_read_not_run(shell: Shell, line: str, value: str) -> None:
    shell.write(".gpuhub/config/compose.env", f"OTHER=1\n{line}\n")
    assert shell.call("setting", "TLS").out.rstrip("\n") == value


@pytest.mark.parametrize(
    ("text", "names"),
    [('{"hub":{"admins":["ana","bo"]}}', "ana, bo"), ('{"hub": {"admins": []}}', ""),
     ('{"hub": {"admins": [\n  "ana",\n  "bo"\n]}}', "ana, bo")],
)  # fmt: skip
def test_admins(shell: Shell, text: str, names: str) -> None:
    shell.write(".gpuhub/config/hub.json", text)
    assert " ".join(shell.call("admins").out.split()) == names
