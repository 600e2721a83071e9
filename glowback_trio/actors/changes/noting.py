"""Noting changes: one task that looks, a few times a second at most, at what has been touched."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import trio
from attrs import define, field

from glowback_trio.actors.broadcaster import Broadcaster
from glowback_trio.actors.changes.change_log import ChangeLog, Key, Sight
from glowback_trio.border import Border, log_fault, restarted
from glowback_trio.errors import StoreError

__all__ = ["Changes", "Lookup"]

_log = logging.getLogger(__name__)

# Seconds between two looks: what happens in between is one change.
_PERIOD_S = 0.25
# Statuses that are looked at in a row: a millisecond's work.
_LOOKED_AT_PER_TURN = 50
# Seconds after which a store that could not tell something is asked again.
_RETRY_S = 1.0
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
    #: What has been touched since the last look, as an ordered set.
    _touched: dict[Key, None] = field(factory=dict, init=False)
    #: What is being looked up, unless it has been deleted meanwhile.
    _looked_up: Key | None = field(default=None, init=False)
    #: The revision that readers have been told of.
    _told: int = field(default=0, init=False)
    _something: trio.Event = field(factory=trio.Event, init=False)
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)

    def follow(self, key: Key, broadcaster: Broadcaster) -> None:
        """Take note of whatever happens to a run or an optimization from now on, and of it itself.

        Args:
            key: The run or optimization.
            broadcaster: Its log as readers see it.
        """
        # Not the run itself: it would hold itself until the garbage collector comes.
        broadcaster.watch(lambda: self._ring(key))
        self.touch(key)

    def _ring(self, key: Key) -> None:
        # The last events of what was deleted while it went on are nothing to look for.
        if not self.log.is_deleted(key):
            self.touch(key)

    def touch(self, key: Key) -> None:
        """Look at something soon."""
        if key not in self._touched:
            self._touched[key] = None
            self._something.set()

    def delete(self, key: Key) -> None:
        """Note that something is no longer there; readers are told soon."""
        self.log.note_deleted(key)
        self._touched.pop(key, None)
        if self._looked_up == key:
            self._looked_up = None
        self._something.set()

    async def note_for_ever(self, lookups: Mapping[str, Lookup]) -> None:
        """Be the task: note what has been touched, until `close`. After a fault it begins again.

        Args:
            lookups: What gives the status of each kind.
        """
        with self._scope:
            await restarted(partial(self._note_and_tell, lookups), log_fault(_FAULT))

    async def _note_and_tell(self, lookups: Mapping[str, Lookup]) -> None:
        while True:
            # A fault may have left something to do.
            if not self._touched and self._told == self.log.revision:
                self._something = trio.Event()
                await self._something.wait()
            whole = await self._note_touched(lookups)
            if self.log.revision > self._told:
                self._told = self.log.revision
                self.log.bell.ring()
            await trio.sleep(_PERIOD_S if whole else _RETRY_S)

    async def _note_touched(self, lookups: Mapping[str, Lookup]) -> bool:
        """Look at what has been touched; False if the store could not tell some of it."""
        # What is touched meanwhile is for the next look.
        unseen: StoreError | None = None
        for count, key in enumerate([*self._touched], start=1):
            if key not in self._touched:
                continue  # it was deleted meanwhile
            del self._touched[key]
            with Border(log_fault(_FAULT)):
                unseen = await self._note(key, lookups[key[0]]) or unseen
            if count % _LOOKED_AT_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        if unseen is not None:
            _log.info("Changes that the store cannot tell now are looked at again: %s", unseen)
        return unseen is None

    async def _note(self, key: Key, lookup: Lookup) -> StoreError | None:
        """Look at something; if the store cannot tell, look again and return why."""
        self._looked_up = key
        try:
            sight = await lookup(key[1])
        except StoreError as error:
            if self._looked_up == key:
                self.touch(key)
            return error
        if sight is not None and self._looked_up == key:
            self.log.note(key, sight)
        return None

    def close(self) -> None:
        """End the task, and tell the readers that nothing more will come."""
        self._scope.cancel()
        self.log.close()
