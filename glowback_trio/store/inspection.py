"""Inspection: what is checked of what is stored, and the export of a run, whatever the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import orjson
from attrs import frozen

from glowback_trio.errors import GlowbackError, LogError, NotReadyError
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.lifecycle import State
from glowback_trio.store.durable.ports import OptimizationRows, RunQueries
from glowback_trio.wire.exports.run_export import RunExport

__all__ = ["StoredCounts", "check_optimizations", "check_run", "export_run"]


@frozen
class StoredCounts:
    """What the tables say of a run.

    Attributes:
        run_id: The run.
        seq: Number of its row.
        noted: How many events its row says that it has.
        stored: How many its batches have.
        ended: Whether its row says that it has ended.
        has_result: Whether a result is there.
    """

    run_id: str
    seq: int
    noted: int
    stored: int
    ended: bool
    has_result: bool


def check_run(queries: RunQueries, connection: Any, run: StoredCounts) -> None:
    """Read a run with all its events and its result.

    Args:
        queries: The queries of the database.
        connection: A connection.
        run: What its tables say.

    Raises:
        GlowbackError: Something is wrong with it.
        ValueError: The same.
        KeyError: The same.
    """
    if run.stored != run.noted:
        raise LogError(f"{run.stored:,} events are stored, and {run.noted:,} are noted")
    if run.noted:
        assert_sound(queries.read_events(connection, run.seq, 0, run.noted), ended=run.ended)
    if run.has_result:
        queries.read_result(connection, run.run_id)


def export_run(queries: RunQueries, connection: Any, run_id: str) -> RunExport:
    """Return a finished run as an export.

    Args:
        queries: The queries of the database.
        connection: A connection, in a transaction that sees one moment.
        run_id: The run.

    Raises:
        UnknownRunError: There is no such run.
        NotReadyError: It has not ended.
        StoreError: It is damaged.
    """
    row = queries.find_run(connection, run_id)
    if not row.status.finished:
        raise NotReadyError("The run has not ended: it can be exported once it has")
    events = queries.read_events(connection, row.seq, 0, row.status.event_count)
    lines = b"".join([b"%b\n" % event.data for event in events])
    completed = row.status.state is State.COMPLETED
    result = queries.read_result(connection, run_id) if completed else None
    labels = attrs.asdict(row.status.labels)
    return RunExport(run_id, orjson.loads(row.request), lines, result, labels=labels)


def check_optimizations(
    rows: OptimizationRows,
    queries: RunQueries,
    connection: Any,
    stored: Callable[[Any, int], int],
) -> Iterator[str]:
    """Yield a sentence for everything that is wrong with optimizations.

    Args:
        rows: The queries on optimizations.
        queries: The queries on runs, and on the events of both.
        connection: A connection.
        stored: Returns how many events the batches of a row have.
    """
    for optimization_id in rows.ids(connection):
        try:
            for row in rows.find_optimization(connection, optimization_id).attempts:
                noted, found = row.status.event_count, stored(connection, row.seq)
                if found != noted:
                    raise LogError(f"{found:,} events are stored, and {noted:,} are noted")
                events = queries.read_events(connection, row.seq, 0, noted)
                assert_sound(events, ended=row.status.finished, kind="optimization")
            rows.read_result(connection, optimization_id)
        except (GlowbackError, ValueError, KeyError) as error:
            yield f"Optimization {optimization_id}: {error}"
