"""What a person chooses: the start form, and the check of what comes back from it or the API.

A mixin over any DockerSpawner class; GpuMixin builds on it.
"""

from __future__ import annotations

from typing import Any

from dockerspawner import DockerSpawner
from traitlets import Bool, Float, List, Unicode, default

from . import profiles
from .allocator import AllocatorClient, AllocatorError
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
        `gpus` (`{"count": 1}`, `{"all": True}` or `{"none": True}`), `mode` (`shared` or
        `exclusive`) and `default`. At least one. Since 0.1.""",
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

    @property
    def allocator(self) -> AllocatorClient:
        return AllocatorClient(self.allocator_socket, patience_s=self.allocator_patience)

    @property
    def offered(self) -> list[profiles.Profile]:
        return [profiles.Profile.parse(item) for item in self.profile_list]

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
        offered = self.offered
        try:
            chosen = profiles.choose(offered, self.user_options)
        except profiles.BadOptions:
            chosen = profiles.default_profile(offered)
        return profiles.render_form(offered, chosen.slug, gpus, note, waits=self.wait_in_line)

    @default("options_from_form")
    def _options_from_form(self) -> Any:
        return self._checked_form

    def _checked_form(self, form: dict[str, Any]) -> dict[str, str]:
        try:
            return profiles.options_from_form(self.offered, form)
        except profiles.BadOptions as error:
            raise Refusal(str(error), reason="bad-options", status_code=400) from error

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Any:
        return _choose_for

    def choose(self, options: Any) -> profiles.Profile:
        """Check options, from the form or the API. Raises Refusal (400)."""
        try:
            return profiles.choose(self.offered, options)
        except profiles.BadOptions as error:
            # else the hub would start with the same bad options next time
            self.orm_spawner.user_options = {}
            raise Refusal(str(error), reason="bad-options", status_code=400) from error


async def _form_of(spawner: ProfileChoice) -> str:
    return await spawner.start_form()


def _choose_for(spawner: ProfileChoice, options: Any) -> None:
    spawner.choose(options)
