"""What servers may reach: the text of the rules, its order, and what is refused to be written."""

import json
import re
from ipaddress import ip_address, ip_network

import pytest

from jupyterhub_gpu.cell_rules import BadNetwork, NetworkFacts, Ports, Reach, ruleset

TOLD = {
    "subnet": "10.213.0.0/16",
    "gateway": "10.213.0.1",
    "hub": "10.213.0.2",
    "proxy": "10.213.0.3",
    "status": "10.213.0.4",
    "host_addresses": ["192.0.2.7", "172.17.0.1", "10.213.0.1", "2001:db8::7"],
    "nameservers": ["10.0.0.53"],
    "cell_image": "gpuhub/cell:0.1.0",
}


@pytest.fixture
def facts(tmp_path):
    return read(tmp_path, TOLD)


def read(folder, told):
    path = folder / "network.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return NetworkFacts.read(path)


def rules(facts, *reach, more=()):
    text = ruleset(facts, [Reach.parse(each) for each in reach], Ports(8888, 8081), more)
    assert text.count("{") == text.count("}")
    return text


def chain(text, name):
    found = re.search(rf"  chain {name} {{\n(.*?)\n?  }}", text, re.S)
    return [line.strip() for line in found[1].splitlines()]


def verdict(text, address, port=80, protocol="tcp"):
    """What the output chain says to a new connection: as nft reads it, from the top."""
    place = ip_address(address)
    family = "ip" if place.version == 4 else "ip6"
    for line in chain(text, "output")[1:]:
        if found := re.match(rf"{family} daddr ({{ .* }}|\S+) ?(.*)", line):
            places = [ip_network(each) for each in found[1].strip("{} ").split(", ")]
            wanted = re.search(r"dport (\d+)", found[2])
            right_port = not wanted or int(wanted[1]) == port
            right_kind = protocol == "tcp" or "tcp dport" not in found[2]
            if any(place in each for each in places) and right_port and right_kind:
                return "accept" if found[2].endswith("accept") else "refuse"
    return "accept"


def test_only_hub_and_proxy_come_in_and_only_to_the_servers_port(facts):
    assert chain(rules(facts), "input") == [
        "type filter hook input priority filter; policy drop;",
        'iifname "lo" accept',
        "ct state established,related accept",
        "ip saddr { 10.213.0.2, 10.213.0.3 } tcp dport 8888 accept",
    ]
    assert chain(rules(facts), "forward") == [
        "type filter hook forward priority filter; policy drop;"
    ]


@pytest.mark.parametrize(
    ("address", "port", "what"),
    [
        ("10.213.0.2", 8081, "accept"),  # the hub's API
        ("10.213.0.2", 8080, "refuse"),
        ("10.213.0.3", 8001, "refuse"),  # the proxy's API
        ("10.213.0.4", 8082, "accept"),  # the status service
        ("10.213.0.4", 8081, "refuse"),
        ("10.213.0.4", 22, "refuse"),
        ("10.213.0.5", 8082, "refuse"),
        ("10.213.0.1", 22, "refuse"),  # the gateway
        ("10.213.128.9", 8888, "refuse"),  # another server
        ("10.213.255.255", 1, "refuse"),
        ("192.0.2.7", 443, "refuse"),  # this machine, by a public address
        ("2001:db8::7", 443, "refuse"),
        ("169.254.169.254", 80, "refuse"),
        ("169.254.1.1", 80, "refuse"),
        ("168.63.129.16", 80, "refuse"),
        ("fd00:ec2::254", 80, "refuse"),
        ("10.0.0.53", 53, "accept"),  # where names are asked for
        ("10.0.0.53", 443, "refuse"),
        ("10.9.9.9", 80, "refuse"),
        ("172.31.0.1", 80, "refuse"),
        ("192.168.1.1", 80, "refuse"),
        ("100.64.0.1", 80, "refuse"),
        ("127.0.0.2", 80, "refuse"),
        ("224.0.0.251", 5353, "refuse"),
        ("255.255.255.255", 67, "refuse"),
        ("0.0.0.1", 80, "refuse"),
        ("fe80::1", 80, "refuse"),
        ("fd12::1", 80, "refuse"),
        ("ff02::1", 80, "refuse"),
        ("::ffff:10.0.0.1", 80, "refuse"),
        ("198.51.100.7", 443, "accept"),  # the internet
        ("9.255.255.255", 80, "accept"),
        ("11.0.0.0", 80, "accept"),
        ("172.32.0.1", 80, "accept"),
        ("2606:4700::1", 443, "accept"),
    ],
)
def test_what_a_server_reaches(facts, address, port, what):
    assert verdict(rules(facts), address, port) == what


def test_reach_opens_what_it_names_and_no_more(facts):
    text = rules(facts, "10.1.0.0/16", "192.168.3.4:3128", "fd12::/64", "[fd13::1]:80")
    assert verdict(text, "10.1.2.3") == verdict(text, "10.1.2.3", 53, "udp") == "accept"
    assert verdict(text, "10.2.0.1") == "refuse"
    assert verdict(text, "192.168.3.4", 3128) == "accept"
    assert verdict(text, "192.168.3.4", 3129) == "refuse"
    assert verdict(text, "fd12::9") == verdict(text, "fd13::1", 80) == "accept"
    assert verdict(text, "fd13::1", 81) == "refuse"


def test_a_range_does_not_open_this_machine_but_its_very_address_does(facts):
    wide = rules(facts, "172.16.0.0/12", "192.0.2.0/24")
    assert verdict(wide, "172.16.5.5") == verdict(wide, "192.0.2.9") == "accept"
    assert verdict(wide, "172.17.0.1") == verdict(wide, "192.0.2.7", 443) == "refuse"
    exact = rules(facts, "192.0.2.7:8443")
    assert verdict(exact, "192.0.2.7", 8443) == "accept"
    assert verdict(exact, "192.0.2.7", 443) == "refuse"


def test_nothing_opens_other_servers_or_the_clouds_secrets(facts):
    text = rules(facts, "0.0.0.0/0", "::/0", "169.254.169.254", "10.213.0.0/16", "10.213.0.3:8001")
    for address in ("169.254.169.254", "10.213.128.9", "10.213.0.3", "fd00:ec2::254"):
        assert verdict(text, address, 8001) == "refuse", address
    assert verdict(text, "192.168.7.7") == "accept"


def test_an_admins_own_nameserver_is_asked_too(facts):
    text = rules(facts, more=["192.168.0.53"])
    assert verdict(text, "192.168.0.53", 53, "udp") == "accept"
    assert verdict(text, "192.168.0.53", 80) == "refuse"


def test_refusals_are_told_at_once(facts):
    assert chain(rules(facts), "refuse") == [
        "meta l4proto tcp reject with tcp reset",
        "reject with icmpx admin-prohibited",
    ]


def test_ranges_that_overlap_are_written_once(facts):
    told = {**TOLD, "host_addresses": ["169.254.3.4", "192.0.2.7", "192.0.2.7"]}
    facts = NetworkFacts(
        **{**vars(facts), "host_addresses": tuple(map(ip_address, told["host_addresses"]))}
    )
    assert "ip daddr { 169.254.0.0/16, 192.0.2.7/32 } goto refuse" in rules(facts)


def test_facts_of_an_older_up_know_no_status_service(tmp_path):
    facts = read(tmp_path, {key: value for key, value in TOLD.items() if key != "status"})
    assert facts.status is None
    assert verdict(rules(facts), "10.213.0.4", 8082) == "refuse"
    assert verdict(rules(facts), "10.213.0.2", 8081) == "accept"


def test_the_status_service_is_reached_by_tcp_only_and_comes_into_no_server(facts):
    assert verdict(rules(facts), "10.213.0.4", 8082, "udp") == "refuse"
    assert not [line for line in chain(rules(facts), "input") if "10.213.0.4" in line]


@pytest.mark.parametrize(
    "text",
    ["", "x", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536",
     "10.0.0.1:a", "[fd00::1]", "[fd00::1", "[fd00::1]80", "hub.example.org:80", "::1:2:3:/64:9"],
)  # fmt: skip
def test_bad_reach(text):
    with pytest.raises(BadNetwork, match=re.escape(repr(text))):
        Reach.parse(text)


@pytest.mark.parametrize(
    "told",
    ["", "[]", "{}", {**TOLD, "hub": "10.9.0.2"},
     {**TOLD, "status": "10.9.0.4"}, {**TOLD, "status": None}, {**TOLD, "subnet": "10.213.0.5/16"},
     {**TOLD, "host_addresses": ["eth0"]}, {**TOLD, "nameservers": None}],
)  # fmt: skip
def test_bad_facts_name_the_file(tmp_path, told):
    with pytest.raises(BadNetwork, match=r"network\.json"):
        read(tmp_path, told)


def test_no_facts(tmp_path):
    with pytest.raises(BadNetwork, match="FileNotFoundError"):
        NetworkFacts.read(tmp_path / "network.json")
