"""The stand-in for an installed NVIDIA driver: the simulated NVML library on the host itself."""

import subprocess

from . import engine
from .engine import docker
from .testhost import TestHost

IN_IMAGE = "/opt/nvml_sim/libnvidia-ml.so.1"


def install(host: TestHost) -> None:
    """Put the library of the allocator's image where the host's CDI spec and runtime expect it."""
    place = host.sh("echo /usr/lib/$(uname -m)-linux-gnu/libnvidia-ml.so.1").out.strip()
    source = docker("create", "--label", engine.RUN_LABEL, engine.image("allocator")).out.strip()
    try:
        unpack = host.unpacking(place.rsplit("/", 1)[0])
        with subprocess.Popen(
            ["docker", "cp", "-L", f"{source}:{IN_IMAGE}", "-"], stdout=subprocess.PIPE
        ) as copy:
            subprocess.run(unpack, stdin=copy.stdout, check=True)
        assert copy.returncode == 0, f"no {IN_IMAGE} in the allocator's image"
    finally:
        docker("rm", "-f", source)


def set_load(host: TestHost, load_json: str) -> None:
    """Replace what the simulated GPUs say they are doing, as a whole and at once."""
    host.write("/run/nvml_sim/load.json.new", load_json)
    host.exec("mv", "/run/nvml_sim/load.json.new", "/run/nvml_sim/load.json")
