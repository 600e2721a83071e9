"""The lookout: one task that asks the store how far logs are that others hold, and who does."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import trio
from attrs import define, field

from glowback_trio.border import log_fault, restarted
from glowback_trio.errors import StoreError
from glowback_trio.store.cluster import Cluster, Lease, Named

__all__ = ["Lookout", "Sighting"]

_log = logging.getLogger(__name__)

# Seconds between two looks without a hint, and at least between any two.
_PERIOD_S = 2.0
_LEAST_S = 0.03
_FAULT = "The lookout for what other gateways compute has failed; it begins again"


@define(eq=False)
class Sighting:
    """What is known of a run or an optimization that another gateway holds.

    Attributes:
        named: The run or optimization.
        position: How many events the store has of its newest log.
        before: The same at the look before.
        holder: Who holds it; None: nobody.
        gone: True if the store does not have it.
        eager: True if it is looked at as soon as there is a hint.
    """

    named: Named
    position: int = field(default=0, init=False)
    before: int = field(default=0, init=False)
    holder: Lease | None = field(default=None, init=False)
    gone: bool = field(default=False, init=False)
    eager: bool = field(default=True, init=False)
    _seen: trio.Event = field(factory=trio.Event, init=False)

    async def wait_look(self) -> None:
        """Wait for the next look."""
        await self._seen.wait()

    def see(self, position: int | None, holder: Lease | None) -> None:
        """Take note of a look."""
        self.gone = position is None
        self.before, self.position = self.position, position or 0
        self.holder = holder
        self._seen.set()
        self._seen = trio.Event()


@define(eq=False)
class Lookout:
    """Looks at all that is followed, together.

    Args:
        cluster: The gateways on the store.
    """

    _cluster: Cluster
    _followed: dict[Sighting, None] = field(factory=dict, init=False)
    _look: trio.Event = field(factory=trio.Event, init=False)

    @property
    def epoch(self) -> int:
        """The number of this gateway's lease."""
        return self._cluster.epoch

    @contextmanager
    def watching(self, named: Named) -> Iterator[Sighting]:
        """Look at something for the length of a `with` block; the first look comes at once."""
        sighting = Sighting(named)
        self._followed[sighting] = None
        self._look.set()
        try:
            yield sighting
        finally:
            del self._followed[sighting]

    def hint(self, named: Collection[Named]) -> None:
        """Look soon, if one of these is followed by what the store says."""
        if any(each.eager and each.named in named for each in self._followed):
            self._look.set()

    async def positions(self, named: Collection[Named]) -> Mapping[Named, int]:
        """Return how many events the store has now of the newest logs of these.

        Raises:
            StoreError: It cannot be asked.
        """
        return await self._cluster.positions(named)

    async def look_for_ever(self) -> None:
        """Be the task, until it is cancelled."""
        await restarted(self._look_again, log_fault(_FAULT))

    async def _look_again(self) -> None:
        while True:
            await trio.sleep(_LEAST_S)
            if not self._followed:
                await self._look.wait()
            with trio.move_on_after(_PERIOD_S):
                await self._look.wait()
            self._look = trio.Event()
            try:
                await self._look_at([*self._followed])
            except StoreError as error:
                _log.info("What other gateways compute cannot be seen: %s", error)
                await trio.sleep(_PERIOD_S)

    async def _look_at(self, followed: Collection[Sighting]) -> None:
        named = {each.named for each in followed}
        if not named:
            return
        # In this order: what ends in between is looked at once more, by its end.
        holders = await self._cluster.holders(named)
        positions = await self._cluster.positions(named)
        for each in followed:
            each.see(positions.get(each.named), holders.get(each.named))
