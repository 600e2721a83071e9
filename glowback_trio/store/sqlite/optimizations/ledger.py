"""The ledger of trials in a store's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import apsw
from attrs import define, field

from glowback_trio.model.ledger.chain import BrokenEntry
from glowback_trio.model.ledger.entry import LedgerEntry, Tally, next_entry
from glowback_trio.model.ledger.family import Family
from glowback_trio.model.ledger.totals import TrialTotals
from glowback_trio.store.durable.ledger_rows import (
    COLUMNS,
    broken_row,
    columns_of,
    head_of,
    legible,
)
from glowback_trio.store.durable.session import Session
from glowback_trio.store.durable.statement import Statement

__all__ = ["SqliteLedger", "broken_entry"]

_SUMS = (
    "ifnull(sum(trials), 0), ifnull(sum(rated), 0), ifnull(sum(sharpe_sum), 0.0), "
    "ifnull(sum(sharpe_square_sum), 0.0), ifnull(sum(alike), 0)"
)
_SOME = (
    "(?1 IS NULL OR name = ?1) AND (?2 IS NULL OR dataset = ?2) AND (?3 IS NULL OR owner = ?3) "
    "AND number > ?4"
)


@define(eq=False)
class SqliteLedger:
    """The entries as rows.

    Args:
        session: Returns the open store.
    """

    _session: Callable[[], Session]
    #: The newest entry that was handed over. The file has one writer, so the next one follows it.
    _newest: LedgerEntry | None = field(default=None, init=False)

    async def load(self) -> None:
        """Find the newest entry of a file that was opened.

        Raises:
            StoreError: It cannot be read.
        """
        self._newest = await self._session().reader.ask(_head)

    async def head(self) -> LedgerEntry | None:
        """Return the newest entry."""
        return self._newest

    async def broken(self) -> BrokenEntry | None:
        """Return the first entry that does not follow from those before it."""
        found: BrokenEntry | None = await self._session().reader.ask(broken_entry)
        return found

    def append(self, tally: Tally) -> None:
        """Enter trials as the next entry."""
        entry = self._newest = next_entry(self._newest, tally)
        values = (entry.number, entry.previous, entry.hash, *columns_of(tally))
        places = ", ".join("?" * len(values))
        self._session().writer.add(
            Statement(f"INSERT INTO ledger ({COLUMNS}) VALUES ({places})", values, 400)
        )

    async def totals_of(self, family: Family, dataset: str) -> TrialTotals:
        """Return the totals of a family, and those akin to it, on one dataset."""
        await self._session().catch_up()
        found: TrialTotals = await self._session().reader.ask(_totals_of, family, dataset)
        return found

    async def totals(
        self, strategy: str | None, dataset: str | None
    ) -> Mapping[tuple[str, str], TrialTotals]:
        """Return the totals by name of the strategy and digest of the bars."""
        await self._session().catch_up()
        found: Mapping[tuple[str, str], TrialTotals] = await self._session().reader.ask(
            _totals, strategy, dataset
        )
        return found

    async def datasets_of(self, origin_id: str) -> frozenset[str]:
        """Return the digests of the bars on which trials of a run or optimization were made."""
        await self._session().catch_up()
        found: frozenset[str] = await self._session().reader.ask(_datasets_of, origin_id)
        return found

    async def entries(
        self, strategy: str | None, dataset: str | None, owner: str | None, after: int, limit: int
    ) -> Sequence[LedgerEntry]:
        """Return entries in order."""
        await self._session().catch_up()
        wanted = (strategy, dataset, owner, after, limit)
        found: Sequence[LedgerEntry] = await self._session().reader.ask(_entries, wanted)
        return found


def _head(connection: apsw.Connection) -> LedgerEntry | None:
    return head_of(connection.execute(f"SELECT {COLUMNS} FROM ledger ORDER BY number DESC LIMIT 1"))


def broken_entry(connection: apsw.Connection) -> BrokenEntry | None:
    """Return the first entry of a file that does not follow from those before it."""
    return broken_row(connection.execute(f"SELECT {COLUMNS} FROM ledger ORDER BY number"))


def _totals_of(connection: apsw.Connection, family: Family, dataset: str) -> TrialTotals:
    sql = f"SELECT {_SUMS} FROM ledger WHERE dataset = ? AND (name = ? OR fingerprint = ?)"
    [sums] = connection.execute(sql, (dataset, family.name, family.fingerprint))
    return TrialTotals(*sums)


def _datasets_of(connection: apsw.Connection, origin_id: str) -> frozenset[str]:
    sql = "SELECT DISTINCT dataset FROM ledger WHERE origin_id = ?"
    return frozenset(str(dataset) for (dataset,) in connection.execute(sql, (origin_id,)))


def _totals(
    connection: apsw.Connection, strategy: str | None, dataset: str | None
) -> dict[tuple[str, str], TrialTotals]:
    sql = f"SELECT name, dataset, {_SUMS} FROM ledger WHERE {_SOME} GROUP BY name, dataset"
    rows = connection.execute(f"{sql} ORDER BY min(number)", (strategy, dataset, None, 0))
    return {(name, bars): TrialTotals(*sums) for name, bars, *sums in rows}


def _entries(connection: apsw.Connection, wanted: Sequence[Any]) -> list[LedgerEntry]:
    sql = f"SELECT {COLUMNS} FROM ledger WHERE {_SOME} ORDER BY number LIMIT ?5"
    return [*legible(connection.execute(sql, wanted))]
