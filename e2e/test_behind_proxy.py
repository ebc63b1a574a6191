"""`behind_proxy`: plain HTTP at an address of the network, and nginx in front of it does TLS."""

import re
import ssl
from collections.abc import Iterator

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from harness.allocator import uuids_of
from harness.bare_machine import BareMachine
from harness.certificate import make_pair
from harness.hub import PORT, Door, Person, log_in, send_form
from harness.kernel import open_channel, run_code
from harness.product import CHECKOUT, PASSWORD, PLACE, add_account
from harness.testhost import TestHost

ASK_NVML = """
import pynvml
pynvml.nvmlInit()
for index in range(pynvml.nvmlDeviceGetCount()):
    print(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(index)))
"""


def nginx_configuration(host: TestHost) -> str:
    """What docs/install.md says, with this machine's address."""
    text = (CHECKOUT / "docs/install.md").read_text()
    shown = re.findall(r"(?s)```nginx\n(.*?)```", text)
    assert len(shown) == 1
    assert "http://192.0.2.10:8000;" in shown[0]
    return shown[0].replace("192.0.2.10", host.address).replace("hub.example.org", host.address)


def start_nginx(host: TestHost) -> ssl.SSLContext:
    key, certificate = make_pair(host)
    host.write("/etc/ssl/hub/key.pem", key)
    host.write("/etc/ssl/hub/fullchain.pem", certificate)
    host.write("/etc/nginx/conf.d/hub.conf", nginx_configuration(host))
    host.exec("systemctl", "start", "nginx")
    return ssl.create_default_context(cadata=certificate)


@pytest.fixture(scope="module")
def own_settings(debian: BareMachine) -> Iterator[str]:
    """The text of gpuhub.toml with the network's address; the file is put back in the end."""
    file = f"{PLACE}/gpuhub.toml"
    text = debian.host.exec("cat", file).out
    changed = text.replace('address = "127.0.0.1"', f'address = "{debian.host.address}"')
    assert changed != text
    yield changed
    debian.host.write(file, text)
    debian.gpuhub("up")


@pytest.fixture(scope="module")
def door(debian: BareMachine, own_settings: str) -> Iterator[Door]:
    """The product behind nginx, reached as people do."""
    host = debian.host
    trust = start_nginx(host)
    host.write(f"{PLACE}/gpuhub.toml", own_settings + "\n[tls]\nbehind_proxy = true\n")
    said = debian.gpuhub("up")
    assert f"reverse proxy, which passes on to http://{host.address}:8000" in said
    assert "ssh " not in said
    add_account(host, "eva")
    yield Door(f"https://{host.address}", trust)
    host.exec("systemctl", "stop", "nginx")


@pytest.fixture(scope="module")
def eva(debian: BareMachine, door: Door) -> Person:
    return log_in(debian.host, "eva", PASSWORD, door)


def test_without_the_word_it_is_refused(debian: BareMachine, own_settings: str) -> None:
    debian.host.write(f"{PLACE}/gpuhub.toml", own_settings)
    before = sorted(debian.host.containers())
    said = debian.gpuhub("up", check=False)
    assert re.search(rf"{PLACE}/gpuhub\.toml:\d+:\d+: hub\.address: .*passwords need TLS", said)
    assert "self_signed or behind_proxy" in said
    assert sorted(debian.host.containers()) == before
    assert httpx.get(f"http://{debian.host.address}:{PORT}/hub/login").status_code == 200


def plain_cookies(*answers: httpx.Response) -> list[str]:
    """Cookies that a browser would send without TLS too, without those that are taken back."""
    told = [cookie for each in answers for cookie in each.headers.get_list("set-cookie")]
    given = [cookie for cookie in told if '=""' not in cookie]
    assert given
    return [cookie for cookie in given if "secure" not in cookie.lower().split("; ")]


def test_cookies_are_sent_by_tls_only(door: Door) -> None:
    with httpx.Client(verify=door.trust, timeout=60) as browser:
        form = browser.get(f"{door.address}/hub/login")
        answer = send_form(browser, door.address, "eva", PASSWORD)
    assert answer.status_code == 302
    assert plain_cookies(form) == []
    assert plain_cookies(answer) == []


@pytest.mark.usefixtures("door")
def test_nobody_gets_in_past_the_proxy(debian: BareMachine) -> None:
    """The plain address answers whoever reaches it, but browsers never send it the cookies."""
    with httpx.Client(timeout=60) as browser:
        plain = f"http://{debian.host.address}:8000"
        send_form(browser, plain, "eva", PASSWORD)
        home = browser.get(f"{plain}/hub/home")
    assert home.status_code == 302
    assert home.headers["location"].startswith("/hub/login")


def test_links_stay_behind_the_proxy(eva: Person) -> None:
    for path in ("/", "/hub/home", "/hub/spawn", "/hub/token"):
        answer = eva.page(path)
        assert answer.status_code == 200, path
        for step in (*answer.history, answer):
            assert str(step.url).startswith(f"{eva.base}/"), step.url
        for other in (f"http://{eva.host.address}", ":8000", ":8081"):
            assert other not in answer.text, path


def test_a_server_starts_and_runs_code(debian: BareMachine, eva: Person) -> None:
    """As a page does it: by cookies, which the log-in at the server gives, and with its origin."""
    eva.start()
    own = f"/user/{eva.name}"
    lab = eva.page(f"{own}/lab")
    assert lab.status_code == 200
    assert [str(s.url) for s in lab.history if not str(s.url).startswith(f"{eva.base}/")] == []
    plain = plain_cookies(*lab.history, lab)
    assert [cookie for cookie in plain if not cookie.startswith("_xsrf=")] == [], "a mere proof"
    sent = eva.browser_headers(f"{own}/api/kernels")
    printed = run_code(eva, ASK_NVML, headers=sent)
    assert printed.split() == uuids_of(debian.world.lease(eva))

    kernel = eva.call("POST", f"{own}/api/kernels", sent, json={"name": "python3"}).json()["id"]
    foreign = sent | {"Origin": "https://elsewhere.example"}
    with pytest.raises(InvalidStatus, match="403"):
        open_channel(eva, f"{own}/api/kernels/{kernel}/channels", foreign).close()
    eva.stop()
    debian.world.await_nothing_left()
