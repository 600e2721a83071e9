"""A run's events as a feed, for many streams that ask for the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from weakref import WeakValueDictionary

from attrs import define, field

from glowback_trio.actors import Run
from glowback_trio.model.events import Event, EventType

__all__ = ["Feeds", "RunFeed", "heartbeat", "messages"]

_READ_AT_ONCE = 256
# A write is as long as what has gathered, up to about this.
_BYTES_AT_ONCE = 64 * 1024


def messages(events: Sequence[Event], batch: int | None) -> list[bytes]:
    """What a stream sends for these events: each by itself, or in arrays of up to `batch`."""
    texts = [event.data for event in events]
    if batch is None:
        return texts
    batches = (texts[start : start + batch] for start in range(0, len(texts), batch))
    return [b"[%b]" % b",".join(part) for part in batches]


def heartbeat(cursor: int) -> bytes:
    """Tell how far a stream has come, over what its filter leaves out as well."""
    return b'{"type":"heartbeat","event_id":%d}' % cursor


@define(eq=False)
class RunFeed:
    """One run, some types of events, one form. Shared by all streams that ask for just this.

    Attributes:
        run: The run.
        types: Only events of these types, and the terminal one; None: all.
        batch: Messages are arrays of up to so many events; None: single events.
        quiet: Seconds without an event after which a heartbeat is sent; inf for never.
    """

    run: Run
    types: Collection[EventType] | None
    batch: int | None
    quiet: float = math.inf

    def read(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Messages of the events after a cursor, and the cursor after them."""
        events, after = self.run.broadcaster.scan(cursor, _READ_AT_ONCE, self.types)
        if len(kept := _fitting(events)) < len(events):
            events, after = kept, kept[-1].event_id
        return messages(events, self.batch), after

    def ended(self, cursor: int) -> bool:
        """Whether the cursor has passed the run's terminal event."""
        return self.run.broadcaster.ended(cursor)

    def heartbeat(self, cursor: int) -> bytes:
        """Tell how far the stream has come."""
        return heartbeat(cursor)

    def watch(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Have `ring` called when the log has grown."""
        return self.run.broadcaster.watch(ring)


def _fitting(events: Sequence[Event]) -> Sequence[Event]:
    """The first events, as many as one write should take; at least one."""
    size = 0
    for count, event in enumerate(events, start=1):
        size += len(event.data)
        if size >= _BYTES_AT_ONCE:
            return events[:count]
    return events


@define(eq=False)
class Feeds:
    """The feeds that somebody follows, so that equal wishes share one."""

    _shared: WeakValueDictionary[tuple[object, ...], RunFeed] = field(
        factory=WeakValueDictionary, init=False
    )

    def of(
        self,
        run: Run,
        types: Collection[EventType] | None,
        batch: int | None,
        quiet: float = math.inf,
    ) -> RunFeed:
        """The feed of a run in one form."""
        wanted = None if types is None else frozenset(types)
        key = (run.run_id, wanted, batch, quiet)
        feed = self._shared.get(key)
        if feed is None or feed.run is not run:
            feed = self._shared[key] = RunFeed(run, wanted, batch, quiet)
        return feed
