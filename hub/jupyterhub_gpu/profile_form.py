"""The start form: profiles as a radio list, what is free now, and why the last server ended."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from .profiles import GPUS, IMAGE, PROFILE, Choice, Profile
from .words import span_in_words


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
    chosen: Choice | None,
    gpus: Sequence[Mapping[str, Any]] | None,
    note: str,
    *,
    waits: bool,
) -> str:
    """The start form of somebody to whom `profiles` are open.

    `gpus` None: the allocator does not answer. `waits`: what does not fit now is waited for.
    """
    alert = f'<p class="alert alert-warning" role="status">{html.escape(note)}</p>' if note else ""
    if not profiles:
        none = "No profile is open to you: all are for groups that you are not in. Ask an admin."
        return f'{alert}<p class="alert alert-warning" id="gpuhub-none">{html.escape(none)}</p>'
    rows = "".join(_row(profile, chosen, gpus, waits) for profile in profiles)
    if gpus is None:
        state = "The allocator does not answer now: which GPUs are free is not known."
    else:
        state = f"{free_gpus(gpus, 'shared')} of {len(gpus)} GPUs have room now."
    return (
        f'{alert}<fieldset class="gpuhub-profiles">'
        f'<legend>What do you need?</legend><p id="gpuhub-free">{html.escape(state)}</p>'
        f"{rows}</fieldset>"
    )


def _row(
    profile: Profile, chosen: Choice | None, gpus: Sequence[Mapping[str, Any]] | None, waits: bool
) -> str:
    mine = chosen if chosen and chosen.slug == profile.slug else None
    ident = html.escape(f"profile-{profile.slug}", quote=True)
    slug = html.escape(profile.slug, quote=True)
    said = (profile.description, _lifetime(profile), _room(profile, gpus, waits))
    about = " ".join(part for part in said if part)
    return (
        '<div class="form-check mb-2">'
        f'<input class="form-check-input" type="radio" name="{PROFILE}" id="{ident}" '
        f'value="{slug}" aria-describedby="{ident}-about" required{" checked" if mine else ""}>'
        f'<label class="form-check-label" for="{ident}">{html.escape(profile.display_name)}</label>'
        f'<div class="form-text" id="{ident}-about">{html.escape(about)}</div>'
        f"{_number(profile, mine)}{_images(profile, mine)}</div>"
    )


def _lifetime(profile: Profile) -> str:
    if profile.max_lifetime_s is None:
        return ""
    return f"Ends {span_in_words(profile.max_lifetime_s)} after its start."


def _number(profile: Profile, chosen: Choice | None) -> str:
    if profile.range is None:
        return ""
    least, most = profile.range
    name = html.escape(f"{GPUS}-{profile.slug}", quote=True)
    value = chosen.gpus.get("count", 0) if chosen else least
    return (
        f'<label class="form-label me-2" for="{name}">GPUs, {least} to {most}</label>'
        f'<input class="form-control form-control-sm d-inline-block w-auto" type="number" '
        f'name="{name}" id="{name}" min="{least}" max="{most}" value="{value}" required>'
    )


def _images(profile: Profile, chosen: Choice | None) -> str:
    if not profile.images:
        return ""
    name = html.escape(f"{IMAGE}-{profile.slug}", quote=True)
    picked = chosen.image if chosen else profile.images[0]
    options = "".join(
        f'<option value="{html.escape(image, quote=True)}"'
        f"{' selected' if image == picked else ''}>{html.escape(image)}</option>"
        for image in profile.images
    )
    return (
        f'<label class="form-label mx-2" for="{name}">Image</label>'
        f'<select class="form-select form-select-sm d-inline-block w-auto" name="{name}" '
        f'id="{name}">{options}</select>'
    )


def _room(profile: Profile, gpus: Sequence[Mapping[str, Any]] | None, waits: bool) -> str:
    """Says so if the profile does not fit now; it may be started all the same."""
    if gpus is None or "none" in profile.gpus:
        return ""
    least = profile.range[0] if profile.range else profile.gpus.get("count")
    needed = len(gpus) if "all" in profile.gpus else least
    free = free_gpus(gpus, profile.mode)
    if isinstance(needed, int) and free < needed:
        wait = " You would wait in line." if waits and needed <= len(gpus) else ""
        return f"Not free now (needs {needed}, {free} with room).{wait}"
    return ""
