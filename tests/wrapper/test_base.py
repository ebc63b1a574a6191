"""The base image: from a registry if one answers, else made here by root."""

import io
import tarfile
import time
from pathlib import Path

import pytest
from conftest import Shell

NO_REGISTRY = "case $1 in pull) echo 'no such host' >&2; exit 1 ;; image) exit 1 ;; esac"
# As it is, but with one second in place of fifteen.
SOON = 'eval "real_$(declare -f poll)"\npoll() { shift; real_poll 1 "$@"; }\n'


def test_a_base_that_is_there_is_used(shell: Shell) -> None:
    shell.command("docker", "true")
    assert shell.call("base_ensure").out == ""
    assert [call for call in shell.called if "pull" in call] == []


def test_without_root_people_are_told_that_it_needs_root(shell: Shell) -> None:
    shell.command("docker", NO_REGISTRY)
    shell.command("debootstrap", "true")
    said = shell.run("is_root() { false; }\nbase_ensure")
    assert said.status == 1
    assert "needs root, once" in said.err and "sudo ./gpuhub build" in said.err
    assert [call for call in shell.called if call.startswith("debootstrap")] == []


def test_with_a_registry_no_root_is_needed(shell: Shell) -> None:
    shell.command("docker", "case $1 in image) exit 1 ;; pull) echo Status: new ;; esac")
    assert shell.run("is_root() { false; }\nbase_ensure").status == 0


def test_a_registry_that_is_silent_is_given_up(shell: Shell) -> None:
    shell.command("docker", 'echo $$ > "$HOME/pid"; sleep 300')
    start = time.monotonic()
    home = {"HOME": str(shell.bin.parent)}
    assert shell.run(SOON + "base_pull || echo given up", env=home).out == "given up\n"
    assert time.monotonic() - start < 10
    pid = (shell.bin.parent / "pid").read_text().strip()
    assert not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_text()


def test_a_registry_that_delivers_may_take_its_time(shell: Shell) -> None:
    shell.command("docker", "echo 'a1b2: Pulling fs layer'; sleep 2.5; echo Status: Downloaded")
    assert shell.run(SOON + "base_pull && echo pulled").out == "pulled\n"


@pytest.mark.parametrize(("known", "script"), [("trixie", "trixie"), ("sid", "sid")])
def test_an_older_debootstrap_takes_the_script_of_sid(
    shell: Shell, tree, known: str, script: str
) -> None:
    scripts = tree({known: ""})
    assert shell.call("base_script", scripts).out == f"{scripts}/{script}\n"


DEBOOTSTRAP = """
dir=$3
mkdir -p $dir/etc/dpkg/dpkg.cfg.d $dir/etc/apt/apt.conf.d $dir/etc/apt/sources.list.d
mkdir -p $dir/usr/share/doc/bash $dir/usr/share/man/man1 $dir/usr/share/locale/de
mkdir -p $dir/usr/share/info $dir/var/log/apt $dir/var/cache/apt/archives $dir/var/lib/apt/lists
touch $dir/usr/share/doc/bash/copyright $dir/usr/share/doc/bash/NEWS $dir/usr/share/man/man1/bash.1
touch $dir/usr/share/locale/de/x $dir/var/cache/apt/archives/a.deb $dir/var/log/bootstrap.log
touch $dir/etc/hostname $dir/etc/resolv.conf $dir/etc/apt/sources.list
"""


MIRROR = "http://mirror.example/debian"


@pytest.mark.parametrize(
    ("system", "uri", "mirror"),
    [
        ("debian", "https://mirror.example/debian/", MIRROR),
        ("debian", "http://mirror.example/debian", MIRROR),
        ("debian", "cdrom:[Debian]/", ""),
        ("ubuntu", "http://archive.example/ubuntu/", ""),
    ],
)
def test_the_mirror_is_the_one_of_this_debian(
    shell: Shell, tree, system: str, uri: str, mirror: str
) -> None:
    # VERSION stands in the real file too, and must not touch the wrapper's own.
    says = f'ID={system}\nVERSION="13 (trixie)"\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n'
    release = tree({"os-release": says}) / "os-release"
    shell.command("apt-get", f"echo trixie-security {uri.rstrip('/')}-security/; echo trixie {uri}")
    said = shell.run("debian_mirror", env={"OS_RELEASE": str(release)})
    assert said.out.strip() == mirror
    if mirror:
        said = shell.run("debian_mirror -security", env={"OS_RELEASE": str(release)})
        assert said.out.strip() == mirror + "-security"


def test_without_a_mirror_people_are_told_how_to_name_one(shell: Shell) -> None:
    said = shell.run("base_tools() { :; }\ndebian_mirror() { :; }\nbase_make")
    assert said.status == 1
    assert "GPUHUB_DEBIAN_MIRROR=http://HOST/debian" in said.err


def test_base_is_made_and_imported_with_our_label(shell: Shell) -> None:
    given = shell.bin.parent / "given.tar"
    shell.command("debootstrap", DEBOOTSTRAP)
    shell.command("docker", f"[[ $1 != import ]] || cat > {given}")
    said = shell.run("base_tools() { :; }\nbase_make", env={"GPUHUB_DEBIAN_MIRROR": MIRROR + "/"})
    assert said.status == 0, said.err
    [call] = [call for call in shell.called if call.startswith("docker import")]
    assert "LABEL gpuhub.base=debootstrap" in call and call.endswith(" - debian:trixie-slim")
    with tarfile.open(fileobj=io.BytesIO(given.read_bytes())) as tar:
        sources = tar.extractfile("./etc/apt/sources.list.d/debian.sources").read().decode()
        assert f"URIs: {MIRROR}\n" in sources and f"URIs: {MIRROR}-security\n" in sources
        files = {member.name.removeprefix("./") for member in tar if member.isfile()}
    assert files == {
        "usr/share/doc/bash/copyright", "etc/dpkg/dpkg.cfg.d/slim",
        "etc/apt/apt.conf.d/docker-clean", "etc/apt/sources.list.d/debian.sources",
    }  # fmt: skip
    [made] = [call for call in shell.called if call.startswith("debootstrap")]
    assert not Path(made.split()[3]).exists(), "the folder is removed"


def test_extra_cas_are_lent_to_builds_as_a_secret(shell: Shell) -> None:
    said = shell.run("extra_cas() { echo CERTIFICATE; }\nca_args")
    file = shell.root / ".gpuhub" / "ca.pem"
    assert said.lines == ["--secret", f"id=ca,src={file}"]
    assert file.read_text() == "CERTIFICATE\n"


def test_without_extra_cas_there_is_no_secret(shell: Shell) -> None:
    assert shell.run("extra_cas() { :; }\nca_args").out == ""
