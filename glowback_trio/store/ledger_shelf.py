"""The promises of a store for the ledger of trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from glowback_trio.model.ledger.chain import BrokenEntry
from glowback_trio.model.ledger.entry import LedgerEntry, Tally
from glowback_trio.model.ledger.family import Family
from glowback_trio.model.ledger.totals import TrialTotals

__all__ = ["LedgerShelf"]


class LedgerShelf(Protocol):
    """The entries of the ledger. They are appended, and never change or leave."""

    async def head(self) -> LedgerEntry | None:
        """Return the newest entry, all included that was appended here; None if there is none."""

    async def broken(self) -> BrokenEntry | None:
        """Return the first entry that does not follow from those before it; None if all do."""

    def append(self, tally: Tally) -> None:
        """Enter trials as the next entry, durable no later than the events appended after it.

        The store numbers the entry and binds it to the one before it: where several gateways share
        a ledger, only a commit knows which one that is.
        """

    async def totals_of(self, family: Family, dataset: str) -> TrialTotals:
        """Return the totals of a family, and those akin to it, on one dataset."""

    async def totals(
        self, strategy: str | None, dataset: str | None
    ) -> Mapping[tuple[str, str], TrialTotals]:
        """Return the totals by name of the strategy and digest of the bars.

        Args:
            strategy: Only this one; None: all.
            dataset: Only this one; None: all.
        """

    async def datasets_of(self, origin_id: str) -> frozenset[str]:
        """Return the digests of the bars on which trials of a run or optimization were made."""

    async def entries(
        self, strategy: str | None, dataset: str | None, owner: str | None, after: int, limit: int
    ) -> Sequence[LedgerEntry]:
        """Return entries in order.

        Args:
            strategy: Only of this one; None: all.
            dataset: Only on this one; None: all.
            owner: Only of the owner with this digest; None: all.
            after: Only those with higher numbers.
            limit: How many at most.
        """
