"""Check the optimizations in a file."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from glowback_trio.errors import GlowbackError, LogError
from glowback_trio.model.invariants import assert_sound
from glowback_trio.store.sqlite.optimizations.ledger import broken_entry
from glowback_trio.store.sqlite.optimizations.rows import find_optimization, ids, read_result
from glowback_trio.store.sqlite.queries import read_events

__all__ = ["check_optimizations"]


def check_optimizations(connection: apsw.Connection) -> Iterator[str]:
    """Yield a sentence for everything that is wrong with the optimizations in a file."""
    for optimization_id in ids(connection):
        try:
            _check(connection, optimization_id)
        except (GlowbackError, ValueError, KeyError) as error:
            yield f"Optimization {optimization_id}: {error}"
    if (broken := broken_entry(connection)) is not None:
        yield f"The ledger of trials: {broken.reason}"


def _check(connection: apsw.Connection, optimization_id: str) -> None:
    batches = "SELECT ifnull(sum(count), 0) FROM event_batches WHERE run = ?"
    for row in find_optimization(connection, optimization_id).attempts:
        count = row.status.event_count
        if (found := connection.execute(batches, (row.seq,)).get) != count:
            raise LogError(f"{found:,} events are stored, and {count:,} are noted")
        events = read_events(connection, row.seq, 0, count)
        assert_sound(events, ended=row.status.finished, kind="optimization")
    read_result(connection, optimization_id)
