"""Which limits hold for which server, by the settings. Pure."""

from __future__ import annotations

from collections.abc import Collection

from jupyterhub_gpu.settings import Settings

from .rule import Limits


def limits_of(settings: Settings, profile: str | None, *, has_gpus: bool) -> Limits:
    """A profile's own limit first (0: never), then that of servers with, or without, GPUs."""
    idle = settings.idle
    told = next((each for each in settings.profiles if each.slug == profile), None)
    limit = idle.gpu_limit_s if has_gpus else idle.limit_s
    if told is not None and told.idle_limit_s is not None:
        limit = told.idle_limit_s or None
    return Limits(
        idle_s=limit if idle.enabled else None,
        unknown_s=idle.unknown_limit_s,
        lifetime_s=told.max_lifetime_s if told is not None else None,
        keep_s=idle.keep_s,
        keep_max_s=idle.keep_max_s,
    )


def is_exempt(settings: Settings, user: str, groups: Collection[str]) -> bool:
    """Whether the rule, lifetimes too, passes by this person's servers."""
    return user in settings.idle.exempt_users or not settings.idle.exempt_groups.isdisjoint(groups)
