"""A log: the newest events in memory, all durable ones in the database."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from itertools import islice

import trio
from attrs import define, field, frozen

from glowback_trio.errors import GlowbackError
from glowback_trio.memory import Holding
from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.short_repr import describe
from glowback_trio.store.cluster import Named
from glowback_trio.store.durable.ports import Asks, RunQueries
from glowback_trio.store.durable.statement import LogTable, RowNumber
from glowback_trio.store.durable.writer import Writer
from glowback_trio.store.event_log import EVENT_OVERHEAD

__all__ = ["DurableLog"]

# Enough for readers that are a turn or two late, so that only those that come late ask it.
_AT_HAND = 1024
# The same once the run has ended: its readers are at the end, or come much later.
_AT_HAND_ENDED = 64
# Events that a query brings at least: each has its way into a thread and back.
_AT_ONCE = 1024


@frozen
class _Selected:
    """Events that a query for some types has brought: all of these types, and perhaps others.

    Attributes:
        types: The types.
        after: All events have higher ids.
        until: The id up to which there is no other event of these types.
        events: The events.
    """

    types: Collection[AnyEventType]
    after: int
    until: int
    events: Sequence[Event]

    def has(self, after: int, types: Collection[AnyEventType]) -> bool:
        """Return whether it says what comes after an id."""
        return self.after <= after < self.until and self.types == types

    def take(self, after: int, limit: int) -> tuple[Sequence[Event], int]:
        """Return up to `limit` events with ids above `after`, until which id there is no other."""
        start = bisect_right(self.events, after, key=lambda event: event.event_id)
        found = self.events[start : start + limit]
        all_left = start + limit > len(self.events)
        return found, self.until if all_left else found[-1].event_id


@define(eq=False, repr=False, slots=True, weakref_slot=True)
class DurableLog:
    """Events of which those after `_before` are in memory, and those up to `watermark` are stored.

    Args:
        row: Number of the row of the run or the attempt.
        watermark: Id of the newest event that is stored.
        of: The table that this row is in.
        named: The run or optimization whose log it is, if that is known.
    """

    row: RowNumber
    watermark: int
    _writer: Writer
    _reader: Asks
    _queries: RunQueries
    _on_durable: Callable[[], None]
    _held: Holding
    of: LogTable = "runs"
    named: Named | None = None
    _most: int = field(default=_AT_HAND, init=False)
    _before: int = field(init=False)
    _events: list[Event] = field(factory=list, init=False)
    _size: int = field(default=0, init=False)
    #: What the last query brought: a reader that goes through a log needs few of them.
    _ahead: Sequence[Event] = field(default=(), init=False)
    _selected: _Selected | None = field(default=None, init=False)
    #: Why no event is taken; None: the next one is.
    _refusal: GlowbackError | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._before = self.watermark

    def __repr__(self) -> str:
        return describe(self, f"{self.watermark:,} events", in_memory=len(self._events))

    def append(self, event: Event) -> None:
        """Hand the next event over to the writer.

        Raises:
            HeldElsewhereError: Another gateway has begun to append to it.
        """
        if self._refusal is not None:
            raise self._refusal
        self._events.append(event)
        self._size += len(event.data) + EVENT_OVERHEAD
        self._writer.add_event(self, len(event.data))

    def read_nowait(self, after: int, limit: int) -> Sequence[Event]:
        """Return events that are in memory and stored."""
        start = after - self._before
        if start < 0:
            return ()
        return self._events[start : min(start + limit, self.watermark - self._before)]

    async def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return the same, after reading what has left memory."""
        await trio.lowlevel.checkpoint()
        if after >= self._before or after >= self.watermark:
            return self.read_nowait(after, limit)
        # Never more than a reader may see: the writer commits before it says so.
        limit = min(limit, self.watermark - after)
        if not (events := self._read_ahead(after, limit)):
            more = min(max(limit, _AT_ONCE), self.watermark - after)
            query = self._queries.read_events
            self._ahead = await self._reader.ask(query, self.row.value, after, more)
            events = self._ahead[:limit]
        if after + limit == self.watermark:
            self._ahead = ()  # the reader is through
        return events

    def select_nowait(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        """Return those events of these types that are in memory and stored."""
        start = after - self._before
        if start < 0:
            return (), after
        durable = islice(self._events, start, max(start, self.watermark - self._before))
        found = list(islice((event for event in durable if event.type in types), limit))
        all_left = len(found) < limit
        return found, max(after, self.watermark) if all_left else found[-1].event_id

    async def select(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        """Return the same, after reading what has left memory."""
        await trio.lowlevel.checkpoint()
        if after >= self._before or after >= self.watermark:
            return self.select_nowait(after, limit, types)
        types = frozenset(types)
        selected = self._selected
        if selected is None or not selected.has(after, types):
            until, more = self.watermark, max(limit, _AT_ONCE)
            events, until = await self._reader.ask(
                self._queries.select_events,
                self.row.value,
                after,
                until=until,
                limit=more,
                types=types,
            )
            selected = self._selected = _Selected(types, after, until, events)
        found, until = selected.take(after, limit)
        if until == self.watermark:
            self._selected = None  # the reader is through
        return found, until

    def _read_ahead(self, after: int, limit: int) -> Sequence[Event]:
        """Return events that the last query brought, if it brought all of these."""
        start = after + 1 - self._ahead[0].event_id if self._ahead else -1
        enough = 0 <= start <= len(self._ahead) - limit
        return self._ahead[start : start + limit] if enough else ()

    def unwritten(self) -> Sequence[Event]:
        """Return the events that are not durable yet."""
        return self._events[self.watermark - self._before :]

    def written(self, newest: int) -> None:
        """Move the watermark, let old events leave memory, and say so."""
        self.watermark = newest
        # Not at each commit: deleting at the front of a list moves all the rest.
        if len(self._events) > 2 * self._most:
            self._leave(self._most)
        self._held.grow_to(self._size)
        self._on_durable()

    def take_told(self, events: Sequence[Event]) -> None:
        """Take events over that are stored, since another gateway has told them.

        Args:
            events: In order; the first has the id `watermark` + 1.
        """
        self.drop_unwritten()
        self._events += events
        self._size += sum(len(event.data) + EVENT_OVERHEAD for event in events)
        self.written(self.watermark + len(events))

    def note_stored(self, count: int) -> None:
        """Let be read what another gateway has stored, up to an event; never fewer than before."""
        self.drop_unwritten()
        if count > self.watermark:
            self._events, self._size, self._before = [], 0, count
            self.written(count)

    def drop_unwritten(self, refusal: GlowbackError | None = None) -> None:
        """Let go of what is not stored, and never will be.

        Args:
            refusal: Raised by `append` from now on, until others are known to append.
        """
        self._refusal = refusal
        if unwritten := self.unwritten():
            self._size -= sum(len(event.data) + EVENT_OVERHEAD for event in unwritten)
            del self._events[self.watermark - self._before :]
        if refusal is not None:
            self._on_durable()

    def shrink(self) -> None:
        """Keep fewer events in memory from now on: the run has ended."""
        self._most, self._ahead, self._selected = _AT_HAND_ENDED, (), None
        self._leave(self._most)
        self._held.grow_to(self._size)

    def _leave(self, most: int) -> None:
        """Let all but the newest events leave memory, but none that is not durable."""
        leaving = min(len(self._events) - most, self.watermark - self._before)
        if leaving > 0:
            self._size -= sum(len(event.data) + EVENT_OVERHEAD for event in self._events[:leaving])
            del self._events[:leaving]
            self._before += leaving
