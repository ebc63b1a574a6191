"""What a person chooses: the start form, and the check of what comes back from it or the API.

A mixin over any DockerSpawner class; GpuMixin builds on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dockerspawner import DockerSpawner
from traitlets import Bool, Dict, Float, List, Unicode, default

from . import profiles
from .allocator import AllocatorClient, AllocatorError
from .idle.pages import note_of
from .profile_form import render_form
from .words import Refusal, last_end

FORM_PATIENCE_S = 0.0


class ProfileChoice(DockerSpawner):
    """Offers the profiles of `profile_list`, and nothing else."""

    allocator_socket = Unicode(
        "/run/gpuhub/hub/allocator.sock",
        config=True,
        help="The allocator's unix socket for this hub. Since 0.1.",
    )
    profile_list: List[Any] = List(
        config=True,
        help="""What people may choose: dicts with `slug`, `display_name`, `description`,
        `gpus` (`{"count": 1}`, `{"all": True}`, `{"none": True}` or `{"range": [1, 4]}`), `mode`
        (`shared` or `exclusive`), `default`, `groups` (whose members may choose it; empty:
        everybody), `images` (to choose from) and limits: `memory_bytes`, `cpus`,
        `shm_size_bytes`, `pids`. At least one. Since 0.1.""",
    )
    notebook_limits: Dict[str, Any] = Dict(
        config=True,
        help="Limits of every container, where its profile says nothing: `memory_bytes`, `cpus`, "
        "`shm_size_bytes`, `pids`. Default: none. Since 0.1.",
    )
    allocator_patience = Float(
        15.0,
        config=True,
        help="Seconds for which a call is repeated while the allocator restarts or is not yet "
        "ready. Default: 15. Since 0.1.",
    )
    wait_in_line = Bool(
        True,
        config=True,
        help="Whether a start waits when no GPU is free (False: it is refused). The allocator's "
        "own `[queue]` has the last word. Default: True. Since 0.1.",
    )

    idle_file = Unicode(
        "/srv/jupyterhub/idle.sqlite",
        config=True,
        help="Where the idle rule notes which servers it has ended; the start form says why. "
        "Default: `/srv/jupyterhub/idle.sqlite`. Since 0.1.",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._configured = {
            name: getattr(self, name) for name in ("image", "mem_limit", "cpu_limit")
        }

    @property
    def allocator(self) -> AllocatorClient:
        return AllocatorClient(self.allocator_socket, patience_s=self.allocator_patience)

    @property
    def offered(self) -> list[profiles.Profile]:
        return [profiles.Profile.parse(item) for item in self.profile_list]

    @property
    def group_names(self) -> list[str]:
        """The person's groups, as of the log-in or its refresh."""
        return sorted(group.name for group in self.user.groups)

    @default("options_form")
    def _default_options_form(self) -> Any:
        return _form_of

    async def start_form(self) -> str:
        """The start form, with what is free now and why the last server ended."""
        gpus, note = None, ""
        try:
            gpus = await self.allocator.gpus(patience_s=FORM_PATIENCE_S)
            ended = await self.allocator.leases(
                "ended", self.user.name, self.name, patience_s=FORM_PATIENCE_S
            )
            note = last_end(ended)
        except AllocatorError as error:
            self.log.warning("The start form could not be filled: %s", error)
        mine = [profile for profile in self.offered if profile.is_for(self.group_names)]
        form = render_form(mine, self._last_choice(), gpus, note, waits=self.wait_in_line)
        return note_of(Path(self.idle_file), self.user, self.name) + form

    def _last_choice(self) -> profiles.Choice | None:
        tried: tuple[Any, ...] = (self.user_options, {})
        for options in tried:
            try:
                return profiles.choose(self.offered, options, self.group_names)
            except profiles.BadOptions:
                continue
        return None

    @default("options_from_form")
    def _options_from_form(self) -> Any:
        return self._checked_form

    def _checked_form(self, form: dict[str, Any]) -> dict[str, Any]:
        try:
            return profiles.options_from_form(self.offered, form, self.group_names)
        except profiles.BadOptions as error:
            raise _refused(error) from error

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Any:
        return _choose_for

    def choose(self, options: Any) -> profiles.Choice:
        """Check options, by form or API. Raises Refusal (400; 403: not for this person)."""
        try:
            return profiles.choose(self.offered, options, self.group_names)
        except profiles.BadOptions as error:
            # else the hub would start with the same bad options next time
            self.orm_spawner.user_options = {}
            raise _refused(error) from error

    async def check_allowed(self, image: str) -> str:
        """DockerSpawner's own check of an image that was chosen: again, only what is on offer."""
        if not any(image in profile.images for profile in self.offered):
            raise Refusal(f"There is no image {image!r}.", reason="bad-options", status_code=400)
        return image

    def limits_of(self, choice: profiles.Choice) -> profiles.Limits:
        return choice.profile.limits.over(profiles.Limits.parse(self.notebook_limits))

    def apply(self, choice: profiles.Choice) -> None:
        """Set what DockerSpawner reads itself; the rest comes when the container is created."""
        limits = self.limits_of(choice)
        self.image = choice.image or self._configured["image"]
        self.mem_limit = limits.memory_bytes or self._configured["mem_limit"]
        self.cpu_limit = limits.cpus or self._configured["cpu_limit"]


def add_limits(limits: profiles.Limits, host_config: dict[str, Any]) -> None:
    """Into a host config in the engine's own names, where an admin's settings say nothing."""
    for key, value in (("PidsLimit", limits.pids), ("ShmSize", limits.shm_size_bytes)):
        if value and not host_config.get(key):
            host_config[key] = value


def _refused(error: profiles.BadOptions) -> Refusal:
    if isinstance(error, profiles.NotForYou):
        return Refusal(str(error), reason="not-for-you", status_code=403)
    return Refusal(str(error), reason="bad-options", status_code=400)


async def _form_of(spawner: ProfileChoice) -> str:
    return await spawner.start_form()


def _choose_for(spawner: ProfileChoice, options: Any) -> None:
    spawner.choose(options)
