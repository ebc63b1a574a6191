#!/usr/bin/python3
"""Make the test host's simulated GPUs, as an installed driver and toolkit would leave them.

Device nodes in /dev with a made-up major, the machine's description for nvml_sim in
/run/nvml_sim, and, for TESTHOST_GPU_ACCESS=cdi, a CDI spec like that of `nvidia-ctk cdi generate`.
With TESTHOST_GPU_ACCESS=plain there are none: the product makes its own.
"""

import json
import os
import platform
from pathlib import Path

STATE = Path("/run/nvml_sim")
SPEC = Path("/etc/cdi/nvidia.yaml")


def free_major() -> int:
    """The first major of the local range that no driver of this kernel has."""
    text = Path("/proc/devices").read_text().split("Block devices:")[0]
    taken = {int(line.split()[0]) for line in text.splitlines()[1:] if line.strip()}
    return next(major for major in range(240, 255) if major not in taken)


def machine(count: int, host: int, model: str) -> dict:
    gpus = [
        {
            "uuid": f"GPU-51d00000-0000-4000-8000-{host:04x}{i:08x}",
            "model": model,
            "minor": i,
            "pci": f"00000000:{7 + i:02X}:00.0",
        }
        for i in range(count)
    ]
    return {
        "driver_version": "570.86.15",
        "cuda_version": "12.8",
        "major": free_major(),
        "gpus": gpus,
    }


def library_path() -> str:
    return f"/usr/lib/{platform.machine()}-linux-gnu/libnvidia-ml.so.1"


def make_nodes(description: dict) -> None:
    for gpu in description["gpus"]:
        node = f"/dev/nvidia{gpu['minor']}"
        if not os.path.exists(node):
            os.mknod(node, 0o020666, os.makedev(description["major"], gpu["minor"]))
            os.chmod(node, 0o666)


def mount_yaml(host_path: str, container_path: str) -> str:
    options = "".join(f"    - {o}\n" for o in ("ro", "nosuid", "nodev", "rbind", "rprivate"))
    paths = f"  - containerPath: {container_path}\n    hostPath: {host_path}\n"
    return f"{paths}    options:\n{options}"


def device_yaml(name: str, minors: list[int]) -> str:
    nodes = "".join(f"    - path: /dev/nvidia{minor}\n" for minor in minors)
    return f"- containerEdits:\n    deviceNodes:\n{nodes}  name: {name}\n"


def cdi_spec(description: dict, names: str) -> str:
    """The spec's text; `names` is the naming strategy: uuid, index or both."""
    gpus = description["gpus"]
    devices = ""
    if names in ("index", "both"):
        devices += "".join(device_yaml(f'"{i}"', [g["minor"]]) for i, g in enumerate(gpus))
    if names in ("uuid", "both"):
        devices += "".join(device_yaml(g["uuid"], [g["minor"]]) for g in gpus)
    devices += device_yaml("all", [g["minor"] for g in gpus])
    mounts = mount_yaml(library_path(), library_path()) + mount_yaml(str(STATE), str(STATE))
    return (
        "---\ncdiVersion: 0.5.0\ncontainerEdits:\n  env:\n  - NVIDIA_VISIBLE_DEVICES=void\n"
        f"  mounts:\n{mounts}devices:\n{devices}kind: nvidia.com/gpu\n"
    )


def main() -> None:
    access = os.environ.get("TESTHOST_GPU_ACCESS", "plain")
    if access == "plain":
        return
    description = machine(
        int(os.environ.get("TESTHOST_GPUS", "4")),
        int(os.environ.get("TESTHOST_NUMBER", "1")),
        os.environ.get("TESTHOST_GPU_MODEL", "A100-40G"),
    )
    STATE.mkdir(parents=True, exist_ok=True)
    (STATE / "machine.json").write_text(json.dumps(description, indent=2) + "\n")
    if not (STATE / "load.json").exists():
        (STATE / "load.json").write_text("{}\n")
    make_nodes(description)
    if access == "cdi":
        SPEC.parent.mkdir(parents=True, exist_ok=True)
        SPEC.write_text(cdi_spec(description, os.environ.get("TESTHOST_CDI_NAMES", "uuid")))


if __name__ == "__main__":
    main()
