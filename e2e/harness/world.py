"""A machine with the product up, its allocator, and the people who use it."""

import itertools
import json
from dataclasses import dataclass, field

from . import product
from .allocator import Allocator
from .hub import Person, at_once, log_in
from .intervals import Use, container_uses
from .poll import poll
from .testhost import TestHost

NOTEBOOKS = "label=gpuhub.notebook=1"
CELLS = "label=gpuhub.cell=1"
_numbers = itertools.count(1)


@dataclass
class World:
    """Verbs for tests. `tidy` after each test: everything stopped, nothing left, nothing shared."""

    host: TestHost
    allocator: Allocator
    admin: Person | None = None
    people: list[Person] = field(default_factory=list)

    @classmethod
    def bring_up(cls, host: TestHost, settings: str) -> "World":
        product.install(host)
        product.configure(host, settings)
        product.add_account(host, product.ADMIN)
        world = cls(host, Allocator(host))
        print(product.gpuhub(host, "up").text)
        return world

    def boss(self) -> Person:
        """The admin, logged in."""
        if self.admin is None:
            self.admin = log_in(self.host, product.ADMIN, product.PASSWORD)
        return self.admin

    def person(self, name: str, *groups: str) -> Person:
        """A new account of the host (the name gets a number) that has logged in."""
        account = f"{name}{next(_numbers)}"
        product.add_account(self.host, account, groups=groups)
        person = log_in(self.host, account, product.PASSWORD)
        self.people.append(person)
        return person

    def lease(self, person: Person, server: str = "") -> dict:
        return self.allocator.lease_of(person.name, server)

    def notebook(self, person: Person, server: str = "") -> dict:
        """The engine's record of a person's running notebook container."""
        container = self.lease(person, server)["container"]
        record = self.host.inspect(container)
        assert record, f"container {container} of {person.name} is not there"
        return record

    def notebooks(self) -> list[str]:
        return self.host.containers(NOTEBOOKS)

    def cells(self) -> list[str]:
        """The network containers, of servers that run and of those that do not any more."""
        return self.host.containers(CELLS)

    def machine(self) -> dict:
        """The description of the simulated GPUs of this host."""
        folders = ["/var/lib/docker/volumes/gpuhub_sim/_data/state", "/run/nvml_sim"]
        place = folders[0] if self.host.spec.gpu_access == "plain" else folders[1]
        return json.loads(self.host.exec("cat", f"{place}/machine.json").out)

    def nothing_left(self) -> str:
        """What is still held or there, as text; empty when nothing is."""
        live = [f"{x['owner']['user']} {x['state']}" for x in self.allocator.leases()]
        left = [f"container {x[:12]}" for x in self.notebooks()]
        return "; ".join(live + left + [f"cell {x[:12]}" for x in self.cells()])

    def await_nothing_left(self, seconds: float = 40) -> None:
        poll(
            "no lease, no notebook and no cell left", self.nothing_left, lambda s: s == "", seconds
        )

    def now_ns(self) -> int:
        return int(self.host.sh("date +%s%N").out)

    def events(self) -> str:
        """The host's record of container events."""
        return self.host.sh("cat /var/log/container-events.jsonl").out

    def uses(self, since_ns: int = 0) -> list[Use]:
        """Which container had which GPU from when to when, by the engine's own events."""
        return [use for use in container_uses(self.events()) if use.end_ns >= since_ns]

    def stop_everything(self) -> None:
        works = [lambda p=person: _stop_servers_of(p) for person in self.people]
        if works:
            at_once(*works)
        for lease in self.allocator.leases():
            self.allocator.release(lease["id"])
        self.people.clear()


def _stop_servers_of(person: Person) -> None:
    answer = person.api("GET", f"/users/{person.name}")
    for server in answer.json().get("servers", {}) if answer.status_code == 200 else {}:
        person.stop(server)


def shared_uses(uses: list[Use]) -> list[str]:
    """Pairs of containers that had one GPU at the same time: on one-slot GPUs there are none."""
    by_gpu: dict[str, list[Use]] = {}
    for use in sorted(uses, key=lambda x: x.start_ns):
        by_gpu.setdefault(use.gpu, []).append(use)
    return [
        f"{gpu}: {first.owner} and {second.owner}"
        for gpu, listed in by_gpu.items()
        for first, second in itertools.pairwise(listed)
        if second.start_ns < first.end_ns
    ]
