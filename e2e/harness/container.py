"""A single container of the outer engine: files into it, commands in it, its end."""

import io
import subprocess
import tarfile

from . import engine
from .engine import Done, docker


def name_of(what: str) -> str:
    return f"gpuhub-e2e-{engine.RUN_ID}-{engine.WORKER}-{what}"


class Container:
    """Made, given files, then started; `remove` leaves nothing of it."""

    def __init__(
        self, what: str, image: str, *command: str, options: list[str], init: bool = True
    ) -> None:  # fmt: skip
        self.name = name_of(what)
        docker("rm", "-f", "-v", self.name, check=False)
        # Nobody asks for their health, and a dozen of them would start a process each every 5 s.
        place = ["--name", self.name, "--label", engine.RUN_LABEL, "--no-healthcheck"]
        place += ["--init"] if init else []
        self.id = docker("create", *place, *options, image, *command).out.strip()

    def put(self, files: dict[str, str], mode: int = 0o600) -> None:
        """Write files, owned by root. Their folders are made."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path, text in files.items():
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode = len(text.encode()), mode
                tar.addfile(entry, io.BytesIO(text.encode()))
        copy = ["docker", "cp", "-", f"{self.id}:/"]
        subprocess.run(copy, input=packed.getvalue(), capture_output=True, check=True)

    def start(self) -> None:
        docker("start", self.id)

    def stop(self) -> None:
        docker("stop", "-t", "20", self.id)

    def exec(self, *command: str, stdin: str | None = None, check: bool = True) -> Done:
        interactive = ["-i"] if stdin is not None else []
        return docker("exec", *interactive, self.id, *command, stdin=stdin, check=check)

    def pause(self) -> None:
        docker("pause", self.id)

    def unpause(self) -> None:
        docker("unpause", self.id)

    @property
    def address(self) -> str:
        shown = ("inspect", "-f", f'{{{{(index .NetworkSettings.Networks "{engine.NETWORK}")'
                 ".IPAddress}}", self.id)  # fmt: skip
        return docker(*shown).out.strip()

    def log(self) -> str:
        return docker("logs", "--tail", "400", self.id, check=False).text

    def remove(self) -> None:
        docker("rm", "-f", "-v", self.id, check=False)
