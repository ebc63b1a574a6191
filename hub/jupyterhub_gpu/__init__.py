"""jupyterhub_gpu: JupyterHub servers with leased GPUs.

Asks the allocator for a lease, injects what it grants, binds, releases. No policy lives here.
"""

from pathlib import Path

from .auth_host import HostAuthenticator
from .spawner import GpuDockerSpawner, GpuMixin
from .systemuser import GpuSystemUserSpawner

TEMPLATES = Path(__file__).parent / "templates"  # pages that replace JupyterHub's own
NATIVE_TEMPLATES = Path(__file__).parent / "templates_native"  # besides, with accounts of its own

__all__ = [
    "NATIVE_TEMPLATES",
    "TEMPLATES",
    "GpuDockerSpawner",
    "GpuMixin",
    "GpuSystemUserSpawner",
    "HostAuthenticator",
]
__version__ = "0.1.0"
