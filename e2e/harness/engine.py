"""The outer engine, on which the test hosts run. Touches only what this run has made."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

RUN_ID = os.environ.get("E2E_RUN_ID", "desk")
NETWORK = os.environ.get("E2E_NETWORK", "gpuhub-e2e-desk")
CHECKOUT = Path(os.environ.get("E2E_CHECKOUT", "/src"))
VERSION = os.environ.get("E2E_VERSION", "0.1.0")
DATA_VOLUME = "gpuhub-e2e-data"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "only")  # each has machines of its own
RUN_LABEL = f"gpuhub.e2e.run={RUN_ID}"


class CommandFailed(AssertionError):
    """A command ended with a status that was not asked for; carries all its output."""


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


def run(
    command: list[str], stdin: str | None = None, check: bool = True, seconds: float = 120
) -> Done:
    """Run a command to its end. Raises CommandFailed if `check` and its status is not 0."""
    ended = subprocess.run(
        command, input=stdin, capture_output=True, text=True, errors="replace", timeout=seconds
    )
    done = Done(ended.returncode, ended.stdout, ended.stderr)
    if check and done.status != 0:
        shown = " ".join(command)[:500]
        raise CommandFailed(f"status {done.status} of: {shown}\n{done.text[-4000:]}")
    return done


def docker(*args: str, stdin: str | None = None, check: bool = True, seconds: float = 120) -> Done:
    """The outer engine's client."""
    return run(["docker", *args], stdin, check, seconds)


def image(name: str) -> str:
    return f"gpuhub/{name}:{VERSION}"


def in_host(reference: str) -> str:
    """An image's name in a test host: there the product looks for its own version's."""
    own = (CHECKOUT / "VERSION").read_text().strip()
    ours = reference.startswith("gpuhub/")
    return f"{reference.rpartition(':')[0]}:{own}" if ours else reference


def image_id(reference: str) -> str | None:
    """The id of an image of the outer engine, or None if there is none."""
    found = docker("image", "inspect", "--format", "{{.Id}}", reference, check=False)
    return found.out.strip() if found.status == 0 else None


def on_data(script: str, seconds: float = 300) -> str:
    """Run a shell script in a short-lived container that sees the data volume at /data."""
    name = ["--label", RUN_LABEL, "--network", "none"]
    volume = ["-v", f"{DATA_VOLUME}:/data"]
    shell = ["--entrypoint", "/bin/bash", image("testhost"), "-euc", script]
    return docker("run", "--rm", *name, *volume, *shell, seconds=seconds).out
