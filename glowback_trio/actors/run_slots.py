"""Who may run: a fixed number of places, given in the order in which they were asked for."""

from __future__ import annotations

from collections import deque

import trio
from attrs import define, field

__all__ = ["RunSlots"]


@define(eq=False)
class RunSlots:
    """Places for running runs, first come first served.

    A place is asked for synchronously, because tasks that are started together begin in no
    particular order.
    """

    places: int
    _holders: set[trio.Event] = field(factory=set, init=False)
    _queue: deque[trio.Event] = field(factory=deque, init=False)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._queue)

    def ask(self) -> trio.Event:
        """Stand in line; the event is set when the place is given."""
        place = trio.Event()
        self._queue.append(place)
        self._admit()
        return place

    def give_back(self, place: trio.Event) -> None:
        """Leave the place, or the line."""
        if place in self._holders:
            self._holders.remove(place)
        else:
            self._queue.remove(place)
        self._admit()

    def _admit(self) -> None:
        while self._queue and len(self._holders) < self.places:
            place = self._queue.popleft()
            self._holders.add(place)
            place.set()
