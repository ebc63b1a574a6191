"""Where people reach the hub, and the certificate that is made for it."""

import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from conftest import CHECKOUT, Shell

ADDRESSES = r"""printf '%s\n' \
  '2: eth0    inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0\       valid_lft forever' \
  '2: eth0    inet6 2001:db8::7/64 scope global dynamic mngtmpaddr \       valid_lft 60sec' \
  '2: eth0    inet6 2001:db8::99/64 scope global temporary dynamic \       valid_lft 60sec' \
  '3: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\       valid_lft' \
  '4: br-12ab34cd56ef    inet 172.18.0.1/16 scope global br-12ab34cd56ef\       valid_lft'"""


@pytest.fixture
def host(shell: Shell) -> Shell:
    shell.command("uname", "echo gpu1")
    shell.command("ip", ADDRESSES)
    return shell


@pytest.mark.parametrize(
    ("told", "shown"),
    [("http://0.0.0.0:8000", "http://gpu1:8000"), ("https://[::]:443", "https://gpu1:443"),
     ("http://127.0.0.1:8000", "http://127.0.0.1:8000"), ("https://[::1]:1", "https://[::1]:1"),
     ("https://10.0.0.0:80", "https://10.0.0.0:80")],
)  # fmt: skip
def test_people_are_shown_an_address_that_they_can_open(host: Shell, told: str, shown: str) -> None:
    host.write(".gpuhub/config/compose.env", f"GPUHUB_PUBLIC_URL='{told}'\n")
    assert host.call("public_url").out == shown + "\n"


def test_addresses_of_containers_bridges_and_passing_ones_are_left_out(host: Shell) -> None:
    assert host.call("host_addresses").lines == ["192.0.2.7", "2001:db8::7"]


def test_without_ip_there_are_no_addresses(host: Shell) -> None:
    assert host.run("has() { false; }\nhost_addresses").out == ""


@pytest.mark.parametrize(
    ("address", "names"),
    [("0.0.0.0", ["192.0.2.7", "2001:db8::7", "gpu1"]),
     ("::", ["192.0.2.7", "2001:db8::7", "gpu1"]),
     ("192.0.2.7", ["192.0.2.7", "gpu1"]), ("gpu1", ["gpu1"]),
     ("127.0.0.1", ["127.0.0.1", "gpu1", "localhost"])],
)  # fmt: skip
def test_names_in_the_certificate(host: Shell, address: str, names: list[str]) -> None:
    assert host.call("certificate_names", address).lines == names


def test_the_names_are_handed_to_the_container(host: Shell) -> None:
    host.write(".gpuhub/config/compose.env", "GPUHUB_TLS=self_signed\nGPUHUB_ADDRESS=0.0.0.0\n")
    host.command("docker", "cat > /dev/null; echo AB:CD none")
    assert host.call("secrets_ensure").out == "AB:CD none\n"
    [call] = [call for call in host.called if call.startswith("docker run")]
    assert call.endswith(" make-secrets self_signed 192.0.2.7 2001:db8::7 gpu1")


def tar_of(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


EMPTY = tar_of({})


class Volumes:
    """make-secrets with folders of the test's own in place of the two volumes."""

    def __init__(self, root: Path) -> None:
        self.proxy, self.hub, self.status = root / "proxy", root / "hub", root / "status"
        for name in ("hub", "proxy", "status", "bin", "tmp"):
            (root / name).mkdir()
        text = (CHECKOUT / "images/proxy/make-secrets").read_text()
        text = re.sub(r"/(hub|proxy|status|tmp)\b", rf"{root}/\1", text)
        self.program = root / "make-secrets"
        self.program.write_text(text)
        (root / "bin" / "chown").write_text("#!/bin/sh\n")
        (root / "bin" / "chown").chmod(0o755)
        self.path = f"{root}/bin:/usr/bin:/bin"

    def make(self, *args: str, given: bytes = EMPTY) -> str:
        done = subprocess.run(
            ["sh", self.program, *args], env={"PATH": self.path}, input=given,
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        shutil.rmtree(self.proxy.parent / "tmp" / "given")
        return done.stdout.decode().strip()

    def names(self) -> str:
        return subprocess.run(
            ["openssl", "x509", "-in", self.proxy / "tls.crt", "-noout", "-ext", "subjectAltName"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path)


def test_self_signed_holds_every_name_and_is_kept(volumes: Volumes) -> None:
    first = volumes.make("self_signed", "192.0.2.7", "2001:db8::7", "gpu1")
    for name in ("IP Address:192.0.2.7", "IP Address:2001:DB8:0:0:0:0:0:7", "DNS:gpu1"):
        assert name in volumes.names()
    assert volumes.make("self_signed", "192.0.2.7", "2001:db8::7", "gpu1") == first


def test_self_signed_is_made_anew_for_other_names(volumes: Volumes) -> None:
    first = volumes.make("self_signed", "192.0.2.7", "gpu1")
    assert volumes.make("self_signed", "192.0.2.8", "gpu1") != first
    assert "192.0.2.7" not in volumes.names()


def test_a_given_certificate_does_not_depend_on_the_names(volumes: Volumes) -> None:
    volumes.make("self_signed", "gpu1")
    given = subprocess.run(
        ["tar", "-C", volumes.proxy, "-c", "tls.crt", "tls.key"], capture_output=True, check=True
    ).stdout
    first = volumes.make("files", "gpu1", given=given)
    assert volumes.make("files", "other", "192.0.2.9", given=given) == first


def test_without_tls_there_is_no_certificate(volumes: Volumes) -> None:
    volumes.make("self_signed", "gpu1")
    assert volumes.make("none", "gpu1") == "none none"
    assert not list(volumes.proxy.glob("tls.*"))


def test_secrets_that_an_admin_gave_are_the_hubs_alone(volumes: Volumes) -> None:
    given = {"directory_password": "horse\n", "oidc_client_secret": "staple"}
    first = volumes.make("none", "gpu1", given=tar_of(given))
    assert re.fullmatch("none [0-9a-f]{16}", first)
    assert {name: (volumes.hub / name).read_text() for name in given} == given
    assert {(volumes.hub / name).stat().st_mode & 0o777 for name in given} == {0o600}
    assert not [each for each in volumes.proxy.iterdir() if each.name in given]
    assert volumes.make("none", "gpu1", given=tar_of(given)) == first
    assert volumes.make("none", "gpu1", given=tar_of({**given, "oidc_client_secret": "x"})) != first


def test_hub_and_status_have_one_token_and_status_nothing_else(volumes: Volumes) -> None:
    volumes.make("none", "gpu1")
    [token] = volumes.status.iterdir()
    assert re.fullmatch("[0-9a-f]{64}\n", token.read_text())
    assert token.read_text() == (volumes.hub / "status_token").read_text()
    assert (token.stat().st_mode & 0o777, volumes.status.stat().st_mode & 0o777) == (0o600, 0o700)
    first = token.read_text()
    token.unlink()  # kept over ups, and over a lost volume of the service's
    volumes.make("none", "gpu1")
    assert token.read_text() == first


def test_a_secret_that_is_no_longer_given_goes(volumes: Volumes) -> None:
    volumes.make("none", "gpu1", given=tar_of({"directory_password": "horse"}))
    assert volumes.make("none", "gpu1") == "none none"
    assert not (volumes.hub / "directory_password").exists()


def test_secrets_are_handed_over_by_no_argument(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("horse")
    host.write(".gpuhub/config/compose.env", f"GPUHUB_DIRECTORY_PASSWORD_FILE='{tmp_path}/secret'\n")
    host.command("docker", f"cat > {tmp_path}/handed; echo none 1234")
    assert host.call("secrets_ensure").out == "none 1234\n"
    assert "horse" not in "".join(host.called)
    with tarfile.open(tmp_path / "handed") as tar:
        member = tar.extractfile("./directory_password")
        assert member
        assert member.read() == b"horse"


@pytest.mark.parametrize("key", ["DIRECTORY_PASSWORD_FILE", "OIDC_CA_FILE", "TLS_KEY"])
def test_a_file_that_is_not_there_or_empty_ends_up_in_words(
    host: Shell, tmp_path: Path, key: str
) -> None:
    host.write(".gpuhub/config/compose.env", f"GPUHUB_{key}='{tmp_path}/file'\n")
    said = host.call("given_check")
    assert said.status != 0
    assert "is not there" in said.err
    (tmp_path / "file").write_text("")
    assert "is empty" in host.call("given_check").err
    (tmp_path / "file").write_text("x")
    assert host.call("given_check").status == 0


def test_authorities_are_copied_for_the_hub_and_go_again(host: Shell, tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("CA")
    host.write(".gpuhub/config/compose.env", f"GPUHUB_OIDC_CA_FILE='{tmp_path}/ca'\n")
    assert host.call("authorities_export").status == 0
    copy = host.root / ".gpuhub/config/oidc-ca.pem"
    assert copy.read_text() == "CA"
    host.write(".gpuhub/config/compose.env", "")
    assert host.call("authorities_export").status == 0
    assert not copy.exists()
