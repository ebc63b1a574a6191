"""Taking a lease for a server, in line if need be, and giving it back.

A mixin over any DockerSpawner class; GpuMixin builds on it. What is decided is decided by the
allocator; here it is asked, followed, said in words, and never forgotten.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from docker.errors import APIError
from traitlets import Integer, Unicode

from . import line_words
from .allocator import (
    AllocatorDown,
    AllocatorError,
    NotFound,
    OwnerActive,
    OwnerEnding,
    Problem,
)
from .choices import ProfileChoice
from .engine import ENGINE_ERRORS, EngineTruth, StillThere, explain
from .lease import BEFORE_START, ConflictingConfig, Lease, Owner
from .profiles import Choice
from .shutdown import Shutdown
from .story import Story
from .waiting import leave_line
from .words import Refusal, refuse

LOST_LINE_PAUSE_S = 1.0


class Leasing(ProfileChoice, EngineTruth):
    """A server's lease: asked for, waited for, given back."""

    hub_name = Unicode(
        "hub",
        config=True,
        help="This hub's name among the owners of leases, as the allocator knows it by its "
        "socket. Default: `hub`. Since 0.1.",
    )
    ending_timeout = Integer(
        60,
        config=True,
        help="Seconds that a start waits for the end of the same owner's previous server, where "
        "starts do not wait in line. Default: 60. Since 0.1.",
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
        self.story = Story()
        self.in_line = False
        self._asked = False

    @property
    def owner(self) -> Owner:
        return Owner(self.hub_name, self.user.name, self.name)

    # --- taking one -----------------------------------------------------------------------------

    async def take_lease(self, choice: Choice) -> Lease:
        """A granted lease, after a wait in line if need be. Raises Refusal or AllocatorError.

        A cancelled ask is given back, unless it is the hub itself that ends: then the place in
        line is kept, and taken up again by the next hub (see `resume`).
        """
        request = await self._request(choice)
        fresh = request["request_id"]
        earlier = await self._earlier_request(choice)
        request["request_id"] = earlier or fresh
        while True:
            lease = await self._ask_until_answered(request)
            self.lease_id = lease.id
            if lease.state not in BEFORE_START and request["request_id"] == earlier:
                request["request_id"] = fresh  # it ended before it could be taken up again
                continue
            if lease.state == "queued":
                try:
                    lease = await self._stand_in_line(lease, choice.display_name)
                except NotFound:
                    # a lost store forgets the line, by design
                    self.story.tell("The line was lost; you are put in line again")
                    await asyncio.sleep(LOST_LINE_PAUSE_S)
                    continue
            return lease

    async def _request(self, choice: Choice) -> dict[str, Any]:
        return {
            # unique over all hubs, attempts and restarts: only a repetition may have the same
            "request_id": f"{self.hub_name}:{uuid.uuid4().hex}",
            "owner": {"user": self.user.name, "server": self.name, "groups": self.group_names},
            "gpus": dict(choice.gpus),
            "mode": choice.mode,
            "wait": self.wait_in_line,
        }

    async def _earlier_request(self, choice: Choice) -> str | None:
        """The request of this server that a hub before this one left in line or just granted.

        Only with the same wants; else the new request replaces it.
        """
        for lease in await self.allocator.leases("live", self.user.name, self.name):
            same = lease.wants == choice.gpus and lease.mode == choice.mode
            if lease.state in BEFORE_START and same and lease.owner == self.owner:
                return lease.request_id
        return None

    async def _ask_until_answered(self, request: dict[str, Any]) -> Lease:
        now = asyncio.get_running_loop().time
        deadline = now() + self.ending_timeout
        while True:
            try:
                return await self._ask(request)
            except OwnerEnding as error:
                if now() > deadline:
                    text = "Your previous server has not ended yet. Please try again in a minute."
                    raise Refusal(text, reason=error.slug, status_code=409) from error
                self.story.tell("Waiting for the end of your previous server")
                await asyncio.sleep(error.retry_after_s or 1)
            except OwnerActive as error:
                if now() > deadline:
                    raise
                await self._end_forgotten(error)

    async def _ask(self, request: dict[str, Any]) -> Lease:
        self._asked = True
        asking = asyncio.ensure_future(self.allocator.ask(request))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            if not Shutdown.begun():
                self.in_background(self._give_back_unseen(asking))
            raise

    async def _give_back_unseen(self, asking: asyncio.Future[Lease]) -> None:
        try:
            lease = await asking
        except AllocatorError:
            return
        await self.release(lease.id)

    async def _end_forgotten(self, error: OwnerActive) -> None:
        """This server's lease is active in a container that the hub lost track of: end it."""
        try:
            lease = Lease.parse(error.more.get("lease"))
        except ValueError as bad:
            raise AllocatorDown(str(bad)) from bad
        self.story.tell("Ending a forgotten server of yours")
        await self.release(lease.id)
        if lease.container:
            await self.remove_for_good(lease.container, self.removal_timeout, grace=True)

    # --- in line --------------------------------------------------------------------------------

    async def _stand_in_line(self, lease: Lease, asked_for: str) -> Lease:
        """Wait, tell what changes, and return the grant. Raises Refusal if there is none."""
        line = _Line(self.story, asked_for)
        self.in_line = True
        try:
            lease = await leave_line(self.allocator, lease, line.show, line.say_outage)
        except asyncio.CancelledError:
            if not Shutdown.begun():
                self.in_background(self.release(lease.id))
            raise
        finally:
            self.in_line = False
        if lease.state != "granted":
            raise line_words.left_the_line(lease, asked_for, line.expires_at, datetime.now(UTC))
        return lease

    # --- giving it back -------------------------------------------------------------------------

    async def release(
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

    async def release_all(self) -> None:
        """Give back what this server holds.

        Where the hub before this one died before it could note the lease, what it left in line
        or just granted is kept: the start is taken up again, or the place lapses by itself.
        """
        if self.lease_id:
            await self.release(self.lease_id)
            return
        try:
            for lease in await self.allocator.leases("live", self.user.name, self.name):
                if self._asked or lease.state not in BEFORE_START:
                    await self.release(lease.id)
        except AllocatorError as error:
            self.log.warning("Leases of %s not looked up: %s", self._log_name, error)

    # --- words and tasks ------------------------------------------------------------------------

    @contextmanager
    def in_words(self, asked_for: str) -> Iterator[None]:
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
    def in_background(cls, work: Coroutine[Any, Any, None]) -> None:
        """Do it even though the task that wanted it is cancelled."""
        task = asyncio.ensure_future(work)
        Leasing._background.add(task)
        task.add_done_callback(Leasing._background.discard)


class _Line:
    """Tells of one wait in line, when there is something new to a person."""

    def __init__(self, story: Story, asked_for: str) -> None:
        self.story = story
        self.asked_for = asked_for
        self.expires_at: datetime | None = None
        self._position: int | None = None
        self._place: line_words.Place | None = None

    def show(self, lease: Lease) -> None:
        queue = lease.queue
        if queue is None:
            return
        self.expires_at = queue.expires_at
        place = line_words.Place.of(queue, self.asked_for, datetime.now(UTC))
        if place == self._place:
            return
        news = line_words.news_in_words(self._position, queue.position)
        self._place, self._position = place, queue.position
        self.story.tell(place.text(news), html=place.html(news), passing=True)

    def say_outage(self, error: AllocatorError) -> None:
        self._place = None  # it is said again when the allocator answers
        self.story.tell(line_words.outage_in_words(error), passing=True)
