"""Appending events: one statement for many logs, which takes the next events of what is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg

from glowback_trio.model.events import Event
from glowback_trio.store.durable.changes import Row, attempt_changes, status_changes
from glowback_trio.store.durable.event_batch import pack
from glowback_trio.store.durable.writer import Pending
from glowback_trio.store.postgres.connecting import Connection

__all__ = ["append_to_attempts", "append_to_runs", "find_written", "run_changes"]

Appended = Sequence[tuple[Pending, Sequence[Event]]]
Cursor = psycopg.Cursor[tuple[Any, ...]]

_TYPES = {
    "seq": "bigint",
    "before": "bigint",
    "bytes": "bigint",
    "event_count": "bigint",
    "progress": "float8",
    "state": "text",
    "created_at": "timestamptz",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "error": "text",
}
_ATTEMPT = ("seq", "before", "bytes", "event_count", "finished_at")
_BATCH = ("run", "first_id", "count", "checksum", "events", "types")
_BATCH_TYPES = ("bigint", "bigint", "integer", "bigint", "bytea", "integer")


def _unnest(columns: Sequence[str]) -> str:
    arrays = ", ".join(f"%s::{_TYPES[name]}[]" for name in columns)
    return f"SELECT * FROM unnest({arrays}) AS given ({', '.join(columns)})"


# Only the rows that were held have their events stored, and are named in the answer.
_STORE = (
    ", stored AS (INSERT INTO event_batches ({columns}) SELECT batch.* FROM unnest({arrays}) "
    "AS batch ({columns}) JOIN taken ON taken.seq = batch.run) SELECT seq FROM taken"
).format(columns=", ".join(_BATCH), arrays=", ".join(f"%b::{each}[]" for each in _BATCH_TYPES))
# Columns that a run's new events do not change are NULL in `new`.
_APPEND_TO_RUNS = f"""
WITH new AS ({_unnest([*_TYPES])}), taken AS (
    UPDATE runs SET
        bytes = runs.bytes + new.bytes,
        event_count = new.event_count,
        progress = coalesce(new.progress, runs.progress),
        state = coalesce(new.state, runs.state),
        created_at = coalesce(new.created_at, runs.created_at),
        started_at = coalesce(new.started_at, runs.started_at),
        finished_at = new.finished_at,
        error = new.error,
        changed_at = clock_timestamp()
    FROM new
    WHERE runs.seq = new.seq AND runs.held_by = %s AND runs.event_count = new.before
    RETURNING runs.seq
){_STORE}
"""
# The rest of an attempt's status is noted as a whole.
_APPEND_TO_ATTEMPTS = f"""
WITH new AS ({_unnest(_ATTEMPT)}), taken AS (
    UPDATE attempts SET
        bytes = attempts.bytes + new.bytes,
        event_count = new.event_count,
        finished_at = new.finished_at
    FROM new, optimizations
    WHERE attempts.seq = new.seq AND optimizations.seq = attempts.optimization
        AND optimizations.held_by = %s AND attempts.event_count = new.before
    RETURNING attempts.seq
){_STORE}
"""


def append_to_runs(connection: Connection, epoch: int, logs: Appended) -> Iterator[Cursor]:
    """Hand over the next events of runs, and what these change of statuses.

    Yields:
        The answer, which has the numbers of the rows that have taken their events.
    """
    changes = [(*_begin(log, events), *run_changes(events)) for log, events in logs]
    if changes:
        yield _append(connection, _APPEND_TO_RUNS, changes, epoch, logs)


def append_to_attempts(connection: Connection, epoch: int, logs: Appended) -> Iterator[Cursor]:
    """Hand over the next events of attempts, and yield the same."""
    changes = [(*_begin(log, events), *attempt_changes(events)) for log, events in logs]
    if changes:
        yield _append(connection, _APPEND_TO_ATTEMPTS, changes, epoch, logs)


def run_changes(events: Sequence[Event]) -> Row:
    """Return what events change in the row of a run, as the database takes it."""
    *columns, error = status_changes(events)
    # No text in PostgreSQL holds this character; the log has it as it was.
    return *columns, error and error.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _begin(log: Pending, events: Sequence[Event]) -> Row:
    return log.row.value, events[0].event_id - 1


def _append(
    connection: Connection, sql: str, changes: Sequence[Row], epoch: int, logs: Appended
) -> Cursor:
    batches = [(log.row.value, *row) for log, events in logs for row in pack(events)]
    values = (*map(list, zip(*changes, strict=True)), epoch, *map(list, zip(*batches, strict=True)))
    return connection.execute(sql.encode(), values)


def find_written(connection: Connection, logs: Appended) -> set[int]:
    """Return the numbers of the rows of those logs whose events are stored."""
    found: set[int] = set()
    for table in ("runs", "attempts"):
        newest = [(log.row.value, events[-1].event_id) for log, events in logs if events]
        rows = connection.execute(
            f"SELECT seq FROM {table} JOIN unnest(%s::bigint[], %s::bigint[]) AS given (row, id) "
            "ON seq = given.row AND event_count >= given.id".encode(),
            ([row for row, _ in newest], [event_id for _, event_id in newest]),
        )
        found |= {seq for (seq,) in rows}
    return found
