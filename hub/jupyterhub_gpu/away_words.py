"""What people read when the service that knows who they are cannot be asked."""

from __future__ import annotations

from .entrance import Unavailable


def unavailable(service: str, why: str) -> Unavailable:
    """`service` as "the directory", `why` as "cannot be reached"."""
    return Unavailable(
        f"Nobody can log in right now: {service} {why}. Please try again in a few minutes. If it "
        "stays so, tell the hub's admins: its log and `./gpuhub doctor` have the exact reason."
    )
