"""The servers of a directory, asked in order until one answers.

Blocking: used in threads only (auth_directory, directory_check).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from .directory_answers import Away, Kind, Where
from .directory_session import Session, Talk

FORGIVEN_AFTER_S = 30.0  # a server that failed is asked last for so long


class Directory:
    """The servers, in the order of the config; one that failed lately is asked last."""

    def __init__(self, where: Where) -> None:
        self.where = where
        self._failed: dict[str, float] = {}

    def ask[T](self, talk: Talk, question: Callable[[Session], T]) -> T:
        """`question` with a session of the hub's account; asked again of the next server when

        one fails. Raises Away, the most telling one, if none is left.
        """
        order = sorted(self.where.servers, key=self._failed_lately)
        failures: list[Away] = []
        for count, server in enumerate(order):
            share_s = talk.left_s() / (len(order) - count)
            limit_s = min(self.where.timeout_s, share_s)
            try:
                with Session(self.where, server, talk, limit_s) as session:
                    session.login()
                    answer = question(session)
                self._failed.pop(server, None)
                return answer
            except Away as failure:
                failures.append(failure)
                if failure.kind in (Kind.ACCOUNT, Kind.QUESTION):
                    break  # it is there; the others would say the same
                self._failed[server] = time.monotonic()
        raise _most_telling(failures)

    def all_away(self) -> bool:
        """None has answered lately: what can wait is not worth the time."""
        return all(self._failed_lately(server) for server in self.where.servers)

    def _failed_lately(self, server: str) -> bool:
        at = self._failed.get(server)
        return at is not None and time.monotonic() - at < FORGIVEN_AFTER_S


def _most_telling(failures: Sequence[Away]) -> Away:
    order = list(Kind)
    worst = max(failures, key=lambda failure: order.index(failure.kind))
    reasons = "; ".join(str(failure) for failure in failures)
    return Away(worst.kind, worst.server, worst.reason if len(failures) == 1 else reasons)
