"""The one command on a machine of its own: up from nothing, up again, TLS, down, no trace."""

import ssl
import time
from collections.abc import Iterator

import httpx
import pytest

from conftest import Machines
from harness import report
from harness.allocator import Allocator
from harness.certificate import make_pair
from harness.hub import PORT, log_in, send_form
from harness.poll import poll
from harness.product import PASSWORD, PLACE, add_account, gpuhub, install
from harness.testhost import HostSpec, TestHost
from harness.world import CELLS, NOTEBOOKS, World


@pytest.fixture(scope="module")
def bare(machines: Machines) -> Iterator[World]:
    """`up` without a gpuhub.toml: it writes one that simulates four GPUs."""
    host = machines.get("spare", HostSpec())
    host.sh(f"docker ps -aq | xargs -r docker rm -f; rm -rf {PLACE}")
    install(host)
    add_account(host, "ana")
    begun = time.monotonic()
    done = gpuhub(host, "up")
    report.number("up from handed-over images", time.monotonic() - begun, "s")
    assert "simulating four" in done.text
    assert "http://127.0.0.1:8000" in done.text
    yield World(host, Allocator(host))


def test_up_from_nothing_serves(bare: World) -> None:
    assert len(bare.allocator.gpus()) == 4
    assert bare.host.sh("ls /dev/nvidia*", check=False).status != 0, "nothing in the host's /dev"
    assert httpx.get(f"http://{bare.host.address}:{PORT}/hub/login").status_code == 200


def test_second_up_is_quick_and_changes_nothing(bare: World) -> None:
    before = sorted(bare.host.containers())
    begun = time.monotonic()
    gpuhub(bare.host, "up")
    report.number("second up", time.monotonic() - begun, "s")
    assert sorted(bare.host.containers()) == before


def test_status_and_ctl(bare: World) -> None:
    assert gpuhub(bare.host, "status").status == 0
    assert "A100" in gpuhub(bare.host, "ctl", "gpus").text


def test_down_leaves_notebooks_and_data(bare: World) -> None:
    ana = log_in(bare.host, "ana", PASSWORD)
    ana.start()
    lease = bare.lease(ana)
    gpuhub(bare.host, "down")
    left = sorted(bare.host.containers(NOTEBOOKS) + bare.host.containers(CELLS))
    assert left == sorted(bare.host.containers()), "only the notebook and its cell are left"
    assert len(left) == 2
    gpuhub(bare.host, "up")
    assert bare.lease(ana)["id"] == lease["id"]
    poll("the server is known again", ana.server, lambda m: m and m["ready"])
    assert ana.call("GET", "/user/ana/api/status").status_code == 200


def test_self_signed_tls(bare: World) -> None:
    """Another address than loopback needs TLS; then the proxy speaks it."""
    host: TestHost = bare.host
    text = host.sh(f"cat {PLACE}/gpuhub.toml").out
    changed = text.replace('address = "127.0.0.1"', 'address = "0.0.0.0"')
    assert changed != text
    host.write(f"{PLACE}/gpuhub.toml", changed + "\n[tls]\nself_signed = true\n")
    done = gpuhub(host, "up")
    assert "https://" in done.text
    lax = ssl.create_default_context()
    lax.check_hostname, lax.verify_mode = False, ssl.CERT_NONE
    with httpx.Client(verify=lax, timeout=60) as browser:
        answer = send_form(browser, f"https://{host.address}:8000", "ana", PASSWORD)
    assert answer.status_code == 302
    given = answer.headers.get_list("set-cookie")
    assert len(given) >= 2
    assert all("secure" in cookie.lower() for cookie in given)


def test_given_certificate(bare: World) -> None:
    """The admin's own certificate is what browsers are shown; a wrong key changes nothing."""
    host: TestHost = bare.host
    key, certificate = make_pair(host)
    host.write("/etc/lab/hub.key", key)
    host.write("/etc/lab/hub.pem", certificate)
    text = host.sh(f"cat {PLACE}/gpuhub.toml").out
    files = 'certificate = "/etc/lab/hub.pem"\nkey = "/etc/lab/hub.key"\n'
    changed = text.replace("self_signed = true\n", files)
    assert changed != text
    host.write(f"{PLACE}/gpuhub.toml", changed)
    gpuhub(host, "up")
    strict = ssl.create_default_context(cadata=certificate)
    page = f"https://{host.address}:8000/hub/login"
    poll("the login page", lambda: httpx.get(page, verify=strict).status_code, lambda s: s == 200)
    host.write("/etc/lab/hub.key", make_pair(host)[0])
    refused = gpuhub(host, "up", check=False)
    assert refused.status != 0
    assert "key" in refused.text
    assert httpx.get(page, verify=strict).status_code == 200


def test_down_all_leaves_no_trace(bare: World) -> None:
    gpuhub(bare.host, "down", "--all", "--yes")
    host = bare.host
    assert host.containers() == []
    for kind in ("volume", "network"):
        assert "gpuhub" not in host.docker(kind, "ls").out
    images = host.docker("images", "--format", "{{.Repository}}").out.split()
    assert not [name for name in images if name.startswith("gpuhub/")]
    assert host.sh(f"ls -d {PLACE}/.gpuhub", check=False).status != 0
    assert host.sh("ls -d /run/gpuhub", check=False).status != 0
