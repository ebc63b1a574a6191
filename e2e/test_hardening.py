"""What docs/security.md promises: few rights, no secrets on show, no socket in a notebook."""

import ast
import json

from harness.allocator import uuids_of
from harness.product import gpuhub
from harness.world import World

SERVICES = ("allocator", "proxy", "hub")
SECRETS = {"gpuhub_secrets-hub": "hub", "gpuhub_secrets-proxy": "proxy"}

ASK_NVML = """
import pynvml
pynvml.nvmlInit()
handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
print([pynvml.nvmlDeviceGetUUID(h) for h in handles])
"""


def service(world: World, name: str) -> dict:
    record = world.host.inspect(f"gpuhub-{name}-1")
    assert record, f"{name} does not run"
    return record


def volume_files(world: World, volume: str) -> dict[str, str]:
    """Path on the host -> mode and owner, of all files in a volume."""
    shown = world.host.sh(
        f"find /var/lib/docker/volumes/{volume}/_data -type f -printf '%p %m %U\\n'"
    ).out
    return dict(line.split(" ", 1) for line in shown.splitlines())


def test_services_have_few_rights(world: World) -> None:
    for name in SERVICES:
        host_config = service(world, name)["HostConfig"]
        assert host_config["CapDrop"] == ["ALL"], name
        assert not host_config["CapAdd"], name
        assert not host_config["Privileged"], name
        assert "no-new-privileges:true" in host_config["SecurityOpt"], name
    for name in ("allocator", "proxy"):
        assert service(world, name)["HostConfig"]["ReadonlyRootfs"], name
    assert service(world, "allocator")["HostConfig"]["NetworkMode"] == "none"
    assert service(world, "proxy")["Config"]["User"].split(":")[0] not in ("", "0", "root")


def test_secrets_are_their_services_alone_and_are_kept(world: World) -> None:
    before = {}
    for volume in SECRETS:
        files = volume_files(world, volume)
        assert files, f"nothing in {volume}"
        assert {rest.split()[0] for rest in files.values()} == {"600"}, files
        before |= {path: world.host.exec("sha256sum", path).out for path in files}
    gpuhub(world.host, "up")
    assert {path: world.host.exec("sha256sum", path).out for path in before} == before


def test_secrets_are_nowhere_on_show(world: World) -> None:
    ana = world.person("ana")
    ana.start()
    containers = [f"gpuhub-{name}-1" for name in SERVICES] + [world.notebook(ana)["Id"]]
    shown = {"processes": world.host.sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '").out}
    for name in containers:
        shown[f"inspect {name}"] = json.dumps(world.host.inspect(name))
        shown[f"log {name}"] = world.host.docker("logs", name).text
    for image in world.host.docker("images", "-q").out.split():
        shown[f"image {image}"] = world.host.docker("image", "inspect", image).out
    for volume in SECRETS:
        for path in volume_files(world, volume):
            secret = world.host.exec("cat", path).out.strip()
            if "BEGIN CERTIFICATE" in secret:
                continue  # everybody who connects is shown it
            assert len(secret) >= 32, path
            for where, text in shown.items():
                assert secret not in text, f"{path} stands in {where}"


def test_a_notebook_has_no_socket_and_no_more_gpus_by_a_variable(world: World) -> None:
    ana = world.person("ana")
    ana.start()
    notebook = world.notebook(ana)
    targets = {mount["Destination"] for mount in notebook["Mounts"]}
    assert not {t for t in targets if "docker.sock" in t or t.startswith("/run/gpuhub")}, targets
    found = world.host.docker(
        *("exec", notebook["Id"], "find", "/run", "/var/run/", "-type", "s")
    ).out.split()
    assert found == []
    ask = ["exec", "-e", "NVML_SIM_ALL=1", "-e", "NVIDIA_VISIBLE_DEVICES=all", notebook["Id"]]
    seen = world.host.docker(*ask, "/opt/nb/bin/python", "-c", ASK_NVML).out
    assert ast.literal_eval(seen.strip()) == uuids_of(world.lease(ana))
