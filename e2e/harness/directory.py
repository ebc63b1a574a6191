"""A directory server of the run, as its admin sees it: up, down, silent; people and groups."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from . import engine
from .authority import Authority, Pair
from .container import Container
from .engine import Done
from .layouts import ActiveDirectory, FreeIpa, Layout, Slapd
from .people import GROUPS, Entry, password_of
from .poll import poll

IMAGE = "directories"
SEARCH = ("ldapsearch", "-x", "-s", "base", "-b", "", "-H", "ldap://127.0.0.1", "1.1")
BY_SOCKET = ("-x", "-D", "cn=Directory Manager", "-w", "of-the-tests", "-H",
             "ldapi://%2frun%2fslapd-ipa.socket")  # fmt: skip
AS_ROOT = ("-Q", "-Y", "EXTERNAL", "-H", "ldapi:///")
DATABASE = ("-H", "/var/lib/samba/private/sam.ldb")


@dataclass(frozen=True)
class Kind:
    """What a server is called in the image and in the network, and how its admin asks it."""

    server: str
    alias: str
    layout: Layout
    modify: tuple[str, ...]
    search: tuple[str, ...]


SLAPD = Kind("slapd", "ldap.example.org", Slapd(),
             ("ldapmodify", *AS_ROOT), ("ldapsearch", "-LLL", *AS_ROOT))  # fmt: skip
FREEIPA = Kind("ds", "ipa.example.org", FreeIpa(),
               ("ldapmodify", *BY_SOCKET), ("ldapsearch", "-LLL", *BY_SOCKET))  # fmt: skip
SAMBA = Kind("samba", "dc1.ad.example.org", ActiveDirectory(),
             ("ldbmodify", *DATABASE), ("ldbsearch", *DATABASE))  # fmt: skip


def tls_files(pair: Pair, ca: Authority) -> dict[str, str]:
    folder = "/etc/directory/tls"
    return {
        f"{folder}/ca.crt": ca.certificate,
        f"{folder}/tls.crt": pair.certificate,
        f"{folder}/tls.key": pair.key,
    }


class Server:
    """A service on a machine of its own, whose name in the network is `alias`."""

    def __init__(
        self, server: str, alias: str, files: dict[str, str], ready: tuple[str, ...], *options: str
    ) -> None:
        self.server, self.alias, self.ready = server, alias, ready
        place = ["--network", engine.NETWORK, "--network-alias", alias, "--hostname", alias]
        place += options
        self.container = Container(server, engine.image(IMAGE), options=place)
        self.container.put(files)
        self.container.start()
        self.up()

    def up(self) -> None:
        self.container.exec("directory", self.server, "start")
        poll(
            f"{self.alias} answers",
            lambda: self.container.exec(*self.ready, check=False),
            lambda seen: seen.status == 0,
            seconds=60,
        )

    def down(self) -> None:
        """The service ends; its machine refuses connections."""
        self.container.exec("directory", self.server, "stop")

    @contextmanager
    def is_down(self) -> Iterator[None]:
        self.down()
        try:
            yield
        finally:
            self.up()

    @contextmanager
    def is_silent(self) -> Iterator[None]:
        """Connections are accepted, and nothing is ever said."""
        self.container.pause()
        try:
            yield
        finally:
            self.container.unpause()

    @contextmanager
    def shows(self, pair: Pair, ca: Authority) -> Iterator[None]:
        """Another certificate than the usual one, which `ca` has signed."""
        self._show(pair, ca)
        try:
            yield
        finally:
            self._show(ca.sign(self.alias), ca)

    def _show(self, pair: Pair, ca: Authority) -> None:
        self.down()
        self.container.put(tls_files(pair, ca))
        self.up()

    def evidence(self) -> str:
        log = self.container.exec("tail", "-n", "200", "/var/log/directory.log", check=False)
        return log.text

    def remove(self) -> None:
        self.container.remove()


class Directory(Server):
    """A server of people and groups."""

    def __init__(self, kind: Kind, ca: Authority) -> None:
        self.kind = kind
        files = tls_files(ca.sign(kind.alias), ca)
        files |= {"/etc/directory/seed.ldif": kind.layout.seed()}
        super().__init__(kind.server, kind.alias, files, SEARCH)

    def change(self, text: str) -> Done:
        return self.container.exec(*self.kind.modify, stdin=text)

    def put_into(self, group: str, who: Entry) -> None:
        self.change(self.kind.layout.membership("add", group, who))

    def take_out_of(self, group: str, who: Entry) -> None:
        self.change(self.kind.layout.membership("delete", group, who))

    @contextmanager
    def member(self, who: Entry, *groups: str) -> Iterator[Entry]:
        """Somebody put into groups; in the end he is in none, whatever was done to him."""
        for group in groups:
            self.put_into(group, who)
        try:
            yield who
        finally:
            for group in self.groups_of(who):
                self.take_out_of(group, who)

    def set_password(self, who: Entry, password: str = "") -> None:
        """Without one: the usual one. It need not be changed again."""
        layout = self.kind.layout
        self.change(layout.password(who, password or password_of(who.name)))
        if layout.must_change:
            name, value = layout.must_change
            poll("the server's own note", lambda: value in self._look(layout.person_dn(who), name))
            self.change(layout.lasting(who))

    def groups_of(self, who: Entry) -> list[str]:
        """Those of the tests' groups that have the person as a member."""
        layout = self.kind.layout
        return [name for name in GROUPS if self._has(layout.group_dn(name), layout.person_dn(who))]

    def _has(self, group_dn: str, member_dn: str) -> bool:
        return member_dn.lower() in self._look(group_dn, "member").lower()

    def _look(self, dn: str, name: str) -> str:
        return self.container.exec(*self.kind.search, "-b", dn, "-s", "base", name).out
