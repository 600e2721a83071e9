"""A log that is held in memory as a whole."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence

from attrs import define, field

from glowback_trio.memory import Holding, Memory
from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.short_repr import counted, describe
from glowback_trio.store.event_log import EVENT_OVERHEAD

__all__ = ["MemoryLog"]

# A log tells the account of what it holds when it has grown by so much.
_GROWTH = 1 << 16


@define(eq=False, repr=False, weakref_slot=True)
class MemoryLog:
    """A run's events in a list: event n has index n - 1. An event is durable at once.

    What it takes counts until its last reader has let it go.
    """

    _on_durable: Callable[[], None]
    _held: Holding = field(factory=lambda: Holding(Memory().account("logs")))
    _events: list[Event] = field(factory=list, init=False)
    #: The ids of the events of each type.
    _ids: dict[AnyEventType, array[int]] = field(factory=dict, init=False)
    #: Bytes that the events take, roughly.
    size: int = field(default=0, init=False)

    def __repr__(self) -> str:
        return describe(self, counted(len(self._events), "event"), size=self.size)

    @property
    def watermark(self) -> int:
        """Id of the newest event."""
        return len(self._events)

    def append(self, event: Event) -> None:
        """Take the next event and say that it is durable."""
        self._events.append(event)
        if event.type not in self._ids:
            self._ids[event.type] = array("Q")
        self._ids[event.type].append(event.event_id)
        self.size += len(event.data) + EVENT_OVERHEAD
        if self.size - self._held.size >= _GROWTH:
            self._held.grow_to(self.size)
        self._on_durable()

    def read_nowait(self, after: int, limit: int) -> Sequence[Event]:
        """Return up to `limit` events with ids above `after`."""
        return self._events[after : after + limit]

    async def read(self, after: int, limit: int) -> Sequence[Event]:
        """Return the same: no event leaves memory before its run does."""
        return self.read_nowait(after, limit)

    def select_nowait(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        """Return up to `limit` events of these types, and the id up to which there is no other."""
        newest = self.watermark
        found: list[int] = []
        for kind in types:
            ids = self._ids.get(kind, ())
            first = bisect_right(ids, after)
            found += ids[first : first + limit]
        found = sorted(found)[:limit]
        events = [self._events[event_id - 1] for event_id in found]
        return events, found[-1] if len(found) == limit else max(after, newest)

    async def select(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        """Return the same: no event leaves memory before its run does."""
        return self.select_nowait(after, limit, types)

    def changes(self) -> Sequence[Event]:
        """Return the events that the status depends on: changes of state, the last progress."""
        state: AnyEventType = "state"
        states, _ = self.select_nowait(0, self.watermark, [state])
        last = [self._events[event_id - 1] for event_id in self._ids.get("progress", ())[-1:]]
        return sorted([*states, *last], key=lambda event: event.event_id)

    def ring(self, on_durable: Callable[[], None]) -> None:
        """Call this function from now on when an event is durable."""
        self._on_durable = on_durable

    def hold(self, held: Holding | None = None) -> None:
        """Tell the account, from now on perhaps another one, of all that it holds."""
        self._held = held or self._held
        self._held.grow_to(self.size)
