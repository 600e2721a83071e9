"""Feeds: the events of a log as messages, shared by all streams of the same form."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol
from weakref import WeakValueDictionary

from attrs import define, field

from glowback_trio.actors import Streamed
from glowback_trio.memory import Account, Holding, Memory
from glowback_trio.model.events import AnyEventType, Event

__all__ = ["Feeds", "LogFeed", "heartbeat", "messages"]

_READ_AT_ONCE = 256
# Bytes of events per write, roughly; a write takes whatever is ready up to this.
_BYTES_AT_ONCE = 64 * 1024


class Text(Protocol):
    """A message that is sent as it is: an event, or a change."""

    @property
    def data(self) -> bytes:
        """Its bytes."""


def messages(events: Sequence[Text], batch: int | None, max_bytes: float = math.inf) -> list[bytes]:
    """Return these events as messages: one each, or arrays of up to `batch` events.

    An array takes at most `max_bytes`, because many WebSocket libraries refuse longer messages. An
    event that is longer than that by itself is alone in its array.
    """
    texts = [event.data for event in events]
    if batch is None:
        return texts
    return [
        array
        for start in range(0, len(texts), batch)
        for array in _arrays(texts[start : start + batch], max_bytes)
    ]


def _arrays(texts: Sequence[bytes], max_bytes: float) -> Iterator[bytes]:
    # Most batches fit, and joining them first takes a quarter of the time of adding up lengths.
    whole = _array(texts)
    if len(whole) <= max_bytes:
        yield whole
        return
    start, size = 0, 1
    for index, text in enumerate(texts):
        more = len(text) + 1  # with its comma, or the closing bracket
        if index > start and size + more > max_bytes:
            yield _array(texts[start:index])
            start, size = index, 1
        size += more
    yield _array(texts[start:])


def _array(texts: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(texts)


def heartbeat(cursor: int) -> bytes:
    """Return the heartbeat message: everything up to the cursor was sent or filtered out."""
    return b'{"type":"heartbeat","event_id":%d}' % cursor


@define(eq=False)
class LogFeed:
    """The events of one log, filtered and batched in one way, for every stream of that form.

    Attributes:
        source: What the log is of.
        types: Only events of these types, and the terminal event; None: all.
        batch: Most events in one message, which is an array then; None: single events.
        quiet: Seconds without an event after which a heartbeat is sent; inf: never.
        max_message_bytes: Most bytes in one array, unless a single event takes more; inf: no bound.
        held: What its messages take of the memory.
    """

    source: Streamed
    types: Collection[AnyEventType] | None
    batch: int | None
    quiet: float = math.inf
    max_message_bytes: float = math.inf
    held: Holding | None = None

    def read(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Return messages of the events after a cursor, and the cursor after them."""
        return self._fitting(*self.source.broadcaster.scan(cursor, _READ_AT_ONCE, self.types))

    def needs_load(self, cursor: int) -> bool:
        """Return True if `read` finds nothing at a cursor though the log has gone on from there."""
        return cursor < self.source.broadcaster.log.watermark

    async def load(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Return what `read` does, after waiting for events that have left memory."""
        return self._fitting(*await self.source.broadcaster.load(cursor, _READ_AT_ONCE, self.types))

    def _fitting(self, events: Sequence[Event], after: int) -> tuple[Sequence[bytes], int]:
        if len(kept := _first(events)) < len(events):
            events, after = kept, kept[-1].event_id
        return messages(events, self.batch, self.max_message_bytes), after

    def ended(self, cursor: int) -> bool:
        """Return whether the cursor is at or after the terminal event."""
        return self.source.broadcaster.ended(cursor)

    def heartbeat(self, cursor: int) -> bytes:
        """Return the heartbeat message for a cursor."""
        return heartbeat(cursor)

    def watch(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Call `ring` whenever the log has grown, until the returned function is called."""
        return self.source.broadcaster.watch(ring)


def _first(events: Sequence[Event]) -> Sequence[Event]:
    """Return the first events, as many as fit into one write; at least one."""
    size = 0
    for count, event in enumerate(events, start=1):
        size += len(event.data)
        if size >= _BYTES_AT_ONCE:
            return events[:count]
    return events


@define(eq=False)
class Feeds:
    """The feeds in use; streams of the same log and form share one.

    A feed is dropped with its last stream, because only streams hold it strongly.

    Attributes:
        max_message_bytes: Most bytes in one array of events; inf: no bound.
        account: Told of what the messages of the feeds take.
    """

    max_message_bytes: float = math.inf
    account: Account = field(factory=lambda: Memory().account("feeds"))
    _shared: WeakValueDictionary[tuple[object, ...], LogFeed] = field(
        factory=WeakValueDictionary, init=False
    )

    def of(
        self,
        source: Streamed,
        types: Collection[AnyEventType] | None,
        batch: int | None,
        quiet: float = math.inf,
    ) -> LogFeed:
        """Return the feed of a log in one form."""
        wanted = None if types is None else frozenset(types)
        # By the object: a deleted run may live on in a feed while another one has its id.
        key = (source, wanted, batch, quiet)
        feed = self._shared.get(key)
        if feed is None:
            held = Holding(self.account)
            # The messages of one read, once as texts and once in frames.
            held.grow_to(2 * _BYTES_AT_ONCE)
            feed = LogFeed(source, wanted, batch, quiet, self.max_message_bytes, held)
            self._shared[key] = feed
        return feed
