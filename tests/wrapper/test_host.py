"""What is read off the machine."""

import pytest
from conftest import Shell

DEVICES = "Character devices:\n  1 mem\n240 {a}\n254 ndctl\n\nBlock devices:\n241 notmine\n"


def test_nvidia_cards_are_display_controllers_of_the_vendor(shell: Shell, tree) -> None:
    bus = tree(
        {
            "0000:01:00.0/vendor": "0x10de\n", "0000:01:00.0/class": "0x030200\n",
            "0000:01:00.1/vendor": "0x10de\n", "0000:01:00.1/class": "0x040300\n",  # its sound
            "0000:02:00.0/vendor": "0x1002\n", "0000:02:00.0/class": "0x030000\n",
            "0000:03:00.0/vendor": "0x10de\n", "0000:03:00.0/class": "0x030000\n",
        }
    )  # fmt: skip
    assert shell.call("nvidia_cards", bus).lines == ["0000:01:00.0", "0000:03:00.0"]


def test_no_bus_no_cards(shell: Shell, tmp_path) -> None:
    assert shell.call("nvidia_cards", tmp_path / "nothing").lines == []


def test_free_major_is_the_lowest_not_taken_by_a_character_device(shell: Shell, tree) -> None:
    devices = tree({"devices": DEVICES}) / "devices"
    assert shell.call("free_major", devices).out == "241\n"


def test_no_free_major(shell: Shell, tree) -> None:
    text = "Character devices:\n" + "".join(f"{n} x\n" for n in range(240, 255))
    assert shell.run('free_major "$1" || echo none', tree({"d": text}) / "d").out == "none\n"


def test_release_is_read_not_run(shell: Shell, tree) -> None:
    text = 'ID=ubuntu\nVERSION="24 $(touch /tmp/no)"\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'
    assert shell.call("host_release", tree({"os": text}) / "os").out == "ubuntu 24.04 noble\n"


def test_extra_cas_come_with_the_host_s_own(shell: Shell, tree) -> None:
    root = tree({"own.crt": "OWN\n", "extra/a.crt": "A\n", "extra/b.crt": "B\n", "extra/c.txt": ""})
    said = shell.call("extra_cas", root / "extra", root / "own.crt")
    assert said.out == "OWN\nA\nB\n"


def test_without_extra_cas_nothing_is_lent(shell: Shell, tree) -> None:
    root = tree({"own.crt": "OWN\n"})
    assert shell.call("extra_cas", root / "extra", root / "own.crt").out == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback(shell: Shell, address: str) -> None:
    assert shell.call("is_loopback", address).status == 0


@pytest.mark.parametrize("address", ["0.0.0.0", "10.0.0.127", "::", "::11"])
def test_not_loopback(shell: Shell, address: str) -> None:
    assert shell.run('is_loopback "$1" || echo no', address).out == "no\n"


@pytest.mark.parametrize(
    ("have", "oldest", "good"),
    [("2.26.1-4", "2.20", True), ("v2.20.0", "2.20", True), ("2.3.3", "2.20", False),
     ("20.10.24+dfsg1", "20.10", True), ("19.03.8", "20.10", False), ("29.0", "20.10", True)],
)  # fmt: skip
def test_version_at_least(shell: Shell, have: str, oldest: str, good: bool) -> None:
    said = shell.run('version_at_least "$1" "$2" && echo yes || echo no', have, oldest)
    assert said.out == ("yes\n" if good else "no\n")
