"""Times as others write them, read with suspicion. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def time_of(value: object) -> datetime | None:
    """RFC 3339; None for all else."""
    if not isinstance(value, str):
        return None
    try:
        when = datetime.fromisoformat(value)
        return when.astimezone(UTC) if when.tzinfo else None
    except (ValueError, OverflowError):
        return None
