"""The GPU status service: what people see of their own servers and of the machine's GPUs, and Keep.

A service of the hub in a container of its own (`python -m jupyterhub_gpu.status`). Who asks is what
the hub says of him; what is told comes from the judge's socket. It holds nothing else: no socket of
the engine or of the allocator, no file of the hub's.
"""

SERVICE = "gpus"
PORT = 8082
PREFIX = f"/services/{SERVICE}/"
SCOPE = f"access:services!service={SERVICE}"
TOKEN = "status_token"  # the secret's name, for hub and service alike


def url_at(address: object) -> str:
    """Where a person's server finds the service: the value of GPUHUB_STATUS_URL."""
    return f"http://{address}:{PORT}{PREFIX.rstrip('/')}"
