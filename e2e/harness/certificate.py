"""Keys and certificates, as a company's CA would give them to the admin of a host."""

from .engine import image
from .testhost import TestHost


def make_pair(host: TestHost) -> tuple[str, str]:
    """A key and its certificate for the host's address."""
    made = host.docker(
        *("run", "--rm", "--network", "none", "--entrypoint", "openssl", image("proxy")),
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=lab"),
        *("-addext", f"subjectAltName=IP:{host.address}", "-keyout", "-", "-out", "-"),
    ).out
    start = made.index("-----BEGIN CERTIFICATE-----")
    return made[:start], made[start:]
