"""The queries: what is read of a store, as values of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import orjson
from attrs import frozen

from glowback_trio.errors import DamagedError, StoreError, UnknownRunError
from glowback_trio.model.events import Event
from glowback_trio.model.instant import start_instant
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.result import Result
from glowback_trio.store.sqlite.event_batch import unpack
from glowback_trio.wire.exports.packed_result import unpack_result

__all__ = [
    "RunRow",
    "find_by_key",
    "find_run",
    "forgotten",
    "has_run",
    "last_seq",
    "list_statuses",
    "read_events",
    "read_result",
    "run_ids",
    "unfinished_ids",
]

_STATUS = (
    "run_id, state, created_at, strategy, symbols, progress, started_at, finished_at, error, "
    "event_count"
)


@frozen
class RunRow:
    """A run's row.

    Attributes:
        seq: Its number.
        request: The request as JSON.
        status: The status, which the writer keeps equal to a fold over the log.
    """

    seq: int
    request: bytes
    status: Status


def run_ids(connection: apsw.Connection) -> list[str]:
    """Return the ids of all runs, in the order in which they were opened."""
    rows = connection.execute("SELECT run_id FROM runs WHERE run_id IS NOT NULL ORDER BY seq")
    return [run_id for (run_id,) in rows]


def unfinished_ids(connection: apsw.Connection) -> list[str]:
    """Return the ids of the runs that have not ended, in the order in which they were opened."""
    rows = connection.execute(
        "SELECT run_id FROM runs WHERE finished_at IS NULL AND run_id IS NOT NULL "
        "AND event_count > 0 ORDER BY seq"
    )
    return [run_id for (run_id,) in rows]


def forgotten(connection: apsw.Connection) -> list[int]:
    """Return the numbers of the runs whose rows may be removed."""
    return [seq for (seq,) in connection.execute("SELECT seq FROM runs WHERE run_id IS NULL")]


def last_seq(connection: apsw.Connection) -> int:
    """Return the number of the newest run; 0 if there is none."""
    return int(connection.execute("SELECT ifnull(max(seq), 0) FROM runs").get)


def has_run(connection: apsw.Connection, run_id: str) -> bool:
    """Return whether a run has this id, even one that cannot be read."""
    sql = "SELECT count(*) FROM runs WHERE run_id = ?"
    return bool(connection.execute(sql, (run_id,)).get)


def find_run(connection: apsw.Connection, run_id: str) -> RunRow:
    """Return a run's row.

    Raises:
        UnknownRunError: There is none.
    """
    sql = f"SELECT seq, request, {_STATUS} FROM runs WHERE run_id = ? AND event_count > 0"
    for seq, request, *columns in connection.execute(sql, (run_id,)):
        return RunRow(seq, request.encode(), _status(columns))
    raise UnknownRunError(run_id)


def find_by_key(connection: apsw.Connection, key: str) -> str | None:
    """Return the id of the run that was opened with an idempotency key; None if there is none."""
    sql = "SELECT run_id FROM runs WHERE idempotency_key = ?"
    for (run_id,) in connection.execute(sql, (key,)):
        return str(run_id)
    return None


def list_statuses(
    connection: apsw.Connection, before: str | None, state: State | None, limit: int
) -> list[Status]:
    """Return the statuses of runs, newest first.

    Args:
        connection: A connection.
        before: Only runs that were opened before this one; None: all.
        state: Only runs in this state; None: all.
        limit: How many at most.

    Raises:
        UnknownRunError: There is no run `before`.
    """
    conditions = ["run_id IS NOT NULL", "event_count > 0"]
    values: list[int | str] = []
    if before is not None:
        conditions.append("seq < ?")
        values.append(find_run(connection, before).seq)
    if state is not None:
        conditions.append("state = ?")
        values.append(state.value)
    sql = f"SELECT {_STATUS} FROM runs WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?"
    return [_status(row) for row in connection.execute(sql, (*values, limit))]


def _status(columns: Sequence[Any]) -> Status:
    run_id, state, created, strategy, symbols, progress, started, finished, error, count = columns
    return Status(
        run_id=run_id,
        state=State(state),
        created_at=start_instant(created),
        strategy=strategy,
        symbols=tuple(orjson.loads(symbols)),
        progress=progress,
        started_at=None if started is None else start_instant(started),
        finished_at=None if finished is None else start_instant(finished),
        error=error,
        event_count=count,
    )


def read_events(connection: apsw.Connection, seq: int, after: int, limit: int) -> list[Event]:
    """Return the first `limit` events of a run with ids above `after`.

    Raises:
        StoreError: They are damaged, or missing.
    """
    rows = connection.execute(
        "SELECT first_id, count, checksum, events FROM event_batches WHERE run = ?1 AND first_id "
        "BETWEEN (SELECT max(first_id) FROM event_batches WHERE run = ?1 AND first_id <= ?2 + 1) "
        "AND ?2 + ?3 ORDER BY first_id",
        (seq, after, limit),
    )
    events: list[Event] = []
    for row in rows:
        if row[0] > after + 1 + len(events):
            break
        events += unpack(row)[max(0, after + 1 - row[0]) :]
    if len(events) < limit:
        raise StoreError(f"Stored events are missing from {after + len(events) + 1} on")
    return events[:limit]


def read_result(connection: apsw.Connection, run_id: str) -> Result:
    """Return the result of a run.

    Raises:
        UnknownRunError: There is none.
        StoreError: It is damaged.
    """
    sql = "SELECT packed FROM results JOIN runs ON run = seq WHERE run_id = ?"
    for (packed,) in connection.execute(sql, (run_id,)):
        try:
            return unpack_result(packed)
        except DamagedError as error:
            raise StoreError(f"The stored result is damaged: {error}") from error
    raise UnknownRunError(run_id)
