"""The ledger of trials of the store that keeps everything in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from attrs import define, field

from glowback_trio.model.ledger.chain import BrokenEntry, first_broken
from glowback_trio.model.ledger.entry import LedgerEntry, Tally, next_entry
from glowback_trio.model.ledger.family import Family
from glowback_trio.model.ledger.totals import TrialTotals, fold_totals, totals_of

__all__ = ["MemoryLedger"]


@define(eq=False)
class MemoryLedger:
    """The entries in a list: entry n has index n - 1."""

    _entries: list[LedgerEntry] = field(factory=list, init=False)

    async def head(self) -> LedgerEntry | None:
        """Return the newest entry."""
        return self._entries[-1] if self._entries else None

    async def broken(self) -> BrokenEntry | None:
        """Return the first entry that does not follow from those before it."""
        return first_broken(self._entries)

    def append(self, tally: Tally) -> None:
        """Enter trials as the next entry."""
        self._entries.append(next_entry(self._entries[-1] if self._entries else None, tally))

    async def totals_of(self, family: Family, dataset: str) -> TrialTotals:
        """Return the totals of a family, and those akin to it, on one dataset."""
        return totals_of((entry.tally for entry in self._entries), family, dataset)

    async def totals(
        self, strategy: str | None, dataset: str | None
    ) -> Mapping[tuple[str, str], TrialTotals]:
        """Return the totals by name of the strategy and digest of the bars."""
        return fold_totals(entry.tally for entry in self._some(strategy, dataset, None, 0))

    async def datasets_of(self, origin_id: str) -> frozenset[str]:
        """Return the digests of the bars on which trials of a run or optimization were made."""
        tallies = (entry.tally for entry in self._entries)
        return frozenset(tally.dataset for tally in tallies if tally.origin_id == origin_id)

    async def entries(
        self, strategy: str | None, dataset: str | None, owner: str | None, after: int, limit: int
    ) -> Sequence[LedgerEntry]:
        """Return entries in order."""
        return list(islice(self._some(strategy, dataset, owner, after), limit))

    def _some(
        self, strategy: str | None, dataset: str | None, owner: str | None, after: int
    ) -> Iterator[LedgerEntry]:
        for entry in islice(self._entries, after, None):
            tally = entry.tally
            given = ((strategy, tally.family.name), (dataset, tally.dataset), (owner, tally.owner))
            if all(wanted in (None, found) for wanted, found in given):
                yield entry
