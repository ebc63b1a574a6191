"""Profiles: what a person may choose in the start form, or name in the API.

A profile only names what is asked of the allocator and what the container may use. Everything
that arrives is checked here, whichever way it came in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PROFILE, GPUS, IMAGE = "profile", "gpus", "image"
MODES = ("shared", "exclusive")
KINDS = ("count", "all", "none", "range")


class BadOptions(ValueError):
    """What was chosen is not on offer. Its text is for the person who chose."""


class NotForYou(BadOptions):
    """It is on offer, but for others."""


@dataclass(frozen=True)
class Limits:
    """What a container may use. None: no limit, or the engine's own."""

    memory_bytes: int | None = None
    cpus: float | None = None
    shm_size_bytes: int | None = None
    pids: int | None = None

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Limits:
        """From hub.json. Raises TypeError or ValueError."""
        cpus = told.get("cpus")
        return cls(
            memory_bytes=_whole(told.get("memory_bytes")),
            cpus=None if cpus is None else float(cpus),
            shm_size_bytes=_whole(told.get("shm_size_bytes")),
            pids=_whole(told.get("pids")),
        )

    def over(self, other: Limits) -> Limits:
        """These, and where they say nothing the other ones."""
        return Limits(
            *(
                theirs if mine is None else mine
                for mine, theirs in zip(self._all(), other._all(), strict=True)
            )
        )

    def _all(self) -> tuple[Any, ...]:
        return (self.memory_bytes, self.cpus, self.shm_size_bytes, self.pids)


def _whole(told: Any) -> int | None:
    return None if told is None else int(told)


@dataclass(frozen=True)
class Profile:
    """One thing on offer. `gpus` goes to the allocator as it stands, but for a range."""

    slug: str
    display_name: str
    description: str
    gpus: Mapping[str, Any]
    mode: str
    default: bool
    groups: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    idle_limit_s: int | None = None  # None: as [idle] says; 0: never
    max_lifetime_s: int | None = None

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Profile:
        """From hub.json. Raises KeyError, TypeError or ValueError."""
        mode = told.get("mode", "shared")
        gpus = told["gpus"]
        known = isinstance(gpus, Mapping) and len(gpus) == 1 and next(iter(gpus)) in KINDS
        if mode not in MODES or not known:
            raise ValueError(f"profile {told['slug']!r}: gpus or mode not understood")
        if "range" in gpus:
            least, most = (int(each) for each in gpus["range"])
            gpus = {"range": [least, most]}
        return cls(
            slug=str(told["slug"]),
            display_name=str(told["display_name"]),
            description=str(told.get("description", "")),
            gpus=dict(gpus),
            mode=mode,
            default=bool(told.get("default", False)),
            groups=tuple(str(group) for group in told.get("groups", ())),
            images=tuple(str(image) for image in told.get("images", ())),
            limits=Limits.parse(told),
            idle_limit_s=_whole(told.get("idle_limit_s")),
            max_lifetime_s=_whole(told.get("max_lifetime_s")),
        )

    @property
    def range(self) -> tuple[int, int] | None:
        """The least and the most GPUs that may be chosen; None: there is nothing to choose."""
        return tuple(self.gpus["range"]) if "range" in self.gpus else None

    def is_for(self, groups: Collection[str]) -> bool:
        return not self.groups or bool(set(self.groups) & set(groups))


@dataclass(frozen=True)
class Choice:
    """A profile with what was chosen in it."""

    profile: Profile
    gpus: Mapping[str, Any]  # as the allocator is asked
    image: str | None = None  # None: the hub's

    @property
    def slug(self) -> str:
        return self.profile.slug

    @property
    def mode(self) -> str:
        return self.profile.mode

    @property
    def display_name(self) -> str:
        if self.profile.range is None:
            return self.profile.display_name
        number = self.gpus.get("count", 0)
        return f"{self.profile.display_name} ({number} GPU{'' if number == 1 else 's'})"

    @property
    def options(self) -> dict[str, Any]:
        """As user_options, complete."""
        told: dict[str, Any] = {PROFILE: self.slug}
        if self.profile.range is not None:
            told[GPUS] = self.gpus.get("count", 0)
        return told | ({IMAGE: self.image} if self.image else {})


def choose(profiles: Sequence[Profile], options: object, groups: Collection[str] = ()) -> Choice:
    """What `user_options` mean for somebody in `groups`; what they do not name is the default.

    Raises BadOptions, or NotForYou.
    """
    if not isinstance(options, Mapping):
        raise BadOptions("user_options must be an object")
    open_to_all = [profile for profile in profiles if profile.is_for(groups)]
    if not open_to_all:
        raise NotForYou("No profile is open to you: all are for groups that you are not in.")
    profile = _named(profiles, options[PROFILE], groups) if PROFILE in options else None
    profile = profile or default_profile(open_to_all)
    known = [PROFILE]
    known += [GPUS] if profile.range else []
    known += [IMAGE] if profile.images else []
    unknown = sorted(str(key) for key in options if key not in known)
    if unknown:
        offered = ", ".join(f"“{key}”" for key in known)
        raise BadOptions(f"Unknown option: {', '.join(unknown)}. Of “{profile.slug}”: {offered}.")
    return Choice(profile, _gpus(profile, options), _image(profile, options))


def _named(profiles: Sequence[Profile], slug: object, groups: Collection[str]) -> Profile:
    open_to_all = [profile for profile in profiles if profile.is_for(groups)]
    for profile in profiles:
        if not isinstance(slug, str) or slug != profile.slug:
            continue
        if profile in open_to_all:
            return profile
        raise NotForYou(f"“{profile.display_name}” is for {_members_of(profile.groups)} only.")
    offered = ", ".join(profile.slug for profile in open_to_all)
    raise BadOptions(f"There is no profile {slug!r}. On offer: {offered}.")


def _members_of(groups: Sequence[str]) -> str:
    return f"members of {' or '.join(f'“{group}”' for group in groups)}"


def _gpus(profile: Profile, options: Mapping[str, Any]) -> Mapping[str, Any]:
    if profile.range is None:
        return profile.gpus
    least, most = profile.range
    number = options.get(GPUS, least)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise BadOptions(f"{number!r} GPUs cannot be had with “{profile.slug}”: {least} to {most}.")
    return {"count": number} if number else {"none": True}


def _image(profile: Profile, options: Mapping[str, Any]) -> str | None:
    if not profile.images:
        return None
    image = options.get(IMAGE, profile.images[0])
    if image not in profile.images:
        offered = ", ".join(profile.images)
        raise BadOptions(f"There is no image {image!r} for “{profile.slug}”. On offer: {offered}.")
    return str(image)


def default_profile(profiles: Sequence[Profile]) -> Profile:
    """The one marked as default, else the first."""
    return next((profile for profile in profiles if profile.default), profiles[0])


def options_from_form(
    profiles: Sequence[Profile], form: Mapping[str, Any], groups: Collection[str] = ()
) -> dict[str, Any]:
    """Turn the form (or a query string: lists of strings) into user_options. BadOptions.

    The form of a page has fields for every profile: those of a profile that is not chosen are
    named `gpus-SLUG` and `image-SLUG`, and left out here.
    """
    given: dict[str, Any] = {}
    for key, values in form.items():
        if key == "_xsrf":
            continue
        if not isinstance(values, list) or len(values) != 1:
            raise BadOptions(f"“{key}” must be given exactly once")
        given[key] = values[0]
    chosen = given.get(PROFILE)
    options: dict[str, Any] = {}
    for key, value in given.items():
        name, dash, slug = key.partition("-")
        if not dash or name not in (GPUS, IMAGE):
            options[key] = value
        elif slug == chosen:
            options[name] = value
        elif not any(slug == profile.slug for profile in profiles):
            raise BadOptions(f"Unknown option: {key}.")
    if GPUS in options:
        options[GPUS] = _number(options[GPUS])
    return choose(profiles, options, groups).options


def _number(text: object) -> object:
    """A whole number, or the text itself, which is then refused in its own words."""
    plain = isinstance(text, str) and len(text) <= 6 and text.isascii() and text.isdecimal()
    return int(str(text)) if plain else text
