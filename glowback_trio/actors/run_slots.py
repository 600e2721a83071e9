"""Run slots: how many runs may run at once, and whose turn it is."""

from __future__ import annotations

from collections import Counter

import trio
from attrs import define, field, frozen

__all__ = ["RunSlots"]


@frozen
class _Claim:
    """On whose account a slot is requested, and how urgently."""

    owner: str
    priority: int


@define(eq=False)
class RunSlots:
    """A fixed number of slots. A slot that is free goes to the highest priority that waits.

    Among equals it goes to the owner who holds the fewest slots, then to the one who was served the
    longest ago, so that one owner with a thousand runs does not make the others wait for them all;
    an owner's own runs are served first come, first served.

    A slot is requested synchronously, because tasks that are started together begin in no
    particular order.

    Args:
        slots: How many there are.
    """

    slots: int
    #: Each slot that is held or waited for is an event, which is set when it is given.
    _holders: dict[trio.Event, str] = field(factory=dict, init=False)
    #: In the order of arrival.
    _queue: dict[trio.Event, _Claim] = field(factory=dict, init=False)
    #: How many slots had been given when an owner got the latest one.
    _served: dict[str, int] = field(factory=dict, init=False)
    _given: int = field(default=0, init=False)

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._queue)

    def request(self, owner: str = "", priority: int = 0) -> trio.Event:
        """Request a slot; the event is set when it is given.

        Args:
            owner: On whose account.
            priority: Higher ones go first.
        """
        slot = trio.Event()
        self._queue[slot] = _Claim(owner, priority)
        self._give()
        return slot

    def release(self, slot: trio.Event) -> None:
        """Release a slot, or withdraw the request for it."""
        if slot in self._holders:
            del self._holders[slot]
        else:
            del self._queue[slot]
        self._give()

    def _give(self) -> None:
        while self._queue and len(self._holders) < self.slots:
            slot = self._next()
            owner = self._queue.pop(slot).owner
            self._holders[slot] = owner
            self._given += 1
            self._served[owner] = self._given
            slot.set()
        self._forget_absent()

    def _next(self) -> trio.Event:
        held = Counter(self._holders.values())
        ranks = {
            slot: (-claim.priority, held[claim.owner], self._served.get(claim.owner, 0))
            for slot, claim in self._queue.items()
        }
        # The first of equals is the one that came first: dicts keep that order.
        return min(ranks, key=ranks.__getitem__)

    def _forget_absent(self) -> None:
        """Forget when owners were served who neither hold nor wait: there may be any number."""
        present = {*self._holders.values(), *(claim.owner for claim in self._queue.values())}
        for owner in self._served.keys() - present:
            del self._served[owner]
