"""The ledger of trials in a database that gateways share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from attrs import define

from glowback_trio.model.ledger.chain import BrokenEntry
from glowback_trio.model.ledger.entry import LedgerEntry, Tally, digest_parts
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

__all__ = ["PostgresLedger", "broken_entry"]

_SUMS = (
    "coalesce(sum(trials), 0)::bigint, coalesce(sum(rated), 0)::bigint, "
    "coalesce(sum(sharpe_sum), 0.0), coalesce(sum(sharpe_square_sum), 0.0), "
    "coalesce(sum(alike), 0)::bigint"
)
_SOME = (
    "(%(strategy)s::text IS NULL OR name = %(strategy)s) "
    "AND (%(dataset)s::text IS NULL OR dataset = %(dataset)s) "
    "AND (%(owner)s::text IS NULL OR owner = %(owner)s) AND number > %(after)s"
)


@define(eq=False)
class PostgresLedger:
    """The entries as rows, which the database numbers and chains as they are committed.

    Args:
        session: Returns the open store.
    """

    _session: Callable[[], Session]

    async def head(self) -> LedgerEntry | None:
        """Return the newest entry."""
        found: LedgerEntry | None = await self._ask(_head)
        return found

    async def broken(self) -> BrokenEntry | None:
        """Return the first entry that does not follow from those before it."""
        found: BrokenEntry | None = await self._ask(broken_entry)
        return found

    def append(self, tally: Tally) -> None:
        """Enter trials as the next entry."""
        values = (*digest_parts(tally), *columns_of(tally))
        places = ", ".join(["%s"] * len(values))
        self._session().writer.add(
            Statement(f"SELECT append_to_ledger({places})", values, 800, last=True)
        )

    async def totals_of(self, family: Family, dataset: str) -> TrialTotals:
        """Return the totals of a family, and those akin to it, on one dataset."""
        found: TrialTotals = await self._ask(_totals_of, family, dataset)
        return found

    async def totals(
        self, strategy: str | None, dataset: str | None
    ) -> Mapping[tuple[str, str], TrialTotals]:
        """Return the totals by name of the strategy and digest of the bars."""
        wanted = {"strategy": strategy, "dataset": dataset, "owner": None, "after": 0}
        found: Mapping[tuple[str, str], TrialTotals] = await self._ask(_totals, wanted)
        return found

    async def datasets_of(self, origin_id: str) -> frozenset[str]:
        """Return the digests of the bars on which trials of a run or optimization were made."""
        found: frozenset[str] = await self._ask(_datasets_of, origin_id)
        return found

    async def entries(
        self, strategy: str | None, dataset: str | None, owner: str | None, after: int, limit: int
    ) -> Sequence[LedgerEntry]:
        """Return entries in order."""
        wanted = {"strategy": strategy, "dataset": dataset, "owner": owner, "after": after}
        found: Sequence[LedgerEntry] = await self._ask(_entries, wanted | {"limit": limit})
        return found

    async def _ask(self, query: Callable[..., Any], *args: Any) -> Any:
        """Ask once what this gateway has handed over is written, if it can be written at all."""
        await self._session().catch_up()
        return await self._session().reader.ask(query, *args)


def _head(connection: psycopg.Connection) -> LedgerEntry | None:
    return head_of(connection.execute(f"SELECT {COLUMNS} FROM ledger ORDER BY number DESC LIMIT 1"))


def broken_entry(connection: psycopg.Connection) -> BrokenEntry | None:
    """Return the first entry of a database that does not follow from those before it."""
    # Row by row: the whole ledger may be longer than what should be in memory.
    with connection.cursor() as cursor:
        rows = cursor.stream(f"SELECT {COLUMNS} FROM ledger ORDER BY number")
        return broken_row(rows)


def _totals_of(connection: psycopg.Connection, family: Family, dataset: str) -> TrialTotals:
    sql = f"SELECT {_SUMS} FROM ledger WHERE dataset = %s AND (name = %s OR fingerprint = %s)"
    [sums] = connection.execute(sql, (dataset, family.name, family.fingerprint))
    return TrialTotals(*sums)


def _datasets_of(connection: psycopg.Connection, origin_id: str) -> frozenset[str]:
    sql = "SELECT DISTINCT dataset FROM ledger WHERE origin_id = %s"
    return frozenset(dataset for (dataset,) in connection.execute(sql, (origin_id,)))


def _totals(
    connection: psycopg.Connection, wanted: Mapping[str, Any]
) -> dict[tuple[str, str], TrialTotals]:
    sql = f"SELECT name, dataset, {_SUMS} FROM ledger WHERE {_SOME} GROUP BY name, dataset"
    rows = connection.execute(f"{sql} ORDER BY min(number)", wanted)
    return {(name, bars): TrialTotals(*sums) for name, bars, *sums in rows}


def _entries(connection: psycopg.Connection, wanted: Mapping[str, Any]) -> list[LedgerEntry]:
    sql = f"SELECT {COLUMNS} FROM ledger WHERE {_SOME} ORDER BY number LIMIT %(limit)s"
    return [*legible(connection.execute(sql, wanted))]
