"""What may be asked of `api/keep`: read strictly, bounded, nothing guessed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..idle import KEEP_MOST_S

LIMIT_BYTES = 1024
NAME_LENGTH = 255


class BadWish(ValueError):
    """What was sent is not a wish to keep a server; says why."""


@dataclass(frozen=True)
class Wish:
    """Which of his servers the caller wants to keep, and for how long (None: as is usual)."""

    server: str
    for_s: int | None

    @classmethod
    def parse(cls, body: bytes) -> Wish:
        """Raises BadWish."""
        if len(body) > LIMIT_BYTES:
            raise BadWish(f"more than {LIMIT_BYTES} bytes")
        try:
            told = json.loads(body, object_pairs_hook=_once)
        except BadWish:
            raise
        except (ValueError, RecursionError) as error:
            raise BadWish("not JSON") from error
        if not isinstance(told, dict):
            raise BadWish("not an object")
        if unknown := sorted(told.keys() - {"server", "for_s"}):
            raise BadWish(f"there is no field {unknown[0][:40]!r}")
        return cls(_server(told.get("server")), _length(told["for_s"]) if "for_s" in told else None)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        raise BadWish("a field stands there twice")
    return told


def _server(value: object) -> str:
    if not isinstance(value, str) or len(value) > NAME_LENGTH or not value.isprintable():
        raise BadWish('"server" must be the name of a server; "" is the one without a name')
    return value


def _length(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= KEEP_MOST_S:
        raise BadWish(f'"for_s" must be a whole number of seconds from 1 to {KEEP_MOST_S}')
    return value
