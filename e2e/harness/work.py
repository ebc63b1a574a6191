"""What people do in their servers, and what their GPUs are made to do meanwhile."""

import json
import re
from dataclasses import dataclass

from . import engine
from .hub import Person, at_once
from .kernel import execute, open_channel
from .poll import poll
from .world import World


@dataclass
class Kernel:
    """A kernel of a person's server that goes on after whoever began it has left."""

    world: World
    person: Person
    ident: str

    @classmethod
    def begin(cls, world: World, person: Person) -> "Kernel":
        place = f"/user/{person.name}/api/kernels"
        answer = person.call("POST", place, json={"name": "python3"})
        assert answer.status_code == 201, f"no kernel: {answer.status_code} {answer.text[:500]}"
        return cls(world, person, answer.json()["id"])

    @property
    def place(self) -> str:
        return f"/user/{self.person.name}/api/kernels/{self.ident}"

    def run(self, code: str, wait: bool = True) -> str:
        """Run a cell, then leave: no websocket stays. `wait`: until it has ended."""
        with open_channel(self.person, f"{self.place}/channels", self.person.headers) as channel:
            return execute(channel, code, wait=wait)

    def pid(self) -> int:
        """As the host sees it."""
        return pid_of(self.world, self.person, self.ident)


def pid_of(world: World, person: Person, mark: str) -> int:
    """The host's id of the one process of a person's server whose command line holds `mark`."""
    container = world.lease(person)["container"]
    listed = world.host.docker("top", container, "-eo", "pid,args").out.splitlines()[1:]
    found = [int(line.split()[0]) for line in listed if mark in line]
    assert len(found) == 1, f"{mark} in {person.name}'s server: {listed}"
    return found[0]


def terminal(person: Person, typed: str) -> str:
    """Open a terminal, type a line, leave. Its name."""
    place = f"/user/{person.name}"
    answer = person.call("POST", f"{place}/api/terminals")
    assert answer.status_code == 200, f"no terminal: {answer.status_code} {answer.text[:500]}"
    name = answer.json()["name"]
    with open_channel(person, f"{place}/terminals/websocket/{name}", person.headers) as channel:
        said = ""
        while not re.search(r"[$#] ", said):  # the shell asks
            kind, *rest = json.loads(channel.recv(timeout=30))
            said += str(rest[0]) if kind == "stdout" else ""
        channel.send(json.dumps(["stdin", f"{typed}\r"]))
        while typed not in said:
            kind, *rest = json.loads(channel.recv(timeout=30))
            said += str(rest[0]) if kind == "stdout" else ""
    return str(name)


def use_gpu(world: World, person: Person, pid: int, percent: int, memory_mib: int = 1000) -> None:
    """From now on this process has memory on the person's GPU and keeps it so busy."""
    gpu = world.lease(person)["gpus"][0]["uuid"]
    what = ("--pid", str(pid), "--process-mib", str(memory_mib), "--process-util", str(percent))
    load_gpu(world, gpu, *what)


def load_gpu(world: World, gpu: str, *what: str) -> None:
    """Change what a simulated GPU seems to be doing: options of `nvml_sim_ctl load`."""
    run = ("run", "--rm", "--network", "none", "-v", "gpuhub_sim:/sim", engine.image("allocator"))
    world.host.docker(*run, "nvml_sim_ctl", "load", "/sim", gpu, *what)


def rest_all_gpus(world: World) -> None:
    at_once(*[lambda g=gpu: load_gpu(world, g, "--clear") for gpu in world.allocator.uuids()])


def judged(person: Person, server: str = "") -> dict:
    """What the status service tells a person of his server."""
    answer = person.call("GET", "/services/gpus/api/me")
    assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
    return next(each for each in answer.json()["servers"] if each["server"] == server)


def await_state(person: Person, state: str, seconds: float = 30) -> dict:
    return poll(
        f"{person.name}'s server is {state}",
        lambda: judged(person),
        lambda told: told["state"] == state,
        seconds=seconds,
        every=0.3,
    )
