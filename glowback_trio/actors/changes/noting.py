"""Noting changes: one task that looks, a few times a second at most, at what has been touched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import trio
from attrs import define, field

from glowback_trio.actors.broadcaster import Broadcaster
from glowback_trio.actors.changes.change_log import ChangeLog, Key, Sight
from glowback_trio.border import Border, log_fault

__all__ = ["Changes", "Lookup"]

# Seconds between two looks: what happens in between is one change.
_PERIOD_S = 0.25
# Statuses that are looked at in a row: a millisecond's work.
_LOOKED_AT_PER_TURN = 50
_FAULT = "A change is not told to those who follow changes"

#: Returns how a run or an optimization stands; None where it is not there, or not
#: durable yet.
Lookup = Callable[[str], Awaitable[Sight | None]]


@define(eq=False)
class Changes:
    """Notes what becomes of the runs and optimizations of a gateway.

    Touching something costs nothing, so that thousands of runs may do it at every event. The task
    then looks at it once.

    Args:
        log: Where changes are noted.
    """

    log: ChangeLog
    #: What has been touched since the last look; True: it is deleted.
    _touched: dict[Key, bool] = field(factory=dict, init=False)
    _something: trio.Event = field(factory=trio.Event, init=False)
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)

    def follow(self, key: Key, broadcaster: Broadcaster) -> None:
        """Take note of whatever happens to a run or an optimization from now on, and of it itself.

        Args:
            key: The run or optimization.
            broadcaster: Its log as readers see it.
        """
        # Not the run itself: it would hold itself until the garbage collector comes.
        broadcaster.watch(lambda: self.touch(key))
        self.touch(key)

    def touch(self, key: Key) -> None:
        """Look at something soon."""
        if key not in self._touched:
            self._touched[key] = False
            self._something.set()

    def delete(self, key: Key) -> None:
        """Note soon that something is no longer there."""
        self._touched[key] = True
        self._something.set()

    async def note_for_ever(self, lookups: Mapping[str, Lookup]) -> None:
        """Be the task: note what has been touched, until `close`.

        Args:
            lookups: What gives the status of each kind.
        """
        with self._scope:
            while True:
                await self._something.wait()
                self._something = trio.Event()
                before = self.log.revision
                await self._note_touched(lookups)
                if self.log.revision > before:
                    self.log.bell.ring()
                await trio.sleep(_PERIOD_S)

    async def _note_touched(self, lookups: Mapping[str, Lookup]) -> None:
        touched, self._touched = self._touched, {}
        for count, (key, deleted) in enumerate(touched.items(), start=1):
            with Border(log_fault(_FAULT)):
                await self._note(key, lookups[key[0]], deleted=deleted)
            if count % _LOOKED_AT_PER_TURN == 0:
                await trio.lowlevel.checkpoint()

    async def _note(self, key: Key, lookup: Lookup, *, deleted: bool) -> None:
        if deleted:
            self.log.note_deleted(key)
            return
        sight = await lookup(key[1])
        # It may have been deleted while it was looked for: that is noted at the next look.
        if sight is not None and not self._touched.get(key, False):
            self.log.note(key, sight)

    def close(self) -> None:
        """End the task, and tell the readers that nothing more will come."""
        self._scope.cancel()
        self.log.close()
