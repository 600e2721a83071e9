"""Comparing a run that is computed again after a restart with the log that it has."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import trio
from attrs import define, field

from glowback_trio.errors import LogError, StoreError
from glowback_trio.model.events import Event, EventDraft
from glowback_trio.store import EventLog

__all__ = ["Recomputation"]

_READ_AT_ONCE = 256
# A disk that fails is asked again after each of these times.
_RETRIES_S = (0.25, 1.0, 4.0, 4.0)


@define(eq=False)
class Recomputation:
    """The events of a log that are computed again, and that no reader may receive twice.

    Args:
        log: The log.
        cursor: Id of the last event that came from no draft.
        until: Id of the last event in the log.
    """

    _log: EventLog
    _cursor: int
    _until: int
    #: The bar that was reached.
    bar: int = field(default=0, init=False)
    _ahead: deque[Event] = field(factory=deque, init=False)

    @property
    def over(self) -> bool:
        """True once every event in the log has been computed again."""
        return self._cursor >= self._until

    async def new_drafts(self, drafts: Sequence[EventDraft]) -> Sequence[EventDraft]:
        """Return the drafts that the log does not have, after comparing those that it has.

        Raises:
            LogError: The log has an event of another type or payload, which the message names, or
                cannot be read.
        """
        for index, draft in enumerate(drafts):
            if self.over:
                return drafts[index:]
            self._compare(await self._next(), draft)
            self._cursor, self.bar = self._cursor + 1, draft.bar
        return ()

    def check_over(self) -> None:
        """Check that every event in the log has been computed again.

        Raises:
            LogError: One has not.
        """
        if not self.over:
            raise _difference(self._cursor + 1, "it was not computed again")

    async def _next(self) -> Event:
        if not self._ahead:
            self._ahead.extend(await self._read())
        return self._ahead.popleft()

    async def _read(self) -> Sequence[Event]:
        """Read on, if need be several times: a disk may fail for a moment."""
        for wait_s in _RETRIES_S:
            try:
                if events := await self._log.read(self._cursor, _READ_AT_ONCE):
                    return events
                # The last ones may not be durable yet.
            except StoreError:  # the store has said which
                pass
            await trio.sleep(wait_s)
        raise LogError("The run cannot be computed again: its log cannot be read")

    def _compare(self, event: Event, draft: EventDraft) -> None:
        # The payload ends the event; before it stand id, run, type and time.
        if event.type != draft.type or not event.data.endswith(b'"payload":%b}' % draft.payload):
            now = "other values" if event.type == draft.type else f"{draft.type} now"
            raise _difference(event.event_id, f"{event.type} then, {now}")


def _difference(event_id: int, how: str) -> LogError:
    return LogError(
        f"Computed again after a restart, the run differs from its log at event {event_id} "
        f"({how}): its data, its strategy or the package has changed"
    )
