"""Taking over: what gateways held that are gone, and what nobody has begun."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.actors.cluster.bars import Bars
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.border import Border, log_fault, restarted
from glowback_trio.errors import GlowbackError, StoreError
from glowback_trio.store.cluster import Cluster, Held, Named

__all__ = ["Claimer", "Finder", "Slots", "Taker"]

_log = logging.getLogger(__name__)

# Seconds between two looks at the leases, which must be far apart enough for a lease to be seen
# unchanged, and between two at what nobody holds.
_LOOK_S = 1.0
# Seconds for which this gateway must have seen the leases before it trusts an expired one: a store
# that was away comes back with all of them expired, and who was stopped sees old ones.
_STEADY_S = 5.0
# Seconds between two looks that make them one series.
_GAP_S = 3.0
# Seconds for which a gateway with the same bars may forestall one that has others.
_PATIENCE_S = 10.0
_FAULT = "What other gateways held is not taken over; it is tried again"


class Taker(Protocol):
    """The owner of the tasks of runs, or of optimizations."""

    async def take_over(self, held: Held, *, queued: bool) -> bool:
        """Go on with something that this gateway holds now.

        Args:
            held: What.
            queued: True if it was taken out of the queue, and another one may still take it.

        Returns:
            False if this gateway cannot, and others should.
        """

    async def lacks(self, held: Held) -> bool:
        """Return whether one with the same bars should go on with something that nobody holds.

        Raises:
            GlowbackError: It cannot be read.
        """

    def tenures(self) -> Collection[Tenure]:
        """Return the tenures of all that have not ended."""

    def lose(self, name: str) -> None:
        """Let go of one, which another gateway has taken."""

    def lose_all(self) -> None:
        """Let go of all that this gateway holds."""

    def note_changed(self, name: str) -> None:
        """Take note that others have changed one."""


class Slots(Protocol):
    """The slots in which runs are computed."""

    @property
    def free(self) -> int:
        """How many are free while nothing waits for one."""

    async def wait_free(self) -> None:
        """Wait until one is free while nothing waits for one."""


@define(eq=False)
class _Takers:
    """Hands over what this gateway holds now, and back what it cannot go on with."""

    _cluster: Cluster
    _takers: Mapping[str, Taker]
    bars: Bars

    async def lacks(self, held: Held) -> bool:
        """Return whether one with the same bars should go on with something."""
        try:
            return await self._takers[held.named[0]].lacks(held)
        except StoreError:
            raise  # it is tried again
        except GlowbackError:
            return False  # taking it over says what is wrong

    async def take(self, held: Held, *, queued: bool) -> None:
        """Go on with something, or give it back."""
        taken = False
        try:
            taken = await self._takers[held.named[0]].take_over(held, queued=queued)
        except StoreError:
            raise  # it is tried again
        except GlowbackError as error:
            _log.error("%s %s cannot be taken over: %s", *held.named, error)
        if not taken:
            self.bars.leave(held.named)
            await self._cluster.release([held.named])


@define(eq=False)
class Finder:
    """Finds leases that have expired, fences them, and takes over what nobody holds.

    Args:
        cluster: The gateways on the store.
        takers: Go on with it.
    """

    _cluster: Cluster
    _takers: _Takers
    #: Since when looks have followed on each other, and the last one.
    _steady_since: float = field(default=0.0, init=False)
    _looked_at: float = field(default=-1e9, init=False)
    _expired: set[int] = field(factory=set, init=False)
    #: Until when what nobody holds is left to gateways that have its bars.
    _due: dict[Named, float] = field(factory=dict, init=False)
    #: What this gateway may hold by now without knowing it: an answer of the store was lost.
    _unsure: dict[Named, Held] = field(factory=dict, init=False)

    @classmethod
    def of(cls, cluster: Cluster, takers: Mapping[str, Taker], bars: Bars) -> Finder:
        """Make the finder of a gateway."""
        return cls(cluster, _Takers(cluster, takers, bars))

    async def find_for_ever(self) -> None:
        """Be the task, until it is cancelled."""
        await restarted(self._find, log_fault(_FAULT))

    async def _find(self) -> None:
        while True:
            try:
                await self._look()
                if not self._cluster.fenced:
                    await self._take_free()
            except StoreError as error:
                self._looked_at = -1e9  # a new series begins
                _log.info("The leases of other gateways cannot be seen: %s", error)
            await trio.sleep(_LOOK_S)

    async def _look(self) -> None:
        """Fence leases that are seen expired a second time in a row."""
        leases = await self._cluster.leases()
        now = trio.current_time()
        if now - self._looked_at > _GAP_S:
            self._steady_since, self._expired = now, set()
        self._looked_at = now
        expired = {
            lease.epoch
            for lease in leases
            if not lease.alive and lease.epoch != self._cluster.epoch
        }
        known, self._expired = self._expired, expired
        if now - self._steady_since >= _STEADY_S and (due := known & expired):
            _log.warning("The leases of gateways %s have expired: they are fenced", sorted(due))
            await self._cluster.fence(due)

    async def _take_free(self) -> None:
        found = {**self._unsure, **{held.named: held for held in await self._cluster.free()}}
        self._due = {named: due for named, due in self._due.items() if named in found}
        for named, held in found.items():
            with Border(log_fault(_FAULT)):
                if named not in self._unsure and await self._leaves(held):
                    continue
                self._unsure[named] = held
                await self._take(held)

    async def _leaves(self, held: Held) -> bool:
        """Return whether something is left to others for now."""
        named, now = held.named, trio.current_time()
        if named not in self._due:
            lacks = held.fingerprint is not None and await self._takers.lacks(held)
            self._due[named] = now + _PATIENCE_S if lacks else 0.0
        if (due := self._due[named]) > now:
            return True
        if due:
            _log.warning("%s %s goes on here: nobody with the same bars has taken it over", *named)
            self._due[named] = 0.0
        return self._takers.bars.leaves(named)

    async def _take(self, held: Held) -> None:
        """Take something over, if nobody else has done so."""
        try:
            if await self._cluster.claim(held.named):
                await self._takers.take(held, queued=False)
        except StoreError as error:
            _log.info("%s %s is not taken over yet: %s", *held.named, error)
        else:
            del self._unsure[held.named]


@define(eq=False)
class Claimer:
    """Takes runs out of the queue that all gateways share, while there is a slot for them.

    Args:
        cluster: The gateways on the store.
        takers: Go on with it.
        slots: The slots of this gateway.
        bars: Says what is left to others.
    """

    _cluster: Cluster
    _takers: _Takers
    _slots: Slots
    _hint: trio.Event = field(factory=trio.Event, init=False)

    @classmethod
    def of(
        cls,
        cluster: Cluster,
        takers: Mapping[str, Taker],
        slots: Slots,
        bars: Bars,
    ) -> Claimer:
        """Make the claimer of a gateway."""
        return cls(cluster, _Takers(cluster, takers, bars), slots)

    def hint(self) -> None:
        """Look soon: something has changed."""
        self._hint.set()

    async def claim_for_ever(self) -> None:
        """Be the task, until it is cancelled."""
        await restarted(self._claim_again, log_fault(_FAULT))

    async def _claim_again(self) -> None:
        while True:
            await self._slots.wait_free()
            self._hint = trio.Event()
            if not await self._claim():
                with trio.move_on_after(_LOOK_S):
                    await self._hint.wait()
                # A gateway that queues a run and has a slot free is not to be forestalled.
                await trio.sleep(_FORESTALLED_S)
            await trio.sleep(_LEAST_S)

    async def _claim(self) -> bool:
        """Take some runs; True if there were any."""
        if self._cluster.fenced:
            return False
        left_out = self._takers.bars.left_out
        try:
            taken = await self._cluster.claim_queued(self._slots.free, left_out)
            for held in taken:
                await self._takers.take(held, queued=True)
        except StoreError as error:
            _log.info("The queue of all gateways cannot be seen: %s", error)
            return False
        return bool(taken)


# Seconds between two looks at the queue at least, and after a hint.
_LEAST_S = 0.02
_FORESTALLED_S = 0.1
