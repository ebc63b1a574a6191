"""What a person's server may reach on the network, as text for nft. Plain values, no engine.

The rules are loaded into the server's own network namespace (see `cell`). Their order is their
meaning: what stands earlier wins.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from pathlib import Path

from . import status

type Network = IPv4Network | IPv6Network
type Address = IPv4Address | IPv6Address

# Where clouds tell a machine its secrets. Never to be reached, whatever an admin writes.
METADATA = ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254")
LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
# What is not the internet: private, shared, loopback (of another than lo), reserved, multicast.
NOT_INTERNET = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
    *("::/8", "64:ff9b:1::/48", "fc00::/7", "fec0::/10", "ff00::/8"),
)
DNS = "meta l4proto { tcp, udp } th dport 53"


class BadNetwork(ValueError):
    """The network's facts, or an address that an admin wrote, are not what they must be."""


@dataclass(frozen=True)
class Reach:
    """Addresses that servers may reach although they are private; all ports, or one."""

    network: Network
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Reach:
        """`10.1.0.0/16`, `192.168.3.4:3128`, `fd00::/64`, `[fd00::1]:3128`. Raises BadNetwork."""
        place, port = text, ""
        if text.startswith("["):
            place, _, rest = text[1:].partition("]")
            if not rest.startswith(":"):
                raise BadNetwork(f"{text!r}: after ] stands a port, as in [fd00::1]:3128")
            port = rest[1:]
        elif text.count(":") == 1:
            place, port = text.split(":")
        try:
            network = ip_network(place)
            number = int(port) if place != text else None
        except ValueError as error:
            raise BadNetwork(f"{text!r} is not an address, a range or ADDRESS:PORT") from error
        if number is not None and not 1 <= number <= 65535:
            raise BadNetwork(f"{text!r}: there is no port {number}")
        return cls(network, number)

    @property
    def exact(self) -> bool:
        """One address: somebody has thought of it, so it wins over what is this machine's."""
        return self.network.num_addresses == 1

    def rule(self) -> str:
        ports = "" if self.port is None else f" meta l4proto {{ tcp, udp }} th dport {self.port}"
        return f"{_family(self.network)} daddr {self.network}{ports} accept"


@dataclass(frozen=True)
class NetworkFacts:
    """The servers' network and this machine's addresses, as `up` has written them down."""

    subnet: IPv4Network
    hub: IPv4Address
    proxy: IPv4Address
    host_addresses: tuple[Address, ...]
    nameservers: tuple[Address, ...]
    cell_image: str
    status: IPv4Address | None = None  # of an older `up`: there is no such service

    @classmethod
    def read(cls, path: Path) -> NetworkFacts:
        """Raises BadNetwork."""
        try:
            told = json.loads(path.read_text())
            facts = cls(
                subnet=IPv4Network(told["subnet"]),
                hub=IPv4Address(told["hub"]),
                proxy=IPv4Address(told["proxy"]),
                host_addresses=tuple(ip_address(item) for item in told["host_addresses"]),
                nameservers=tuple(ip_address(item) for item in told["nameservers"]),
                cell_image=str(told["cell_image"]),
                status=IPv4Address(told["status"]) if "status" in told else None,
            )
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise BadNetwork(f"{path}: {type(error).__name__}: {error}") from error
        ours = [each for each in (facts.hub, facts.proxy, facts.status) if each]
        if not all(each in facts.subnet for each in ours):
            raise BadNetwork(f"{path}: hub, proxy and status are not in {facts.subnet}")
        return facts


@dataclass(frozen=True)
class Ports:
    """The server's own port, and the port where the hub hears it."""

    server: int
    hub: int


def ruleset(
    facts: NetworkFacts, reach: Iterable[Reach], ports: Ports, more_nameservers: Iterable[str] = ()
) -> str:
    """The whole table. `more_nameservers`: those that an admin gives to servers by himself."""
    ways = list(reach)
    names = [*facts.nameservers, *(ip_address(each) for each in more_nameservers)]
    machine = [*LINK_LOCAL, *map(str, facts.host_addresses)]
    output = [
        'oifname "lo" accept',
        "ct state established,related accept",
        f"ip daddr {facts.hub} tcp dport {ports.hub} accept",
        *([f"ip daddr {facts.status} tcp dport {status.PORT} accept"] if facts.status else []),
        f"ip daddr {facts.subnet} goto refuse",
        *(f"{_family(each)} daddr {each} {DNS} accept" for each in dict.fromkeys(names)),
        *_refused(METADATA),
        *(way.rule() for way in ways if way.exact),
        *_refused(machine),
        *(way.rule() for way in ways if not way.exact),
        *_refused(NOT_INTERNET),
    ]
    entered = f"ip saddr {{ {facts.hub}, {facts.proxy} }} tcp dport {ports.server} accept"
    own = ['iifname "lo" accept', "ct state established,related accept", entered]
    return "\n".join(
        [
            "table inet gpuhub {",
            *_chain("refuse", "", [_RESET, "reject with icmpx admin-prohibited"]),
            *_chain("input", "type filter hook input priority filter; policy drop;", own),
            *_chain("forward", "type filter hook forward priority filter; policy drop;", []),
            *_chain("output", "type filter hook output priority filter; policy accept;", output),
            "}",
            "",
        ]
    )


# Refused, not dropped, so that programs fail at once. An ICMP error would make connect() wait for
# its first repetition, because the socket is busy sending when it arrives.
_RESET = "meta l4proto tcp reject with tcp reset"


def _chain(name: str, head: str, rules: list[str]) -> list[str]:
    lines = [head, *rules] if head else rules
    return [f"  chain {name} {{", *(f"    {line}" for line in lines), "  }"]


def _refused(places: Iterable[str]) -> list[str]:
    """One rule per family; ranges that overlap are one."""
    networks = [ip_network(each) for each in places]
    rules = []
    for family in ("ip", "ip6"):
        mine = sorted({each for each in networks if _family(each) == family}, key=_order)
        apart = [e for e in mine if not any(o != e and _within(e, o) for o in mine)]
        if apart:
            rules.append(f"{family} daddr {{ {', '.join(map(str, apart))} }} goto refuse")
    return rules


def _within(inner: Network, outer: Network) -> bool:
    return inner.subnet_of(outer)  # type: ignore[arg-type]  # both of one family


def _order(network: Network) -> tuple[int, int]:
    return int(network.network_address), network.prefixlen


def _family(place: Network | Address) -> str:
    return "ip" if place.version == 4 else "ip6"
