"""Entries of the ledger as rows of a database: their columns, and what somebody has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from glowback_trio.model.ledger.chain import BrokenEntry, first_broken
from glowback_trio.model.ledger.entry import GENESIS, LedgerEntry, Tally
from glowback_trio.model.ledger.family import Family

__all__ = ["COLUMNS", "broken_row", "columns_of", "head_of", "legible"]

#: The columns in the order in which rows are read.
COLUMNS = (
    "number, previous, hash, name, fingerprint, dataset, origin, origin_id, owner, trials, rated, "
    "sharpe_sum, sharpe_square_sum, alike"
)
# Counts of a newest entry whose own are none.
_UNKNOWN: Any = {
    "dataset": GENESIS,
    "origin": "run",
    "origin_id": "",
    "owner": "",
    "trials": 1,
    "rated": 0,
    "sharpe_sum": 0.0,
    "sharpe_square_sum": 0.0,
}


def columns_of(tally: Tally) -> tuple[Any, ...]:
    """Return the columns of trials, which are those after number and hashes."""
    return (
        tally.family.name,
        tally.family.fingerprint,
        tally.dataset,
        tally.origin,
        tally.origin_id,
        tally.owner,
        tally.trials,
        tally.rated,
        tally.sharpe_sum,
        tally.sharpe_square_sum,
        tally.alike,
    )


def _entry(row: Sequence[Any]) -> LedgerEntry:
    number, previous, digest, name, fingerprint, *tally = row
    return LedgerEntry(number, previous, digest, Tally(Family(name, fingerprint), *tally))


def head_of(rows: Iterable[Sequence[Any]]) -> LedgerEntry | None:
    """Return the entry of the newest row, which is the only one; None if there is none."""
    for row in rows:
        try:
            return _entry(row)
        except ValueError:  # somebody has changed its counts; the next entry needs none of them
            number, previous, digest, name, *_ = row
            return LedgerEntry(number, previous, digest, Tally(Family(name), **_UNKNOWN))
    return None


def broken_row(rows: Iterable[Sequence[Any]]) -> BrokenEntry | None:
    """Return the first entry of the rows, all in order, that does not follow from those before."""
    seen = 0

    def entries() -> Iterator[LedgerEntry]:
        nonlocal seen
        for row in rows:
            yield _entry(row)
            seen += 1

    try:
        return first_broken(entries())
    except ValueError as error:  # of a count or a digest that no entry has
        return BrokenEntry(seen + 1, f"Entry {seen + 1} was changed: {error}")


def legible(rows: Iterable[Sequence[Any]]) -> Iterator[LedgerEntry]:
    """Yield what somebody has not changed into what no entry can be; `broken_row` names it."""
    for row in rows:
        with suppress(ValueError):
            yield _entry(row)
