"""The product in a test host: installed from this checkout, configured, brought up and down."""

import os
import subprocess

from .engine import CHECKOUT, Done
from .testhost import TestHost

PLACE = "/opt/gpuhub"
UP_SECONDS = 240
PASSWORD = "correct-horse-7"
ADMIN = "boss"


def install(host: TestHost, place: str = PLACE, owner: str = "root") -> None:
    """Copy what belongs to the checkout, committed or not, without what is built."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    ).stdout
    names = [n for n in listed.split(b"\0") if n and os.path.lexists(CHECKOUT / os.fsdecode(n))]
    host.exec("mkdir", "-p", place)
    pack = ["tar", "c", "--null", "--no-recursion", "-T", "-"]
    unpack = host.unpacking(place, "--no-same-owner")
    with subprocess.Popen(unpack, stdin=subprocess.PIPE) as reader:
        subprocess.run(pack, cwd=CHECKOUT, input=b"\0".join(names), stdout=reader.stdin, check=True)
        assert reader.stdin
        reader.stdin.close()
    assert reader.returncode == 0, "the checkout was not unpacked"
    host.exec("chown", "-R", f"{owner}:{owner}", place)


def gpuhub(host: TestHost, *args: str, check: bool = True, place: str = PLACE) -> Done:
    return host.exec(f"{place}/gpuhub", *args, check=check, seconds=UP_SECONDS)


def configure(host: TestHost, text: str) -> None:
    host.write(f"{PLACE}/gpuhub.toml", text)


def settings(host: TestHost, *, slots: int = 1, notebook: str = "", extra: str = "") -> str:
    """The text of gpuhub.toml for this kind of host; timeouts are short, for the tests' sake."""
    lines = [
        "[hub]",
        f'admins = ["{ADMIN}"]',
        'start_timeout = "20s"',
        "[allocator]",
        'bind_timeout = "25s"',
        "[gpus]",
        f"slots = {slots}",
        'driver = "auto"',
        PROFILES,
    ]
    lines += ["[notebook]", 'memory = "1GiB"', notebook]
    if host.spec.gpu_access == "plain":  # else the host has its own
        lines += ["[simulation]", f"gpus = {host.spec.gpus}"]
    return "\n".join([*lines, extra, ""])


PROFILES = """
[[profiles]]
slug = "no-gpu"
display_name = "No GPU"
gpus = 0
[[profiles]]
slug = "one-gpu"
display_name = "1 GPU"
gpus = 1
default = true
[[profiles]]
slug = "two-gpus"
display_name = "2 GPUs"
gpus = 2
[[profiles]]
slug = "all-gpus"
display_name = "All GPUs"
gpus = "all"
[[profiles]]
slug = "vision"
display_name = "Vision lab"
gpus = "1-2"
groups = ["vision"]
memory = "768MiB"
"""


def add_account(
    host: TestHost, name: str, password: str = PASSWORD, groups: tuple[str, ...] = ()
) -> None:
    """An account of the host, as an admin makes one, in groups that are made if need be."""
    for group in groups:
        host.exec("groupadd", "-f", group)
    member = ["-G", ",".join(groups)] if groups else []
    host.exec("useradd", "-M", "-s", "/bin/bash", *member, name)
    set_password(host, name, password)


def set_password(host: TestHost, name: str, password: str) -> None:
    host.exec("chpasswd", stdin=f"{name}:{password}\n")
