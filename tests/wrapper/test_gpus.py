"""A card that cannot work is an error with its remedy, never a reason to simulate."""

from conftest import Shell

CARD = "nvidia_cards() { echo 0000:01:00.0; }\n"
DRIVER = "driver_works() { true; }\n"
NO_DRIVER = "driver_works() { false; }\n"
NO_TOOLKIT = "toolkit_there() { false; }\ncdi_specs() { :; }\n"


def test_card_without_driver(shell: Shell) -> None:
    said = shell.run(CARD + NO_DRIVER + "gpus_check")
    assert said.status == 1
    assert "0000:01:00.0" in said.err and "nvidia-driver" in said.err


def test_card_without_toolkit(shell: Shell) -> None:
    said = shell.run(CARD + DRIVER + NO_TOOLKIT + "gpus_check")
    assert said.status == 1
    assert "nvidia-container-toolkit" in said.err


def test_who_asks_for_simulation_gets_it(shell: Shell) -> None:
    assert shell.run(CARD + NO_DRIVER + "gpus_check 4").status == 0


def test_a_file_that_is_there_decides(shell: Shell) -> None:
    shell.write("gpuhub.toml", "")
    assert shell.run(CARD + NO_DRIVER + "gpus_check").status == 0


def test_no_card_but_real_ones_asked_for(shell: Shell) -> None:
    said = shell.run("nvidia_cards() { :; }\ngpu_remedy")
    assert said.status == 1
    assert "--simulate" in said.err


def test_access_is_tried_cdi_first(shell: Shell) -> None:
    shell.command("docker", "true")
    assert shell.call("gpu_access").out == "cdi nvidia.com/gpu=all\n"
    shell.command("docker", '[[ $* == *"--gpus all"* ]]')
    assert shell.call("gpu_access").out == "nvidia all\n"
    shell.command("docker", "false")
    assert shell.run("gpu_access || echo none").out == "none\n"


def test_host_number_is_stable_and_fits(shell: Shell) -> None:
    one, two = (int(shell.call("host_number", name).out) for name in ("a", "b"))
    assert one != two
    assert 0 <= one <= 65535 and 0 <= two <= 65535
    assert int(shell.call("host_number", "a").out) == one


def overlays(shell: Shell, access: str, *lines: str) -> list[str]:
    """Those for GPUs; no log-in helper where a directory is asked."""
    shell.write(".gpuhub/config/compose.env", "\n".join(["GPUHUB_AUTH_METHOD=ldap", *lines]) + "\n")
    found = shell.call("services_overlays", access).lines
    return [name for name in found if name != "compose.cdi.yaml" or "cdi" in access]


def test_overlays(shell: Shell) -> None:
    assert overlays(shell, "", "GPUHUB_SIMULATE=4") == ["compose.sim.yaml"]
    assert overlays(shell, "nvidia all", "GPUHUB_SIMULATE=") == ["compose.gpu.yaml"]
    assert overlays(shell, "", "GPUHUB_SOURCE=listed") == []
    assert overlays(shell, "cdi nvidia.com/gpu=all") == ["compose.gpu.yaml", "compose.cdi.yaml"]
