"""GpuMixin: a DockerSpawner whose servers hold a lease of GPUs, from before start to the end.

A spawn: the lease is taken in the pre-spawn step (no timeout runs there, and `progress` shows
what is waited for), injected when the container is created, bound before it starts, kept across
hub restarts, and given back after the container is gone. What happens in between is decided by
the allocator; this class asks, waits, injects, binds, releases.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from dockerspawner import DockerSpawner
from jupyterhub.utils import maybe_future
from traitlets import Dict, Integer, default

from . import profiles
from .allocator import AllocatorError, NotFound
from .cell import InCell
from .choices import add_limits
from .engine import ENGINE_ERRORS, StillThere, env_of, is_running, labels_of
from .lease import Lease, add_lease
from .leasing import Leasing
from .shutdown import Shutdown
from .words import Refusal

HINT_PATIENCE_S = 1.0
TOKEN = "JUPYTERHUB_API_TOKEN"
CROWD_RETRY_S = 30


class GpuMixin(InCell, Leasing):
    """Leases GPUs for the servers of a DockerSpawner class: `class S(GpuMixin, DockerSpawner)`."""

    starts_limit = Integer(
        100,
        config=True,
        help="How many servers may be starting at once, not counting those that wait in line; "
        "more are refused for now (429). 0: no limit. JupyterHub's own `concurrent_spawn_limit` "
        "counts those that wait too. Default: 100. Since 0.1.",
    )
    added_files: Dict[str, str] = Dict(
        config=True,
        help="Files put into every container before it starts: path there -> file of the hub, "
        "readable for all, up to 4 MiB. Default: none. Since 0.1.",
    )
    _starters: ClassVar[weakref.WeakSet[GpuMixin]] = weakref.WeakSet()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lease: Lease | None = None
        self._adopted: dict[str, Any] | None = None
        self._choice: profiles.Choice | None = None
        self._interrupted = False

    @property
    def ready(self) -> bool:
        """As JupyterHub's, which takes a start that was cancelled for a server that is ready."""
        return super().ready and not self._interrupted

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            self._interrupted = True
            raise

    @default("remove")
    def _default_remove(self) -> bool:
        return True  # an old container would start again with its old GPUs

    # --- before start: the lease ----------------------------------------------------------------

    async def run_pre_spawn_hook(self) -> None:
        """The admin's hook, then the lease (or the adoption of what still runs).

        May wait in line for hours: no timeout runs here. Raises Refusal.
        """
        Shutdown.expect()
        self.story.clear()
        self._interrupted = False
        self._lease = self._adopted = None
        self._choice = self.choose(self.user_options)
        self.apply(self._choice)
        self._refuse_crowd()
        with self._interruptible():
            await maybe_future(super().run_pre_spawn_hook())
            await self.prepare_person()
            with self.in_words(self._choice.display_name):
                await self._prepare(self._choice)

    async def prepare_person(self) -> None:
        """What must be known of the person before a lease is asked for. Raises Refusal."""

    async def files(self) -> dict[str, bytes]:
        """What is put into the created container before it starts: absolute path -> content."""
        return await asyncio.to_thread(_contents, self.added_files)

    async def _prepare(self, choice: profiles.Choice) -> None:
        await self._clear_the_way(choice)
        if self._adopted is None:
            # left from an earlier server whose release did not get through
            await self.release(self.lease_id)
            self._lease = await self.take_lease(choice)
            self.story.tell(_granted_in_words(self._lease), progress=40)

    def _refuse_crowd(self) -> None:
        """JupyterHub's limit of starts, not counting those who only wait."""
        GpuMixin._starters.add(self)
        starting = sum(
            1
            for each in GpuMixin._starters
            if each is not self and each.pending == "spawn" and not each.in_line
        )
        if self.starts_limit and starting >= self.starts_limit:
            text = "Too many servers are starting just now. Please try again in a minute."
            refusal = Refusal(text, reason="throttled", status_code=429)
            refusal.headers = {"Retry-After": CROWD_RETRY_S}
            raise refusal

    async def _clear_the_way(self, choice: profiles.Choice) -> None:
        found = await self.inspect(self.object_name)
        if not found:
            return
        if self.is_foreign(found):
            text = f"The name of your server's container, {self.object_name}, is another hub's."
            raise Refusal(text, reason="name-taken", status_code=409)
        self.object_id = found["Id"]
        if await self._may_adopt(found, choice):
            self.log.info("Adopting container %s of %s", found["Id"][:12], self._log_name)
            self.story.tell("Your previous server still runs; going back to it")
            self._adopted = found
            self.lease_id = labels_of(found)["gpuhub.lease"]
            return
        self.story.tell("Removing what is left of your previous server")
        await self.remove_for_good(found["Id"], self.removal_timeout, grace=is_running(found))
        self.object_id = ""
        await self.remove_cell()

    async def _may_adopt(self, found: dict[str, Any], choice: profiles.Choice) -> bool:
        """Only what is surely this server, with what was asked for now."""
        labels = labels_of(found)
        if not is_running(found) or not env_of(found).get(TOKEN):
            return False
        if labels.get("gpuhub.profile") != choice.slug or not labels.get("gpuhub.lease"):
            return False
        if choice.image and (found.get("Config") or {}).get("Image") != choice.image:
            return False
        try:
            lease = await self.allocator.lease(labels["gpuhub.lease"])
        except NotFound:
            return False
        if not await self.in_right_cell(found):
            return False
        same = lease.owner == self.owner and lease.container == found["Id"]
        return lease.state == "active" and same and lease.wants == choice.gpus

    # --- start: inject, bind --------------------------------------------------------------------

    async def start(self) -> Any:
        """Start the container with what the lease grants. Raises Refusal."""
        if self._adopted is not None:
            self.api_token = env_of(self._adopted)[TOKEN]
            return await self.get_ip_and_port()
        if self._lease is None:
            raise AssertionError("start() without the pre-spawn step: there is no lease")
        lease = self._lease
        try:
            asked_for = self._choice.display_name if self._choice else ""
            with self._interruptible(), self.in_words(asked_for):
                return await super().start()
        except asyncio.CancelledError:
            # when the hub itself ends nothing is undone: the next one goes on from what is there
            if not Shutdown.begun():
                self.in_background(self._undo(lease.id))
            raise

    def docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As DockerSpawner's; the server's container gets what the lease grants, no other does."""
        if method == "create_container" and kwargs.get("name") == self.object_name:
            if self._lease is None or self._choice is None:
                raise AssertionError("a container without a lease")
            kwargs = add_lease(self._lease, kwargs)
            kwargs["labels"] |= {"gpuhub.notebook": "1", "gpuhub.profile": self._choice.slug}
            add_limits(self.limits_of(self._choice), kwargs["host_config"])
        return super().docker(method, *args, **kwargs)

    async def start_object(self) -> None:
        """Bind the lease to the created container, then start it. Refused: it is removed."""
        if self._lease is None:
            raise AssertionError("a container without a lease")
        try:
            await self.allocator.bind(self._lease, self.object_id)
        except AllocatorError:
            await self.remove_for_good(self.object_id, self.removal_timeout, grace=False)
            self.object_id = ""
            raise
        if files := await self.files():
            await self.write_files(self.object_id, files)
        self.story.tell("Starting the container", progress=60)
        await super().start_object()
        self.story.tell("Waiting for the server to answer", progress=80)

    # --- the end --------------------------------------------------------------------------------

    async def stop(self, now: bool = False) -> None:
        """Stop and remove the container; return when it is gone.

        The allocator is told first, so that the books say "released" and not "exited".
        """
        container = self.object_id
        await self.release(self.lease_id, HINT_PATIENCE_S, final=False)
        await super().stop(now)
        if container and self.remove:
            await self.wait_gone(container, self.removal_timeout)

    async def run_post_stop_hook(self) -> None:
        """The admin's hook, then what must be true after every end and every failed start."""
        try:
            await maybe_future(super().run_post_stop_hook())
        finally:
            await self.release_all()  # first, so that the books say "released", not "exited"
            await self._remove_leftover()

    async def _remove_leftover(self, lease_id: str = "") -> None:
        """Remove our container if it does not run (Created, exited), or is of `lease_id`; and the
        cell, once no container of ours is left in it."""
        try:
            found = await self.inspect(self.object_name)
            if found:
                ours = "" if self.is_foreign(found) else labels_of(found).get("gpuhub.lease")
                if not ours or (ours != lease_id if lease_id else is_running(found)):
                    return
                await self.remove_for_good(found["Id"], self.removal_timeout, grace=False)
            await self.remove_cell(lease_id)
        except (StillThere, *ENGINE_ERRORS) as error:
            self.log.warning("Leftover of %s not removed: %s", self._log_name, error)

    async def _undo(self, lease_id: str) -> None:
        """After a cancelled start. The engine calls of a hub run in order, so this sees it all."""
        await self.release(lease_id)
        await self._remove_leftover(lease_id)

    # --- what belongs to this hub ---------------------------------------------------------------

    def is_foreign(self, container: dict[str, Any]) -> bool:
        """A container of another hub with the same engine: never polled, adopted or removed.

        What this hub noted as its own stays so when `hub_name` is changed.
        """
        owner = labels_of(container).get("gpuhub.owner")
        if owner is None or container["Id"] == self.object_id:
            return False
        return owner.partition("/")[0] != self.hub_name

    async def poll(self) -> Any:
        """As EngineTruth; and where the hub died while it stopped this server, the stop goes on."""
        status = await super().poll()
        if status is None and self._check_pending and await self._is_ending():
            self.log.warning("The stop of %s was interrupted: going on with it", self._log_name)
            return 0
        return status

    async def _is_ending(self) -> bool:
        try:
            found = await self.get_object()
            lease_id = labels_of(found).get("gpuhub.lease") if found else None
            if not lease_id:
                return False
            return (await self.allocator.lease(lease_id, HINT_PATIENCE_S)).state == "ending"
        except (AllocatorError, *ENGINE_ERRORS) as error:
            self.log.warning("Whether %s was ending is not known: %s", self._log_name, error)
            return False

    # --- the hub's database ---------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        state = super().get_state()
        if self.lease_id:
            state["lease_id"] = self.lease_id
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.lease_id = state.get("lease_id", "")

    # --- what people see ------------------------------------------------------------------------

    def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the start waits for, as it happens; at first what counts now."""
        return self.story.view()


def _contents(files: dict[str, str]) -> dict[str, bytes]:
    return {path: Path(source).read_bytes() for path, source in files.items()}


def _granted_in_words(lease: Lease) -> str:
    if not lease.gpus:
        return "No GPU was asked for; creating the container"
    names = ", ".join(f"GPU {gpu.index} ({gpu.model})" for gpu in lease.gpus)
    return f"You got {names}; creating the container"


class GpuDockerSpawner(GpuMixin, DockerSpawner):
    """DockerSpawner with leased GPUs."""
