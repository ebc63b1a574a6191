"""A hub for each way of logging in, from the example of its docs page, and the servers it asks."""

import re
from dataclasses import dataclass, field
from functools import cached_property

from .authority import Authority
from .container import Container
from .directory import FREEIPA, SAMBA, SLAPD, Directory, Kind, Server
from .lone_hub import LoneHub
from .people import SERVICE_PASSWORD
from .product import CHECKOUT
from .relying import OIDC_SECRET, dex, enrolled_host, login_helper

KINDS = {"ldap": SLAPD, "freeipa": FREEIPA, "ad": SAMBA}


def example(method: str) -> str:
    """The gpuhub.toml of the method's docs page."""
    text = (CHECKOUT / f"docs/auth-{method}.md").read_text()
    shown = re.findall(r"(?s)```toml\n(.*?)```", text)
    assert len(shown) == 1, f"docs/auth-{method}.md has {len(shown)} examples"
    return shown[0]


@dataclass
class AuthHubs:
    """Servers and hubs of this run, each started when first asked for."""

    servers: dict[str, Server] = field(default_factory=dict)
    hubs: dict[str, LoneHub] = field(default_factory=dict)
    helper: Container | None = None

    @cached_property
    def authority(self) -> Authority:
        return Authority("Example CA")

    def host_files(self) -> dict[str, str]:
        """What an admin has put into the host's /etc/gpuhub."""
        place = "/etc/gpuhub"
        return {
            f"{place}/directory.secret": f"{SERVICE_PASSWORD}\n",
            f"{place}/directory-ca.pem": self.authority.certificate,
            f"{place}/oidc.secret": f"{OIDC_SECRET}\n",
            f"{place}/oidc-ca.pem": self.authority.certificate,
        }

    def directory(self, kind: Kind) -> Directory:
        if kind.server not in self.servers:
            self.servers[kind.server] = Directory(kind, self.authority)
        found = self.servers[kind.server]
        assert isinstance(found, Directory)
        return found

    def provider(self) -> Server:
        self.directory(FREEIPA)
        if "dex" not in self.servers:
            self.servers["dex"] = dex(self.authority)
        return self.servers["dex"]

    def enrolled_host(self) -> Server:
        self.directory(FREEIPA)
        if "sssd" not in self.servers:
            self.servers["sssd"] = enrolled_host(self.authority)
        return self.servers["sssd"]

    def hub(self, method: str) -> LoneHub:
        """Set up by the example as it stands."""
        if method not in self.hubs:
            options: tuple[str, ...] = ()
            if method in KINDS:
                self.directory(KINDS[method])
            if method == "sssd":
                self.helper = login_helper(self.enrolled_host())
                options = ("--volumes-from", self.helper.id)
            self.hubs[method] = self.other_hub(method, example(method), options)
        return self.hubs[method]

    def other_hub(self, name: str, toml: str, options: tuple[str, ...] = ()) -> LoneHub:
        """One with settings of a test's own; the test removes it."""
        return LoneHub(name, toml, self.host_files(), options)

    def logs(self) -> dict[str, str]:
        known = {**self.servers, **{f"hub {name}": hub for name, hub in self.hubs.items()}}
        logs = {name: part.evidence() for name, part in known.items()}
        return logs | ({"login helper": self.helper.log()} if self.helper else {})

    def remove(self) -> None:
        """All there are; who asks afterwards has new ones."""
        for part in [*self.hubs.values(), *self.servers.values()]:
            part.remove()
        if self.helper:
            self.helper.remove()
        self.servers, self.hubs, self.helper = {}, {}, None
