"""A CA of the tests, as a company has one, and the certificates that its servers have."""

import ssl
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from .engine import run

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


@dataclass
class Authority:
    """Signs for whatever name it is asked; the same question gets the same certificate.

    Its own lacks what only the strict ask for (key usage), as that of many a company does.
    """

    name: str
    _signed: dict[tuple[str, bool], Pair] = field(default_factory=dict)

    @cached_property
    def pair(self) -> Pair:
        subject = ("-subj", f"/CN={self.name}", "-days", "30")
        return _openssl("req", "-x509", *KEY, *subject)

    @property
    def certificate(self) -> str:
        return self.pair.certificate

    def trusting(self) -> ssl.SSLContext:
        """For a client that trusts it, and nobody else."""
        context = ssl.create_default_context(cadata=self.certificate)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context

    def sign(self, host: str, expired: bool = False) -> Pair:
        if (host, expired) not in self._signed:
            ended = ("-not_before", "20200101000000Z", "-not_after", "20210101000000Z")
            life = ended if expired else ("-days", "30")
            self._signed[host, expired] = self._sign(host, life)
        return self._signed[host, expired]

    def _sign(self, host: str, life: tuple[str, ...]) -> Pair:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "ca.crt").write_text(self.pair.certificate)
            Path(folder, "ca.key").write_text(self.pair.key)
            signer = ("-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key")
            names = ("-addext", f"subjectAltName=DNS:{host}")
            plain = ("-addext", "basicConstraints=critical,CA:FALSE")
            subject = ("-subj", f"/CN={host}")
            return _openssl("req", "-x509", *KEY, *signer, *subject, *names, *plain, *life)


def _openssl(*words: str) -> Pair:
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = Path(folder, "crt"), Path(folder, "key")
        run(["openssl", *words, "-keyout", str(key), "-out", str(certificate)])
        return Pair(certificate.read_text(), key.read_text())
