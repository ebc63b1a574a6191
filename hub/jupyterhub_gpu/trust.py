"""Certificates of the servers that the hub asks: always verified, and what is wrong in words.

Used for directories and for OIDC. There is no way to switch it off.
"""

from __future__ import annotations

import ssl
from enum import StrEnum

EXPIRED_CODES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, …_HAS_EXPIRED
OTHER_NAME_CODES = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH


class Fault(StrEnum):
    """What is wrong with a certificate, to be read after "its certificate"."""

    UNTRUSTED = "is not trusted by this hub"
    OTHER_NAME = "is for another name"
    EXPIRED = "has expired"


def client_context(
    ca_file: str | None, ca_path: str | None = None, ca_data: str | bytes | None = None
) -> ssl.SSLContext:
    """Chain, dates and host name are checked; by the system's CAs if none are given.

    Raises OSError (ssl.SSLError is one) if the file is not there or holds no certificate.
    """
    context = ssl.create_default_context(
        cafile=ca_file or None, capath=ca_path or None, cadata=ca_data or None
    )
    # Strict demands extensions that many a company's own CA lacks; nobody is safer with it.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def fault_of(error: BaseException | None) -> Fault | None:
    """The fault of a certificate that `error`, or what caused it, tells of; else None."""
    for _ in range(8):
        if isinstance(error, ssl.SSLCertVerificationError):
            if error.verify_code in EXPIRED_CODES:
                return Fault.EXPIRED
            return Fault.OTHER_NAME if error.verify_code in OTHER_NAME_CODES else Fault.UNTRUSTED
        if error is None:
            return None
        error = error.__cause__ or error.__context__
    return None
