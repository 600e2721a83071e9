"""Who holds what: the port to the cluster, as requests and streams need it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from glowback_trio.store.cluster import Lease, Named

__all__ = ["Holding", "named_in"]


class Holding(Protocol):
    """What a gateway knows of the others on its store."""

    async def leases(self) -> Sequence[Lease]:
        """Return the gateways of the cluster, oldest first.

        Raises:
            StoreError: The store cannot be read.
        """

    def is_own(self, lease: Lease) -> bool:
        """Return whether a lease is that of this gateway."""

    def is_elsewhere(self, named: Named) -> bool:
        """Return whether something is in memory, has not ended, and is not held here."""

    def is_settled(self, named: Named) -> bool:
        """Return whether something is in memory, and has ended or is held here for good."""

    async def holder_of(self, named: Named) -> Lease | None:
        """Return which other gateway holds something; None: this one, nobody, or it has ended.

        Raises:
            StoreError: The store cannot be read.
        """

    async def hold(self, named: Named) -> None:
        """Hold what is to be changed and nobody holds; nothing happens if it has ended.

        Raises:
            HeldElsewhereError: Another gateway holds it.
            StoreError: The store cannot be read.
        """

    async def catch_up(self, named: Named) -> None:
        """Let what is followed be as far in memory as it is in the store.

        Raises:
            StoreError: The store cannot be read.
        """

    async def check_position(self, named: Named, cursor: int) -> None:
        """Check that the store has no event at a cursor which this gateway does not know of.

        Raises:
            StoreError: It has, or cannot be read.
        """

    def note_changed(self, named: Named) -> None:
        """Take note that another gateway has changed something, before its news arrive."""

    @property
    def lease_seconds_left(self) -> float:
        """Seconds that the lease of this gateway lives unless it is renewed."""

    @property
    def held(self) -> int:
        """The number of runs and optimizations that are computed here, or wait here."""

    @property
    def followed(self) -> int:
        """The number of runs and optimizations in memory that others compute."""

    @property
    def left(self) -> int:
        """The number of queued runs that are left to others, since their bars are not here."""


def named_in(arguments: Mapping[str, str]) -> Named | None:
    """Return what the parameters of a path name: a run, an optimization, or neither."""
    if (run_id := arguments.get("run_id")) is not None:
        return "run", run_id
    if (optimization_id := arguments.get("optimization_id")) is not None:
        return "optimization", optimization_id
    return None
