"""jupyterhub_gpu: JupyterHub servers with leased GPUs.

Asks the allocator for a lease, injects what it grants, binds, releases. No policy lives here.
"""

from .auth import HostPAMAuthenticator
from .spawner import GpuDockerSpawner, GpuMixin

__all__ = ["GpuDockerSpawner", "GpuMixin", "HostPAMAuthenticator"]
__version__ = "0.1.0"
