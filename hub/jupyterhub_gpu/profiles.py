"""Profiles: what a person may choose in the start form, or name in the API.

A profile only names what is asked of the allocator. Everything that arrives is checked here,
whichever way it came in.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIELD = "profile"
MODES = ("shared", "exclusive")


class BadOptions(ValueError):
    """What was chosen is not on offer. Its text is for the person who chose."""


@dataclass(frozen=True)
class Profile:
    """One choice. `gpus` goes to the allocator as it stands."""

    slug: str
    display_name: str
    description: str
    gpus: Mapping[str, Any]
    mode: str
    default: bool

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Profile:
        """From hub.json. Raises KeyError, TypeError or ValueError."""
        mode = told.get("mode", "shared")
        gpus = told["gpus"]
        if mode not in MODES or not isinstance(gpus, Mapping) or len(gpus) != 1:
            raise ValueError(f"profile {told['slug']!r}: gpus or mode not understood")
        return cls(
            slug=str(told["slug"]),
            display_name=str(told["display_name"]),
            description=str(told.get("description", "")),
            gpus=dict(gpus),
            mode=mode,
            default=bool(told.get("default", False)),
        )


def choose(profiles: Sequence[Profile], options: object) -> Profile:
    """The profile that `user_options` name; none named: the default. Raises BadOptions."""
    if not isinstance(options, Mapping):
        raise BadOptions("user_options must be an object")
    unknown = sorted(str(key) for key in options if key != FIELD)
    if unknown:
        raise BadOptions(f"Unknown option: {', '.join(unknown)}. The only one is “{FIELD}”.")
    if FIELD not in options:
        return default_profile(profiles)
    slug = options[FIELD]
    for profile in profiles:
        if isinstance(slug, str) and slug == profile.slug:
            return profile
    offered = ", ".join(profile.slug for profile in profiles)
    raise BadOptions(f"There is no profile {slug!r}. On offer: {offered}.")


def default_profile(profiles: Sequence[Profile]) -> Profile:
    """The one marked as default, else the first."""
    return next((profile for profile in profiles if profile.default), profiles[0])


def options_from_form(profiles: Sequence[Profile], form: Mapping[str, Any]) -> dict[str, str]:
    """Turn the form (or a query string: lists of strings) into user_options. BadOptions."""
    options: dict[str, Any] = {}
    for key, values in form.items():
        if key == "_xsrf":
            continue
        if not isinstance(values, list) or len(values) != 1:
            raise BadOptions(f"“{key}” must be given exactly once")
        options[key] = values[0]
    return {FIELD: choose(profiles, options).slug}


def free_gpus(gpus: Sequence[Mapping[str, Any]], mode: str) -> int:
    """How many GPUs could serve one more lease of this mode, as the allocator shows them."""
    return sum(1 for gpu in gpus if _has_room(gpu, mode))


def _has_room(gpu: Mapping[str, Any], mode: str) -> bool:
    if gpu.get("state", "ok") != "ok" or gpu.get("mode") == "exclusive":
        return False
    used, slots = gpu.get("used", 0), gpu.get("slots", 1)
    return used == 0 if mode == "exclusive" else used < slots


def render_form(
    profiles: Sequence[Profile],
    chosen: str,
    gpus: Sequence[Mapping[str, Any]] | None,
    note: str,
    *,
    waits: bool,
) -> str:
    """The start form: a radio list. `gpus` None: the allocator does not answer.

    `waits`: a profile that does not fit now is waited for.
    """
    rows = "".join(_row(profile, profile.slug == chosen, gpus, waits) for profile in profiles)
    if gpus is None:
        state = "The allocator does not answer now: which GPUs are free is not known."
    else:
        state = f"{free_gpus(gpus, 'shared')} of {len(gpus)} GPUs have room now."
    alert = f'<p class="alert alert-warning" role="status">{html.escape(note)}</p>' if note else ""
    return (
        f'{alert}<fieldset class="gpuhub-profiles">'
        f'<legend>What do you need?</legend><p id="gpuhub-free">{html.escape(state)}</p>'
        f"{rows}</fieldset>"
    )


def _row(
    profile: Profile, checked: bool, gpus: Sequence[Mapping[str, Any]] | None, waits: bool
) -> str:
    ident = html.escape(f"profile-{profile.slug}", quote=True)
    slug = html.escape(profile.slug, quote=True)
    about = " ".join(part for part in (profile.description, _room(profile, gpus, waits)) if part)
    return (
        '<div class="form-check mb-2">'
        f'<input class="form-check-input" type="radio" name="{FIELD}" id="{ident}" '
        f'value="{slug}" aria-describedby="{ident}-about" required{" checked" if checked else ""}>'
        f'<label class="form-check-label" for="{ident}">{html.escape(profile.display_name)}</label>'
        f'<div class="form-text" id="{ident}-about">{html.escape(about)}</div></div>'
    )


def _room(profile: Profile, gpus: Sequence[Mapping[str, Any]] | None, waits: bool) -> str:
    """Says so if the profile does not fit now; it may be started all the same."""
    if gpus is None or "none" in profile.gpus:
        return ""
    needed = len(gpus) if "all" in profile.gpus else profile.gpus.get("count")
    free = free_gpus(gpus, profile.mode)
    if isinstance(needed, int) and free < needed:
        wait = " You would wait in line." if waits and needed <= len(gpus) else ""
        return f"Not free now (needs {needed}, {free} with room).{wait}"
    return ""
