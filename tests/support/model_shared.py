"""A model of what gateways share besides runs: dictionaries instead of tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.store.shared_state import KeyClaim

__all__ = ["ModelShared", "ModelTables"]


@define(eq=False)
class ModelTables:
    """What all gateways see."""

    claims: dict[tuple[str, str], tuple[int, KeyClaim]] = field(factory=dict)
    fenced: set[int] = field(factory=set)
    tickets: dict[bytes, tuple[str, float]] = field(factory=dict)
    #: By the gateway that is to be told: what others have spent.
    rates: dict[int, Counter[str]] = field(factory=dict)
    #: True while the database is away.
    away: bool = False


@define(eq=False)
class ModelShared:
    """What a gateway with an epoch sees of them; each call is one turn of the event loop later."""

    _tables: ModelTables
    epoch: int
    _untold: Counter[str] = field(factory=Counter, init=False)

    def __attrs_post_init__(self) -> None:
        self._tables.rates[self.epoch] = Counter()

    async def claim_key(self, claim: KeyClaim) -> KeyClaim:
        await self._reached()
        place = (claim.kind, claim.key)
        epoch, held = self._tables.claims.get(place, (self.epoch, claim))
        if epoch == self.epoch or epoch in self._tables.fenced:
            self._tables.claims[place] = (self.epoch, claim)
            return claim
        return held

    async def release_key(self, claim: KeyClaim) -> None:
        await self._reached()
        place = (claim.kind, claim.key)
        if self._tables.claims.get(place, (0, None))[1] == claim:
            del self._tables.claims[place]

    async def keep_ticket(self, digest: bytes, holder: str, seconds: float) -> None:
        await self._reached()
        self._tables.tickets[digest] = (holder, trio.current_time() + seconds)

    async def take_ticket(self, digest: bytes) -> str | None:
        await self._reached()
        holder, until = self._tables.tickets.pop(digest, ("", 0.0))
        return holder if trio.current_time() < until else None

    async def exchange_rates(self, spent: Mapping[str, int]) -> Mapping[str, int]:
        self._untold.update(spent)
        await self._reached()
        spent, self._untold = self._untold, Counter()
        for epoch, untold in self._tables.rates.items():
            if epoch != self.epoch:
                untold.update(spent)
        told, self._tables.rates[self.epoch] = self._tables.rates[self.epoch], Counter()
        return told

    async def _reached(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._tables.away:
            raise StoreError("The database cannot be reached")
