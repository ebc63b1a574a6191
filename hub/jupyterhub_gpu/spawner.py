"""GpuMixin: a DockerSpawner whose servers hold a lease of GPUs, from before start to the end.

A spawn: the lease is taken in the pre-spawn step (no timeout runs there, and `progress` shows
what is waited for), injected when the container is created, bound before it starts, kept across
hub restarts, and given back after the container is gone. What happens in between is decided by
the allocator; this class asks, waits, injects, binds, releases.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from docker.errors import APIError
from dockerspawner import DockerSpawner
from jupyterhub.utils import maybe_future
from traitlets import Integer, Unicode, default

from . import profiles
from .allocator import (
    AllocatorDown,
    AllocatorError,
    NotFound,
    OwnerActive,
    OwnerEnding,
    Problem,
)
from .choices import ProfileChoice
from .engine import ENGINE_ERRORS, EngineTruth, StillThere, env_of, explain, is_running, labels_of
from .lease import ConflictingConfig, Lease, Owner, add_lease
from .words import Refusal, refuse

HINT_PATIENCE_S = 1.0
TOKEN = "JUPYTERHUB_API_TOKEN"


class GpuMixin(ProfileChoice, EngineTruth):
    """Leases GPUs for the servers of a DockerSpawner class: `class S(GpuMixin, DockerSpawner)`."""

    hub_name = Unicode(
        "hub",
        config=True,
        help="This hub's name among the owners of leases, as the allocator knows it by its "
        "socket. Default: `hub`. Since 0.1.",
    )
    ending_timeout = Integer(
        60,
        config=True,
        help="Seconds that a start waits for the end of the same owner's previous server. "
        "Default: 60. Since 0.1.",
    )
    removal_timeout = Integer(
        30,
        config=True,
        help="Seconds that the engine may take to remove a container. Default: 30. Since 0.1.",
    )

    lease_id = Unicode(help="The lease this server holds; empty: none. Kept in the hub's database.")
    _background: set[asyncio.Task[None]] = set()  # noqa: RUF012  (shared: tasks outlive spawners)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._lease: Lease | None = None
        self._adopted: dict[str, Any] | None = None
        self._profile: profiles.Profile | None = None
        self._messages: list[str] = []
        self._news = asyncio.Event()

    @property
    def owner(self) -> Owner:
        return Owner(self.hub_name, self.user.name, self.name)

    @default("remove")
    def _default_remove(self) -> bool:
        return True  # an old container would start again with its old GPUs

    # --- before start: the lease ----------------------------------------------------------------

    async def run_pre_spawn_hook(self) -> None:
        """The admin's hook, then the lease (or the adoption of what still runs).

        Raises Refusal. A cancelled ask gives back what it may still get.
        """
        self._messages = []
        self._lease = self._adopted = None
        self._profile = self.choose(self.user_options)
        await maybe_future(super().run_pre_spawn_hook())
        with self._in_words(self._profile.display_name):
            await self._clear_the_way(self._profile)
            if self._adopted is None:
                # left from an earlier server whose release did not get through
                await self._release(self.lease_id)
                self._lease = await self._take_lease(self._profile)
                self.lease_id = self._lease.id
                self._say(_granted_in_words(self._lease))

    async def _clear_the_way(self, profile: profiles.Profile) -> None:
        found = await self.get_object()
        if not found:
            return
        if await self._may_adopt(found, profile):
            self.log.info("Adopting container %s of %s", found["Id"][:12], self._log_name)
            self._say("Your previous server still runs; going back to it")
            self._adopted = found
            self.lease_id = labels_of(found)["gpuhub.lease"]
            return
        self._say("Removing what is left of your previous server")
        await self.remove_for_good(found["Id"], self.removal_timeout, grace=is_running(found))
        self.object_id = ""

    async def _may_adopt(self, found: dict[str, Any], profile: profiles.Profile) -> bool:
        """Only what is surely this server, with what was asked for now."""
        labels = labels_of(found)
        if not is_running(found) or not env_of(found).get(TOKEN):
            return False
        if labels.get("gpuhub.profile") != profile.slug or not labels.get("gpuhub.lease"):
            return False
        try:
            lease = await self.allocator.lease(labels["gpuhub.lease"])
        except NotFound:
            return False
        return (
            lease.state == "active" and lease.owner == self.owner and lease.container == found["Id"]
        )

    async def _take_lease(self, profile: profiles.Profile) -> Lease:
        owner = {"user": self.user.name, "server": self.name}
        groups = sorted(group.name for group in self.user.groups)
        request = {
            "request_id": f"{self.hub_name}:{uuid.uuid4().hex}",
            "owner": {**owner, "groups": groups},
            "gpus": dict(profile.gpus),
            "mode": profile.mode,
        }
        now = asyncio.get_running_loop().time
        deadline = now() + self.ending_timeout
        while True:
            try:
                return await self._ask(request)
            except OwnerEnding as error:
                if now() > deadline:
                    text = "Your previous server has not ended yet. Please try again in a minute."
                    raise Refusal(text, reason=error.slug, status_code=409) from error
                self._say("Waiting for the end of your previous server")
                await asyncio.sleep(error.retry_after_s or 1)
            except OwnerActive as error:
                if now() > deadline:
                    raise
                await self._end_forgotten(error)

    async def _ask(self, request: dict[str, Any]) -> Lease:
        asking = asyncio.ensure_future(self.allocator.ask(request))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._in_background(self._give_back_unseen(asking))
            raise

    async def _give_back_unseen(self, asking: asyncio.Future[Lease]) -> None:
        try:
            lease = await asking
        except AllocatorError:
            return
        await self._release(lease.id)

    async def _end_forgotten(self, error: OwnerActive) -> None:
        """This server's lease is active in a container that the hub lost track of: end it."""
        try:
            lease = Lease.parse(error.more.get("lease"))
        except ValueError as bad:
            raise AllocatorDown(str(bad)) from bad
        self._say("Ending a forgotten server of yours")
        await self._release(lease.id)
        if lease.container:
            await self.remove_for_good(lease.container, self.removal_timeout, grace=True)

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
            with self._in_words(self._profile.display_name if self._profile else ""):
                return await super().start()
        except asyncio.CancelledError:
            self._in_background(self._undo(lease.id))
            raise

    def docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As DockerSpawner's; what is created gets what the lease grants."""
        if method == "create_container":
            if self._lease is None or self._profile is None:
                raise AssertionError("a container without a lease")
            kwargs = add_lease(self._lease, kwargs)
            kwargs["labels"] |= {"gpuhub.notebook": "1", "gpuhub.profile": self._profile.slug}
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
        self._say("Starting the container")
        await super().start_object()
        self._say("Waiting for the server to answer")

    # --- the end --------------------------------------------------------------------------------

    async def stop(self, now: bool = False) -> None:
        """Stop and remove the container; return when it is gone.

        The allocator is told first, so that the books say "released" and not "exited".
        """
        container = self.object_id
        await self._release(self.lease_id, HINT_PATIENCE_S, final=False)
        await super().stop(now)
        if container and self.remove:
            await self.wait_gone(container, self.removal_timeout)

    async def run_post_stop_hook(self) -> None:
        """The admin's hook, then what must be true after every end and every failed start."""
        try:
            await maybe_future(super().run_post_stop_hook())
        finally:
            await self._release_all()  # first, so that the books say "released", not "exited"
            await self._remove_leftover()

    async def _remove_leftover(self, lease_id: str = "") -> None:
        """Remove our container if it does not run (Created, exited), or is of `lease_id`."""
        try:
            found = await self.inspect(self.object_name)
            if not found:
                return
            ours = labels_of(found).get("gpuhub.lease")
            if ours and (ours == lease_id if lease_id else not is_running(found)):
                await self.remove_for_good(found["Id"], self.removal_timeout, grace=False)
        except (StillThere, *ENGINE_ERRORS) as error:
            self.log.warning("Leftover of %s not removed: %s", self._log_name, error)

    async def _release_all(self) -> None:
        if self.lease_id:
            await self._release(self.lease_id)
            return
        # the hub may have died before it could note the lease
        try:
            for lease in await self.allocator.leases("live", self.user.name, self.name):
                await self._release(lease.id)
        except AllocatorError as error:
            self.log.warning("Leases of %s not looked up: %s", self._log_name, error)

    async def _release(
        self, lease_id: str, patience_s: float | None = None, *, final: bool = True
    ) -> None:
        """Give a lease back. A failure is only logged: the allocator sees the container's end."""
        if not lease_id:
            return
        try:
            await self.allocator.release(lease_id, patience_s)
        except NotFound:
            pass
        except AllocatorError as error:
            self.log.warning("Lease %s of %s not released: %s", lease_id, self._log_name, error)
            return
        if final and self.lease_id == lease_id:
            self.lease_id = ""
            self._lease = None

    async def _undo(self, lease_id: str) -> None:
        """After a cancelled start. The engine calls of a hub run in order, so this sees it all."""
        await self._release(lease_id)
        await self._remove_leftover(lease_id)

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

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What the start waits for, as it happens."""
        seen = 0
        while True:
            while seen < len(self._messages):
                yield {"progress": min(90, 20 + 15 * seen), "message": self._messages[seen]}
                seen += 1
            await self._news.wait()

    def _say(self, message: str) -> None:
        if self._messages[-1:] != [message]:
            self._messages.append(message)
            self._news.set()
            self._news = asyncio.Event()

    @contextmanager
    def _in_words(self, asked_for: str) -> Iterator[None]:
        """Turn what the allocator and the engine say into a Refusal that a person can read."""
        try:
            yield
        except AllocatorError as error:
            self.log.log(30 if isinstance(error, Problem) else 40, "%s: %s", self._log_name, error)
            raise refuse(error, asked_for) from error
        except ConflictingConfig as error:
            self.log.error("%s: %s", self._log_name, error)
            text = "The hub's configuration contradicts the bookkeeping of GPUs. Tell an admin."
            raise Refusal(text, reason="conflicting-config", status_code=500) from error
        except StillThere as error:
            text = "A container of your previous server could not be removed yet. Try again soon."
            raise Refusal(text, reason="still-there", status_code=503) from error
        except APIError as error:
            self.log.error("%s: %s", self._log_name, error)
            text = f"The container engine could not start your server: {explain(error)}"
            raise Refusal(text, reason="engine", status_code=500) from error
        except ENGINE_ERRORS as error:
            self.log.error("%s: %s", self._log_name, error)
            text = "The container engine does not answer. Try again in a minute."
            raise Refusal(text, reason="engine-down", status_code=503) from error

    @classmethod
    def _in_background(cls, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        GpuMixin._background.add(task)
        task.add_done_callback(GpuMixin._background.discard)


def _granted_in_words(lease: Lease) -> str:
    if not lease.gpus:
        return "No GPU was asked for; creating the container"
    names = ", ".join(f"GPU {gpu.index} ({gpu.model})" for gpu in lease.gpus)
    return f"You got {names}; creating the container"


class GpuDockerSpawner(GpuMixin, DockerSpawner):
    """DockerSpawner with leased GPUs."""
