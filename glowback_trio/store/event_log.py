"""The promises of a log of events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from glowback_trio.model.events import AnyEventType, Event

__all__ = ["EVENT_OVERHEAD", "EventLog", "FollowedLog"]

#: Bytes that Python needs to hold an event besides those of `Event.data`: the value, its id, the
#: head of the bytes, the list's slot. 137 by tracemalloc over 100,000 events on CPython 3.11, and
#: 145 for a draft; rounded up.
EVENT_OVERHEAD = 150


class EventLog(Protocol):
    """Events of one run or attempt: that alone appends, many read, at any time from any cursor."""

    @property
    def watermark(self) -> int:
        """Id of the newest event that is as durable as the store promises; 0 before the first."""

    def append(self, event: Event) -> None:
        """Take the next event over. It can be read once the watermark has passed it.

        When this raises, the log is as it was.
        """

    def read_nowait(self, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events in order, the first of them with the id `after` + 1.

        Empty where that one is above the watermark, or has left memory: `read` gives it then.
        """

    async def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return what `read_nowait` does, after waiting for events that have left memory.

        Empty only where `after` is at the watermark.
        """

    def select_nowait(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        """Return up to `limit` events of these types with ids above `after`, found by an index.

        Returns:
            The events, and the id up to which none other is of these types: `after` where the one
            after it is above the watermark, or has left memory.
        """

    async def select(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        """Return what `select_nowait` does, after waiting for events that have left memory.

        The id is `after` only where that is at the watermark. There may be no event though there
        are some further on: a part of a long log is looked through at once.
        """


class FollowedLog(EventLog, Protocol):
    """A log in a store that several gateways share: also one that another gateway appends to."""

    def take_told(self, events: Sequence[Event]) -> None:
        """Take events over that the holder of the log has told, so they are in the store already.

        They can be read at once.

        Args:
            events: In order; the first has the id `watermark` + 1.
        """

    def note_stored(self, count: int) -> None:
        """Let be read what the store has of the log up to an event; fewer than before: nothing.

        Args:
            count: Id of the newest event that is in the store.
        """
