"""The network of people's servers: which subnet, who has which address, what the hub is told."""

import json
import re

import pytest
from conftest import CHECKOUT, Said, Shell

ROUTES = """Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
vpn0	0000D50A	00000000	0001	0	0	0	0000FFFF	0	0	0
vpn0	0700A8C0	00000000	0005	0	0	0	FFFFFFFF	0	0	0
"""
FIB = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 192.0.2.7
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
     |-- 172.17.0.1
        /32 host LOCAL
"""
INET6 = """00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000007 02 40 00 80     eth0
fe8000000000000000163efffe000001 02 40 20 80     eth0
"""
NETWORKS = """
case "$*" in
  "network ls"*) printf '%s\\n' one two three ours ;;
  "network inspect"*Labels*) echo "${LABEL:-}"; [[ -z ${NONE:-} ]] ;;
  "network inspect"*IPAM*one) echo 172.18.0.0/16 ;;
  "network inspect"*IPAM*two) printf '10.214.0.0/15\\nfd00::/64\\n' ;;
  "network inspect"*IPAM*three) echo ;;
  "network inspect"*Containers*) printf '%s\\n' ${ATTACHED:-} ;;
  "network inspect gpuhub_notebooks") [[ -z ${NONE:-} ]] ;;
  inspect*label*nb*) echo ;;
  inspect*svc*) echo gpuhub ;;
  run*resolv.conf) printf 'nameserver %s\\n' 192.0.2.53 127.0.0.53 192.0.2.53 'fe80::1%%eth0' 2001:db8::53 ;;
esac
"""
MACHINE = """
host_routes() { printf '%s\\n' 172.17.0.0/16 192.0.2.0/24 10.213.0.0/16; }
own_addresses() { printf '%s\\n' 192.0.2.7 172.17.0.1 2001:db8::7; }
"""


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [("10.0.0.0/8", "10.213.0.0/16", True), ("10.213.0.0/16", "10.213.255.255/32", True),
     ("10.213.0.0/16", "10.214.0.0/16", False), ("172.16.0.0/12", "172.32.0.0/16", False),
     ("192.0.2.128/25", "192.0.2.0/25", False), ("192.0.2.9/24", "192.0.2.200/32", True),
     ("0.0.0.0/1", "127.255.255.255/32", True), ("128.0.0.0/1", "255.255.255.255/32", True)],
)  # fmt: skip
def test_overlap(shell: Shell, one: str, other: str, told: bool) -> None:
    for pair in ((one, other), (other, one)):
        said = shell.run('overlap "$1" "$2" && echo yes || echo no', *pair)
        assert said.out == ("yes\n" if told else "no\n"), pair


@pytest.mark.parametrize(
    ("subnet", "addresses", "upper"),
    [("10.213.0.0/16", ["10.213.0.1", "10.213.0.2", "10.213.0.3", "10.213.0.4"], "10.213.128.0/17"),
     ("192.0.2.16/28", ["192.0.2.17", "192.0.2.18", "192.0.2.19", "192.0.2.20"], "192.0.2.24/29"),
     ("10.9.9.9/24", ["10.9.9.1", "10.9.9.2", "10.9.9.3", "10.9.9.4"], "10.9.9.128/25")],
)  # fmt: skip
def test_addresses_in_the_lower_half_servers_in_the_upper(
    shell: Shell, subnet: str, addresses: list[str], upper: str
) -> None:
    said = shell.run(
        'for part in gateway hub proxy status; do "network_$part" "$1"; done; subnet_upper "$1"',
        subnet,
    )
    assert said.lines == [*addresses, upper]


def test_routes_are_read_off_the_kernel_but_for_the_default(shell: Shell, tree) -> None:
    said = shell.call("host_routes", tree({"route": ROUTES}) / "route")
    assert said.lines == ["172.17.0.0/16", "192.0.2.0/24", "10.213.0.0/16", "192.168.0.7/32"]


def test_own_addresses_are_all_but_loopback_and_link_local(shell: Shell, tree) -> None:
    root = tree({"fib": FIB, "inet6": INET6})
    said = shell.call("own_addresses", root / "fib", root / "inet6")
    assert sorted(said.lines) == ["172.17.0.1", "192.0.2.7", "2001:0db8:0000:0000:0000:0000:0000:0007"]
    assert shell.call("own_addresses", root / "fib", root / "none").status == 0


def ensure(shell: Shell, *, subnet: str = "", **machine: str) -> Said:
    shell.write(".gpuhub/config/compose.env", f"GPUHUB_NOTEBOOK_SUBNET='{subnet}'\n")
    shell.command("docker", NETWORKS)
    return shell.run(MACHINE + "network_ensure", env=machine)


def created(shell: Shell) -> list[str]:
    return [call for call in shell.called if call.startswith("docker network create")]


def facts(shell: Shell) -> dict:
    return json.loads((shell.root / ".gpuhub/config/network.json").read_text())


def test_the_first_subnet_that_overlaps_nothing_is_taken(shell: Shell) -> None:
    """10.213 is a route here, 10.214 and 10.215 are the engine's."""
    said = ensure(shell, NONE="yes")
    assert said.status == 0, said.err
    (call,) = created(shell)
    for part in ("--label gpuhub.subnet=10.216.0.0/16", "--subnet 10.216.0.0/16",
                 "--gateway 10.216.0.1", "--ip-range 10.216.128.0/17"):  # fmt: skip
        assert part in call
    assert "--ipv6" not in call
    assert "--internal" not in call


def test_the_hub_is_told_in_one_file(shell: Shell) -> None:
    ensure(shell, NONE="yes")
    assert facts(shell) == {
        "subnet": "10.216.0.0/16", "gateway": "10.216.0.1",
        "hub": "10.216.0.2", "proxy": "10.216.0.3", "status": "10.216.0.4",
        "host_addresses": ["192.0.2.7", "172.17.0.1", "2001:db8::7"],
        "nameservers": ["192.0.2.53", "2001:db8::53"],
        "cell_image": "gpuhub/cell:0.0.1",
    }  # fmt: skip


def test_an_admins_own_subnet(shell: Shell) -> None:
    said = ensure(shell, subnet="192.168.9.0/24", NONE="yes")
    assert said.status == 0, said.err
    assert "--subnet 192.168.9.0/24" in created(shell)[0]


@pytest.mark.parametrize("subnet", ["172.18.5.0/24", "192.0.2.0/28", "10.0.0.0/8"])
def test_an_admins_subnet_that_is_taken(shell: Shell, subnet: str) -> None:
    said = ensure(shell, subnet=subnet, NONE="yes")
    assert said.status == 1
    assert f"the subnet {subnet} (gpuhub.toml, [notebook]) overlaps" in said.err
    assert created(shell) == []


def test_no_subnet_is_free(shell: Shell) -> None:
    shell.command("docker", NETWORKS)
    routes = 'host_routes() { say 10.0.0.0/8 172.16.0.0/12; }\nown_addresses() { :; }\n'
    said = shell.run(routes + "network_ensure", env={"NONE": "yes"})
    assert said.status == 1
    assert 'gpuhub.toml: [notebook] subnet = "A.B.C.0/24"' in said.err


@pytest.mark.parametrize("subnet", ["", "10.216.0.0/16"])
def test_a_network_that_fits_stays(shell: Shell, subnet: str) -> None:
    """Even where one of the machine's routes is its own bridge's."""
    said = ensure(shell, subnet=subnet, LABEL="10.216.0.0/16")
    assert said.status == 0, said.err
    assert created(shell) == []
    assert not [call for call in shell.called if " rm " in call]
    assert facts(shell)["hub"] == "10.216.0.2"


@pytest.mark.parametrize("machine", [{}, {"LABEL": "10.220.0.0/16"}])
def test_an_older_network_is_replaced_under_our_services(
    shell: Shell, machine: dict[str, str]
) -> None:
    said = ensure(shell, subnet="10.216.0.0/16", ATTACHED="svc1 svc2", **machine)
    assert said.status == 0, said.err
    changing = [c for c in shell.called if re.match(r"docker (rm|network (rm|create))", c)]
    assert changing[:2] == ["docker rm -f svc1 svc2", "docker network rm gpuhub_notebooks"]
    assert len(changing) == 3


def test_an_older_network_stays_under_peoples_servers(shell: Shell) -> None:
    said = ensure(shell, ATTACHED="svc1 nb1 nb2")
    assert said.status == 1
    assert "people's servers (2) are on a network that must be made anew" in said.err
    assert "stop them" in said.err
    assert not [call for call in shell.called if " rm " in call or "create" in call]


def test_what_compose_leans_on_is_given() -> None:
    used = set(re.findall(r'ipv4_address: "\$\{(\w+)\}"', (CHECKOUT / "compose.yaml").read_text()))
    assert used == {f"GPUHUB_NOTEBOOK_{name}" for name in ("HUB", "PROXY", "STATUS")}
    assert used <= set(re.findall(r"GPUHUB_\w+", (CHECKOUT / "lib/services.sh").read_text()))


@pytest.mark.parametrize(
    ("address", "private"),
    [("10.1.2.3", True), ("172.31.0.1", True), ("172.32.0.1", False), ("192.168.0.1", True),
     ("100.64.0.1", True), ("192.0.2.7", False), ("fd12::1", True), ("2001:db8::7", False)],
)  # fmt: skip
def test_private(shell: Shell, address: str, private: bool) -> None:
    said = shell.run('is_private "$1" && echo yes || echo no', address)
    assert said.out == ("yes\n" if private else "no\n")


def test_a_kernel_that_takes_no_rules_stops_up(shell: Shell) -> None:
    shell.command("docker", "echo 'Error: Could not process rule: Not supported'; exit 69")
    said = shell.call("cell_check")
    assert said.status == 1
    assert "cannot be loaded here: Error: Could not process rule: Not supported" in said.err
    assert "sudo modprobe -a nf_tables" in said.err
    (call,) = shell.called
    for part in ("--network none", "--cap-drop ALL --cap-add NET_ADMIN", "cell --try"):
        assert part in call


STRAYS = """
source "$LIB/verb_down.sh"
notebooks() { say nb1 nb2; }
cells() { say used stray; }
stray_cells
"""


def test_down_finds_cells_that_no_server_uses(shell: Shell) -> None:
    shell.command("docker", "case $4 in nb1) echo container:used ;; *) echo gpuhub_notebooks ;; esac")
    assert shell.run(STRAYS).lines == ["stray"]


DOCTOR = """
source "$LIB/verb_doctor.sh"
own_addresses() { printf '%s\\n' ${OWN:-192.0.2.7}; }
host_routes() { printf '%s\\n' 10.216.0.0/16 ${ROUTE:-}; }
doctor_network
say "$DOCTOR_WRONG wrong"
"""
FACTS = '{"host_addresses": ["192.0.2.7"], "nameservers": ["192.0.2.53", "2001:db8::53"]}'


def doctor(shell: Shell, label: str = "10.216.0.0/16", **machine: str) -> Said:
    shell.write(".gpuhub/config/network.json", FACTS)
    shell.command("docker", NETWORKS + "case $* in *--try) [[ -z ${SICK:-} ]] || exit 69 ;; esac")
    return shell.run(DOCTOR, env={"LABEL": label, **machine})


def test_doctor_is_content(shell: Shell) -> None:
    said = doctor(shell)
    assert said.lines[-1] == "0 wrong", said.out
    for name in ("network", "addresses", "cell"):
        assert re.search(rf"^ok     {name} ", said.out, re.M), said.out


def test_doctor_before_the_first_up(shell: Shell) -> None:
    said = doctor(shell, "")
    assert (said.lines[-1], len(said.lines)) == ("0 wrong", 2)


@pytest.mark.parametrize(
    ("machine", "what", "remedy"),
    [({"SICK": "yes"}, "the rules of people's servers cannot be loaded", "sudo modprobe -a"),
     ({"ROUTE": "10.216.3.0/24"}, "which overlaps 10.216.3.0/24", "[notebook] subnet"),
     ({"OWN": "192.0.2.8"}, "192.0.2.8 is this machine's", "./gpuhub up")],
)  # fmt: skip
def test_doctor_finds(shell: Shell, machine: dict[str, str], what: str, remedy: str) -> None:
    said = doctor(shell, **machine)
    assert said.lines[-1] == "1 wrong", said.out
    assert what in said.out
    assert remedy in said.out.partition("do: ")[2]


def test_doctor_notes_a_new_private_address(shell: Shell) -> None:
    said = doctor(shell, OWN="192.0.2.7 172.25.0.1")
    assert said.lines[-1] == "0 wrong"
    assert re.search(r"^note   addresses +172.25.0.1 has come", said.out, re.M)


def test_doctor_finds_a_nameserver_that_servers_may_not_ask(shell: Shell) -> None:
    shell.command("docker", NETWORKS.replace("192.0.2.53", "192.0.2.54"))
    shell.write(".gpuhub/config/network.json", FACTS)
    said = shell.run(DOCTOR, env={"LABEL": "10.216.0.0/16"})
    assert "may not ask the nameserver 192.0.2.54" in said.out
    assert said.lines[-1] == "1 wrong"
