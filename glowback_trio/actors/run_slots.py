"""Run slots: how many runs may run at once, first come first served."""

from __future__ import annotations

from collections import deque

import trio
from attrs import define, field

__all__ = ["RunSlots"]


@define(eq=False)
class RunSlots:
    """A fixed number of slots, given in the order in which they were requested.

    A slot is requested synchronously, because tasks that are started together begin in no
    particular order.

    Args:
        slots: How many there are.
    """

    slots: int
    #: Each slot that is held or waited for is an event, which is set when it is given.
    _holders: set[trio.Event] = field(factory=set, init=False)
    _queue: deque[trio.Event] = field(factory=deque, init=False)

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._queue)

    def request(self) -> trio.Event:
        """Request a slot; the event is set when it is given."""
        slot = trio.Event()
        self._queue.append(slot)
        self._give()
        return slot

    def release(self, slot: trio.Event) -> None:
        """Release a slot, or withdraw the request for it."""
        if slot in self._holders:
            self._holders.remove(slot)
        else:
            self._queue.remove(slot)
        self._give()

    def _give(self) -> None:
        while self._queue and len(self._holders) < self.slots:
            slot = self._queue.popleft()
            self._holders.add(slot)
            slot.set()
