"""What gpuhub.toml says, said to JupyterHub: from `Settings` to traits.

Only tables; what the traits do stands with their classes.
"""

from __future__ import annotations

import os
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import __version__
from .settings import Settings, name_template

CONFIG = Path("/etc/gpuhub")
HOME = "/home/jovyan"
CA_IN_NOTEBOOK = "/etc/gpuhub/ca.pem"
PUBLIC_CAS = Path("/etc/ssl/certs/ca-certificates.crt")
# what programs of their own ask for the file of trusted authorities
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
                "PIP_CERT", "NODE_EXTRA_CA_CERTS")  # fmt: skip

SPAWNERS = {
    "docker": "jupyterhub_gpu.GpuDockerSpawner",
    "systemuser": "jupyterhub_gpu.GpuSystemUserSpawner",
}


def configure_spawner(c: Any, settings: Settings, version: str) -> None:
    """Servers: whose, with what, and what of the host is in them."""
    notebook, spawner = settings.notebook, settings.spawner
    c.JupyterHub.spawner_class = SPAWNERS[spawner.kind]
    c.JupyterHub.allow_named_servers = True
    c.JupyterHub.named_server_limit_per_user = settings.named_servers
    c.GpuMixin.hub_name = settings.hub_name
    c.GpuMixin.allocator_socket = settings.socket
    c.GpuMixin.wait_in_line = settings.queue_enabled
    c.GpuMixin.starts_limit = 100
    # JupyterHub counts those who wait in line as starting; GpuMixin counts those who really do
    c.JupyterHub.concurrent_spawn_limit = 100 + (
        settings.queue_max if settings.queue_enabled else 0
    )
    c.GpuMixin.profile_list = [
        {**asdict(profile), **asdict(profile.limits)} for profile in settings.profiles
    ]
    c.GpuMixin.notebook_limits = asdict(notebook.limits)
    c.DockerSpawner.image = notebook.image
    c.DockerSpawner.pull_policy = "skip"  # one thread for all engine calls: a pull would stall all
    c.DockerSpawner.network_name = "gpuhub_notebooks"
    c.DockerSpawner.use_internal_ip = True
    c.DockerSpawner.prefix = "gpuhub-nb"
    c.DockerSpawner.name_template = name_template(settings.hub_name)
    c.DockerSpawner.mounts = [_mount(each) for each in spawner.mounts]
    c.GpuMixin.reach = list(notebook.reach)
    c.DockerSpawner.environment = _environment(settings)
    if spawner.kind == "docker":
        c.DockerSpawner.volumes = {"gpuhub-home-{username}": HOME}
    else:
        c.GpuSystemUserSpawner.homes = spawner.homes
        c.GpuSystemUserSpawner.missing_home = spawner.missing_home
        c.GpuSystemUserSpawner.mapped_accounts = spawner.accounts
        c.GpuSystemUserSpawner.home_image = f"gpuhub/hub:{version}"
    if notebook.has_ca:
        c.GpuMixin.added_files = {CA_IN_NOTEBOOK: str(bundle_of(CONFIG / "notebook-ca.pem"))}
    c.Spawner.start_timeout = settings.start_timeout_s
    c.Spawner.http_timeout = 60
    c.Spawner.poll_interval = 10
    c.Spawner.consecutive_failure_limit = 0  # an image that does not start must not end the hub


def _mount(told: dict[str, Any]) -> dict[str, Any]:
    """As DockerSpawner takes it: it would format the paths."""
    paths = {key: str(told[key]).replace("{", "{{").replace("}", "}}") for key in
             ("source", "target")}  # fmt: skip
    return {**paths, "type": "bind", "read_only": bool(told["read_only"])}


def _environment(settings: Settings) -> dict[str, str]:
    notebook = settings.notebook
    told: dict[str, str] = {}
    for name in ("http_proxy", "https_proxy"):
        if value := getattr(notebook, name):
            told |= {name: value, name.upper(): value}
    if told:
        rest = f",{notebook.no_proxy}" if notebook.no_proxy else ""
        told |= dict.fromkeys(("no_proxy", "NO_PROXY"), f"localhost,127.0.0.1,hub{rest}")
    if notebook.has_ca:
        told |= dict.fromkeys(CA_VARIABLES, CA_IN_NOTEBOOK)
    return told


def bundle_of(own: Path, into: Path = Path("/tmp/gpuhub-notebook-ca.pem")) -> Path:  # noqa: S108
    """The public authorities and a site's own in one file: programs take one or the other."""
    public = PUBLIC_CAS.read_text() if PUBLIC_CAS.exists() else ""
    into.write_text(public.rstrip("\n") + "\n" + own.read_text())
    return into


def gateways(routes: Path = Path("/proc/net/route")) -> list[str]:
    """Addresses of the default routes: from there comes what the host passes on to a container."""
    found = []
    for line in routes.read_text().splitlines()[1:]:
        parts = line.split()
        if len(parts) > 3 and parts[1] == "00000000":
            found.append(".".join(str(byte) for byte in struct.pack("<I", int(parts[2], 16))))
    return found


def own_version() -> str:
    """The version of the images that `up` has started."""
    return os.environ.get("GPUHUB_VERSION", __version__)
