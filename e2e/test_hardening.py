"""What docs/security.md promises: few rights, no secrets on show, no socket in a notebook."""

import ast
import json

from harness.allocator import uuids_of
from harness.product import gpuhub
from harness.world import World

SERVICES = ("allocator", "login", "proxy", "hub", "status")
SECRETS = {f"gpuhub_secrets-{name}": name for name in ("hub", "proxy", "status")}

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
    for name in ("allocator", "login", "proxy", "status"):
        assert service(world, name)["HostConfig"]["ReadonlyRootfs"], name
    for name in ("allocator", "login"):
        assert service(world, name)["HostConfig"]["NetworkMode"] == "none", name
    assert service(world, "proxy")["Config"]["User"].split(":")[0] not in ("", "0", "root")


def test_only_the_allocator_sees_the_hosts_processes(world: World) -> None:
    for name in SERVICES:
        expected = "host" if name == "allocator" else ""
        assert service(world, name)["HostConfig"]["PidMode"] == expected, name


def test_only_the_helper_sees_the_hosts_accounts(world: World) -> None:
    """And only the hub its socket; what the helper sees it cannot write."""
    mounts = {
        container: world.host.inspect(container)["Mounts"]
        for container in world.host.docker("ps", "-q", "--no-trunc").out.split()
    }
    helper, hub = service(world, "login")["Id"], service(world, "hub")["Id"]
    accounts = {who for who, all_of in mounts.items() if any(holds(m, "/etc") for m in all_of)}
    assert accounts == {helper}
    assert {who for who, all_of in mounts.items() if "gpuhub_run-login" in volumes(all_of)} == {
        helper,
        hub,
    }
    (etc,) = [mount for mount in mounts[helper] if mount["Type"] == "bind"]
    assert (etc["Source"], etc["Destination"], etc["RW"]) == ("/etc", "/host/etc", False)
    assert world.host.docker("exec", hub, "test", "-e", "/host", check=False).status == 1


def test_status_holds_a_token_and_the_judges_socket_only(world: World) -> None:
    mounts = service(world, "status")["Mounts"]
    assert volumes(mounts) == {"gpuhub_run-idle", "gpuhub_secrets-status"}
    assert len(mounts) == 2
    assert not any(mount["RW"] for mount in mounts)
    assert not service(world, "status")["HostConfig"]["PortBindings"]


def holds(mount: dict, folder: str) -> bool:
    """Whether a folder of the host is what is mounted, or lies in it."""
    source = mount["Source"].rstrip("/")
    return mount["Type"] == "bind" and (folder == source or folder.startswith(f"{source}/"))


def volumes(mounts: list[dict]) -> set[str]:
    return {mount["Name"] for mount in mounts if mount["Type"] == "volume"}


def test_a_notebook_cannot_ask_the_helper(world: World) -> None:
    """Nobody but root may: not even who finds the socket on the host."""
    place = "/var/lib/docker/volumes/gpuhub_run-login/_data/login.sock"
    mode = world.host.exec("stat", "-c", "%a %u", place).out.split()
    assert mode == ["600", "0"]
    ana = world.person("ana")
    ana.start()
    assert "gpuhub_run-login" not in volumes(world.notebook(ana)["Mounts"])


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
