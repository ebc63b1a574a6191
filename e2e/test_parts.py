"""Tests of single parts that need what the build image has not: an engine, the NVML clients."""

import subprocess

from harness import engine
from harness.engine import docker
from harness.testhost import TestHost

ADAPTER_TEST = "/build/tests/runtime/docker_real_test"
CLIENTS_TEST = "/src/allocator/tests/nvml_sim/clients_test.py"
SIM = "/opt/nvml_sim/libnvidia-ml.so.1"
SIM_CTL = "/usr/local/bin/nvml_sim_ctl"


def copy_out(image: str, path: str) -> bytes:
    """The tar of one file of an image of the outer engine."""
    source = docker("create", "--label", engine.RUN_LABEL, image).out.strip()
    try:
        return subprocess.run(
            ["docker", "cp", "-L", f"{source}:{path}", "-"], check=True, capture_output=True
        ).stdout
    finally:
        docker("rm", "-f", source)


def test_engine_adapter_against_a_real_engine(plain: TestHost) -> None:
    tar = copy_out(engine.image("allocator-test"), ADAPTER_TEST)
    subprocess.run(plain.unpacking("/run"), input=tar, check=True)
    done = plain.exec("/run/docker_real_test", check=False)
    assert done.status == 0, done.text
    assert "SKIPPED" not in done.text, done.text
    assert "[  PASSED  ] 5 tests" in done.text, done.text


def test_real_nvml_clients_against_the_simulated_library() -> None:
    place = docker(
        *("create", "--label", engine.RUN_LABEL, "--user", "0", "--network", "none"),
        *("--entrypoint", "/opt/nb/bin/python3", engine.image("notebook")),
        *("/tmp/clients_test.py", "/tmp/libnvidia-ml.so.1", "/tmp/nvml_sim_ctl"),
    ).out.strip()
    try:
        for path in (SIM, SIM_CTL):
            tar = copy_out(engine.image("allocator"), path)
            subprocess.run(["docker", "cp", "-", f"{place}:/tmp"], input=tar, check=True)
        docker("cp", CLIENTS_TEST, f"{place}:/tmp/clients_test.py")
        done = docker("start", "-a", place, check=False)
        assert done.status == 0, done.text
        assert "skipped" not in done.text.lower(), done.text
    finally:
        docker("rm", "-f", place)
