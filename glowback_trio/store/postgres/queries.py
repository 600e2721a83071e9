"""The queries: what is read of runs and logs, as values of the model."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from glowback_trio.errors import DamagedError, StoreError, UnknownRunError
from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.result import Result
from glowback_trio.store.durable.event_batch import type_bits, unpack
from glowback_trio.store.durable.ports import Keeping, RunRow
from glowback_trio.store.postgres.connecting import Connection
from glowback_trio.store.postgres.listing import STATUS, WITH_LABELS, list_statuses, status_of
from glowback_trio.wire.exports.packed_result import unpack_result

__all__ = [
    "expired",
    "find_by_key",
    "find_run",
    "forgotten",
    "list_statuses",
    "read_events",
    "read_result",
    "row_of",
    "run_ids",
    "select_events",
    "unfinished_ids",
]


def _column(connection: Connection, sql: str, values: Any = ()) -> list[Any]:
    return [first for (first,) in connection.execute(sql.encode(), values)]


def run_ids(connection: Connection) -> list[str]:
    """Return the ids of all runs, in the order in which they were stored."""
    return _column(connection, "SELECT run_id FROM runs WHERE run_id IS NOT NULL ORDER BY seq")


def unfinished_ids(connection: Connection) -> list[str]:
    """Return the ids of the runs that have not ended, in the order in which they were stored."""
    sql = (
        "SELECT run_id FROM runs WHERE finished_at IS NULL AND run_id IS NOT NULL "
        "AND event_count > 0 ORDER BY seq"
    )
    return _column(connection, sql)


# While several gateways live, another one may still be reading what one of them has forgotten.
_MAY_GO = (
    "(changed_at < clock_timestamp() - interval '1 minute' "
    "OR (SELECT count(*) FROM gateways WHERE NOT fenced) < 2)"
)


def forgotten(connection: Connection) -> list[tuple[int, int]]:
    """Return number and count of event batches of each run or attempt that may be removed."""
    rows = connection.execute(
        "SELECT seq, (SELECT count(*) FROM event_batches WHERE run = seq) FROM ("
        f"SELECT seq FROM runs WHERE run_id IS NULL AND {_MAY_GO} UNION ALL "
        "SELECT attempts.seq FROM attempts JOIN optimizations ON optimization = optimizations.seq "
        f"WHERE optimization_id IS NULL AND {_MAY_GO}) AS gone".encode()
    )
    return [(seq, count) for seq, count in rows]


def expired(connection: Connection, keeping: Keeping, limit: int) -> list[str]:
    """Return the ids of finished runs that are not to be kept, oldest first, `limit` at most."""
    finished = "FROM runs WHERE finished_at IS NOT NULL AND run_id IS NOT NULL"
    if keeping.ended_since is not None:
        old = f"SELECT run_id {finished} AND finished_at < %s::timestamptz ORDER BY seq LIMIT %s"
        if found := _column(connection, old, (keeping.ended_since, limit)):
            return found
    [(count, size)] = connection.execute(
        f"SELECT count(*), coalesce(sum(bytes), 0)::bigint {finished}".encode()
    )
    runs_over = 0 if keeping.runs is None else count - keeping.runs
    size_over = 0 if keeping.size is None else size - keeping.size
    found = []
    rows = connection.execute(
        f"SELECT run_id, bytes {finished} ORDER BY seq LIMIT %s".encode(),
        (min(limit, max(count - 1, 0)),),
    )
    for run_id, freed in rows:
        if runs_over <= 0 and size_over <= 0:
            break
        found.append(run_id)
        runs_over, size_over = runs_over - 1, size_over - freed
    return found


def row_of(connection: Connection, run_id: str) -> int | None:
    """Return the number of a run's row, even if it cannot be read; None if there is none."""
    found = _column(connection, "SELECT seq FROM runs WHERE run_id = %s", (run_id,))
    return next(iter(found), None)


def find_run(connection: Connection, run_id: str) -> RunRow:
    """Return a run's row.

    Raises:
        UnknownRunError: There is none.
    """
    sql = (
        f"SELECT seq, document, {STATUS} FROM {WITH_LABELS} JOIN requests ON requests.run = seq "
        "WHERE run_id = %s AND event_count > 0"
    )
    for seq, request, *columns in connection.execute(sql.encode(), (run_id,)):
        return RunRow(seq, request.encode(), status_of(columns))
    raise UnknownRunError(run_id)


def find_by_key(connection: Connection, key: str) -> str | None:
    """Return the id of the run that was opened with an idempotency key; None if there is none."""
    sql = "SELECT run_id FROM runs WHERE idempotency_key = %s"
    return next(iter(_column(connection, sql, (key,))), None)


def read_events(connection: Connection, seq: int, after: int, limit: int) -> list[Event]:
    """Return the first `limit` events of a run or an attempt with ids above `after`.

    Raises:
        StoreError: They are damaged, or missing.
    """
    rows = connection.execute(_READ_BATCHES, {"seq": seq, "after": after, "limit": limit})
    events: list[Event] = []
    for row in rows:
        if row[0] > after + 1 + len(events):
            break
        events += unpack(row)[max(0, after + 1 - row[0]) :]
    if len(events) < limit:
        raise StoreError(f"Stored events are missing from {after + len(events) + 1} on")
    return events[:limit]


# Small numbers are sent as such, and their sum might be too large for one.
_FIRST = (
    "(SELECT max(first_id) FROM event_batches "
    "WHERE run = %(seq)s AND first_id <= %(after)s::bigint + 1)"
)
_READ_BATCHES = (
    "SELECT first_id, count, checksum, events FROM event_batches "
    f"WHERE run = %(seq)s AND first_id BETWEEN {_FIRST} AND %(after)s::bigint + %(limit)s "
    "ORDER BY first_id"
).encode()
# Of each so many batches with a wanted type are read at once: some milliseconds.
_BATCHES = 32
_SELECT_BATCHES = (
    "SELECT first_id, count, checksum, events FROM event_batches "
    "WHERE run = %(seq)s AND types & %(types)s <> 0 "
    f"AND first_id BETWEEN {_FIRST} AND %(until)s ORDER BY first_id LIMIT {_BATCHES}"
).encode()


def select_events(
    connection: Connection,
    seq: int,
    after: int,
    *,
    until: int,
    limit: int,
    types: Collection[AnyEventType],
) -> tuple[list[Event], int]:
    """Return the first `limit` events of some types, or fewer if they are far apart.

    Args:
        connection: A connection.
        seq: Number of the row of the run or the attempt.
        after: Only events with higher ids.
        until: Only events with ids up to this one.
        limit: How many at most.
        types: The types.

    Returns:
        The events, and the id up to which there is no other of these types.

    Raises:
        StoreError: They are damaged.
    """
    wanted = {"seq": seq, "after": after, "until": until, "types": type_bits(types)}
    events: list[Event] = []
    batches, newest = 0, after
    for row in connection.execute(_SELECT_BATCHES, wanted):
        batches += 1
        newest = min(row[0] + row[1] - 1, until)
        events += [each for each in unpack(row, types) if after < each.event_id <= until]
        if len(events) >= limit:
            return events[:limit], events[limit - 1].event_id
    return events, newest if batches == _BATCHES else until


def read_result(connection: Connection, run_id: str) -> Result:
    """Return the result of a run.

    Raises:
        UnknownRunError: There is none.
        StoreError: It is damaged.
    """
    sql = "SELECT packed FROM results JOIN runs ON run = seq WHERE run_id = %s"
    cursor = connection.cursor(binary=True)
    for (packed,) in cursor.execute(sql, (run_id,)):
        try:
            return unpack_result(packed)
        except DamagedError as error:
            raise StoreError(f"The stored result is damaged: {error}") from error
    raise UnknownRunError(run_id)
