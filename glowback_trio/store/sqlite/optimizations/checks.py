"""Check the optimizations in a file."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from glowback_trio.store import inspection
from glowback_trio.store.sqlite import queries
from glowback_trio.store.sqlite.optimizations import rows
from glowback_trio.store.sqlite.optimizations.ledger import broken_entry

__all__ = ["check_optimizations"]


def check_optimizations(connection: apsw.Connection) -> Iterator[str]:
    """Yield a sentence for everything that is wrong with the optimizations in a file."""
    yield from inspection.check_optimizations(rows, queries, connection, _stored)
    if (broken := broken_entry(connection)) is not None:
        yield f"The ledger of trials: {broken.reason}"


def _stored(connection: apsw.Connection, seq: int) -> int:
    sql = "SELECT ifnull(sum(count), 0) FROM event_batches WHERE run = ?"
    return int(connection.execute(sql, (seq,)).get)
