"""A run's log: the newest events in memory, all durable ones on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from attrs import define, field

from glowback_trio.memory import Holding
from glowback_trio.model.events import Event
from glowback_trio.model.short_repr import describe
from glowback_trio.store.protocol import EVENT_OVERHEAD
from glowback_trio.store.sqlite.queries import read_events
from glowback_trio.store.sqlite.reader import Reader
from glowback_trio.store.sqlite.writer import Writer

__all__ = ["SqliteLog"]

# Enough for readers that are a turn or two late, so that only those that come late ask the disk.
_AT_HAND = 1024
# The same once the run has ended: its readers are at the end, or come much later.
_AT_HAND_ENDED = 64
# Events that a query brings at least: each has its way into a thread and back.
_AT_ONCE = 1024


@define(eq=False, repr=False, slots=True, weakref_slot=True)
class SqliteLog:
    """A run's events: those after `_before` are in memory, those up to `watermark` on disk.

    Args:
        seq: Number of the run's row.
        watermark: Id of the newest event that is on disk.
    """

    seq: int
    watermark: int
    _writer: Writer
    _reader: Reader
    _on_durable: Callable[[], None]
    _held: Holding
    _most: int = field(default=_AT_HAND, init=False)
    _before: int = field(init=False)
    _events: list[Event] = field(factory=list, init=False)
    _size: int = field(default=0, init=False)
    #: What the last query brought: a reader that goes through a log needs few of them.
    _ahead: Sequence[Event] = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        self._before = self.watermark

    def __repr__(self) -> str:
        return describe(self, f"{self.watermark:,} events", in_memory=len(self._events))

    def append(self, event: Event) -> None:
        """Hand the next event over to the writer."""
        self._events.append(event)
        self._size += len(event.data) + EVENT_OVERHEAD
        self._writer.add_event(self, len(event.data))

    def read_nowait(self, after: int, limit: int) -> Sequence[Event]:
        """Return events that are in memory and on disk."""
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
            self._ahead = await self._reader.ask(read_events, self.seq, after, more)
            events = self._ahead[:limit]
        if after + limit == self.watermark:
            self._ahead = ()  # the reader is through
        return events

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

    def shrink(self) -> None:
        """Keep fewer events in memory from now on: the run has ended."""
        self._most, self._ahead = _AT_HAND_ENDED, ()
        self._leave(self._most)
        self._held.grow_to(self._size)

    def _leave(self, most: int) -> None:
        """Let all but the newest events leave memory, but none that is not durable."""
        leaving = min(len(self._events) - most, self.watermark - self._before)
        if leaving > 0:
            self._size -= sum(len(event.data) + EVENT_OVERHEAD for event in self._events[:leaving])
            del self._events[:leaving]
            self._before += leaving
