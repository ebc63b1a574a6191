"""Following a queued lease until it leaves the line: long polls, and renewals in between.

The caller's cancellation ends it at once; whether the place is given up is the caller's to say.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime

from .allocator import PASSING, AllocatorClient, AllocatorDown, AllocatorError
from .lease import Lease

POLL_S = 50  # the longest that the allocator holds an answer back
RENEWALS = 4  # in the time that the allocator gives
RENEW_AFTER_S = 2.0  # at the soonest
PAUSE_S = 0.2  # a line that moves all the time is looked at no more often than this
OUTAGE_S = 600.0  # how long a wait outlives an allocator that does not answer


async def leave_line(
    client: AllocatorClient,
    lease: Lease,
    show: Callable[[Lease], None],
    say_outage: Callable[[AllocatorError], None],
) -> Lease:
    """The lease once it is no longer queued: granted, or ended with its reason.

    `show` gets it whenever it may have changed, `say_outage` why it cannot be had. Raises
    NotFound (a lost store forgets the line), AllocatorDown after OUTAGE_S without any answer,
    Problem.
    """
    now = asyncio.get_running_loop().time
    renew_at, give_up_at = now() + _renew_in(lease), now() + OUTAGE_S
    show(lease)
    while lease.state == "queued":
        left = renew_at - now()
        try:
            if left < 1:
                lease = await client.renew(lease.id)
                renew_at = now() + _renew_in(lease)
            else:
                lease = await client.next_revision(lease, int(min(left, POLL_S)))
        except PASSING as error:
            if not isinstance(error, AllocatorDown):
                give_up_at = now() + OUTAGE_S  # it is there, and so is the line
            elif now() > give_up_at:
                raise
            say_outage(error)
            renew_at = now()  # answered at once, when there is an answer again
            continue
        give_up_at = now() + OUTAGE_S
        show(lease)
        if lease.state == "queued":
            await asyncio.sleep(PAUSE_S)
    return lease


def _renew_in(lease: Lease) -> float:
    """Seconds until the next renewal, from what is left of the time to renew."""
    if lease.queue is None:
        return math.inf
    left = (lease.queue.renew_by - datetime.now(UTC)).total_seconds()
    return max(left / RENEWALS, RENEW_AFTER_S)
