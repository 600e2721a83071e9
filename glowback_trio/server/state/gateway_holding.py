"""What the gateway that is served knows of the others on its store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from glowback_trio.actors import Gateway, Optimization, Run
from glowback_trio.actors.cluster.membership import Membership
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.actors.optimizations.shared import SharedAttempt
from glowback_trio.errors import StoreError
from glowback_trio.store.cluster import Lease, Named

__all__ = ["GatewayHolding"]


@frozen(eq=False)
class GatewayHolding:
    """The port `Holding`, by a gateway and its part in the cluster."""

    gateway: Gateway
    membership: Membership

    async def leases(self) -> Sequence[Lease]:
        """Return the gateways of the cluster, oldest first."""
        return await self.membership.cluster.leases()

    def is_own(self, lease: Lease) -> bool:
        """Return whether a lease is that of this gateway."""
        return lease.epoch == self.membership.cluster.epoch

    def is_elsewhere(self, named: Named) -> bool:
        """Return whether something is in memory, has not ended, and is not held here."""
        work = self._in_memory(named)
        return work is not None and not work.held_here

    def is_settled(self, named: Named) -> bool:
        """Return whether something is in memory, and has ended or is held here for good."""
        if (work := self._in_memory(named)) is None:
            return False
        # A gateway that was stopped wakes up without knowing that others have taken over.
        return work.finished or (_tenure(work).here and self.lease_seconds_left > 0)

    async def holder_of(self, named: Named) -> Lease | None:
        """Return which other gateway holds something; None: this one, nobody, or it has ended."""
        # Asked about far more often than anything else is what is computed here, or has ended.
        if self.is_settled(named):
            return None
        return await self.membership.holder_of(named)

    async def hold(self, named: Named) -> None:
        """Hold what is to be changed and nobody holds; nothing happens if it has ended."""
        await (await self._loaded(named)).hold()

    async def catch_up(self, named: Named) -> None:
        """Let what is followed be as far in memory as it is in the store."""
        match self._in_memory(named):
            case Run() as run:
                await self.membership.catch_up(run)
            case Optimization() as optimization:
                shared = SharedAttempt(optimization, optimization.attempt())
                await self.membership.catch_up(shared)
            case _:
                pass

    async def check_position(self, named: Named, cursor: int) -> None:
        """Check that the store has no event at a cursor which this gateway does not know of."""
        position = (await self.membership.cluster.positions([named])).get(named, 0)
        if position >= cursor:
            raise StoreError(
                f"Event {cursor} of {named[0]} {named[1]} is stored, and not known here yet: this "
                "gateway was stopped or cut off for a while; try again"
            )

    def note_changed(self, named: Named) -> None:
        """Take note that another gateway has changed something, before its news arrive."""
        self.membership.note_changed(named)

    @property
    def lease_seconds_left(self) -> float:
        """Seconds that the lease of this gateway lives unless it is renewed."""
        return self.membership.lease_seconds_left

    @property
    def held(self) -> int:
        """The number of runs and optimizations that are computed here, or wait here."""
        return sum(work.held_here for work in self._live())

    @property
    def followed(self) -> int:
        """The number of runs and optimizations in memory that others compute."""
        return sum(not work.held_here for work in self._live())

    @property
    def left(self) -> int:
        """The number of queued runs that are left to others, since their bars are not here."""
        return self.membership.bars.left

    def _live(self) -> Iterator[Run | Optimization]:
        work: list[Run | Optimization] = [*self.gateway.runs(), *self.gateway.optimizations()]
        return (each for each in work if each.needs_task)

    def _in_memory(self, named: Named) -> Run | Optimization | None:
        kind, identity = named
        if kind == "run":
            return self.gateway.run(identity) if self.gateway.holds(identity) else None
        known = self.gateway.holds_optimization(identity)
        return self.gateway.optimization(identity) if known else None

    async def _loaded(self, named: Named) -> Run | Optimization:
        kind, identity = named
        if kind == "run":
            return await self.gateway.load_run(identity)
        return await self.gateway.load_optimization(identity)


def _tenure(work: Run | Optimization) -> Tenure:
    return work.tenure if isinstance(work, Run) else work.attempt().tenure
