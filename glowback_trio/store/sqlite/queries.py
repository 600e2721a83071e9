"""The queries: what is read of a store, as values of the model."""

from __future__ import annotations

from collections.abc import Collection

import apsw

from glowback_trio.errors import DamagedError, StoreError, UnknownRunError
from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.result import Result
from glowback_trio.store.durable.event_batch import type_bits, unpack
from glowback_trio.store.durable.ports import Keeping, RunRow
from glowback_trio.store.sqlite.listing import STATUS, WITH_LABELS, list_statuses, status_of
from glowback_trio.wire.exports.packed_result import unpack_result

__all__ = [
    "any_forgotten",
    "expired",
    "find_by_key",
    "find_run",
    "forgotten",
    "free_pages",
    "last_seq",
    "list_statuses",
    "read_events",
    "read_result",
    "row_of",
    "run_ids",
    "select_events",
    "unfinished_ids",
]


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


def forgotten(connection: apsw.Connection) -> list[tuple[int, int]]:
    """Return number and count of event batches of each run or attempt that may be removed."""
    return list(
        connection.execute(
            "SELECT seq, (SELECT count(*) FROM event_batches WHERE run = seq) "
            f"FROM (SELECT seq FROM runs WHERE run_id IS NULL UNION ALL {_FORGOTTEN})"
        )
    )


_FORGOTTEN = (
    "SELECT seq FROM attempts WHERE optimization IN "
    "(SELECT seq FROM optimizations WHERE optimization_id IS NULL)"
)


def any_forgotten(connection: apsw.Connection) -> bool:
    """Return whether there is a run or an attempt whose rows may be removed."""
    runs = connection.execute("SELECT 1 FROM runs WHERE run_id IS NULL LIMIT 1").get
    return bool(runs or connection.execute(f"{_FORGOTTEN} LIMIT 1").get)


def free_pages(connection: apsw.Connection) -> int:
    """Return how many pages can be given back to the disk without rewriting the file."""
    if connection.pragma("auto_vacuum") != _INCREMENTAL:
        return 0
    return int(connection.pragma("freelist_count"))


_INCREMENTAL = 2


def expired(connection: apsw.Connection, keeping: Keeping, limit: int) -> list[str]:
    """Return the ids of finished runs that are not to be kept, oldest first, `limit` at most."""
    finished = "FROM runs WHERE finished_at IS NOT NULL AND run_id IS NOT NULL"
    if keeping.ended_since is not None:
        old = f"SELECT run_id {finished} AND finished_at < ? ORDER BY seq LIMIT ?"
        if found := [run_id for (run_id,) in connection.execute(old, (keeping.ended_since, limit))]:
            return found
    [(count, size)] = connection.execute(f"SELECT count(*), ifnull(sum(bytes), 0) {finished}")
    runs_over = 0 if keeping.runs is None else count - keeping.runs
    size_over = 0 if keeping.size is None else size - keeping.size
    found = []
    rows = connection.execute(
        f"SELECT run_id, bytes {finished} ORDER BY seq LIMIT ?", (min(limit, max(count - 1, 0)),)
    )
    for run_id, freed in rows:
        if runs_over <= 0 and size_over <= 0:
            break
        found.append(run_id)
        runs_over, size_over = runs_over - 1, size_over - freed
    return found


def last_seq(connection: apsw.Connection) -> int:
    """Return the number of the newest run or attempt; 0 if there is none."""
    sql = (
        "SELECT max((SELECT ifnull(max(seq), 0) FROM runs), "
        "(SELECT ifnull(max(seq), 0) FROM attempts))"
    )
    return int(connection.execute(sql).get)


def row_of(connection: apsw.Connection, run_id: str) -> int | None:
    """Return the number of a run's row, even if it cannot be read; None if there is none."""
    found: int | None = connection.execute("SELECT seq FROM runs WHERE run_id = ?", (run_id,)).get
    return found


def find_run(connection: apsw.Connection, run_id: str) -> RunRow:
    """Return a run's row.

    Raises:
        UnknownRunError: There is none.
    """
    sql = (
        f"SELECT seq, document, {STATUS} FROM {WITH_LABELS} JOIN requests ON requests.run = seq "
        "WHERE run_id = ? AND event_count > 0"
    )
    for seq, request, *columns in connection.execute(sql, (run_id,)):
        return RunRow(seq, request.encode(), status_of(columns))
    raise UnknownRunError(run_id)


def find_by_key(connection: apsw.Connection, key: str) -> str | None:
    """Return the id of the run that was opened with an idempotency key; None if there is none."""
    sql = "SELECT run_id FROM runs WHERE idempotency_key = ?"
    for (run_id,) in connection.execute(sql, (key,)):
        return str(run_id)
    return None


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


# Of each so many batches with a wanted type are read at once: some milliseconds.
_BATCHES = 32


def select_events(
    connection: apsw.Connection,
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
        seq: Number of the run's row.
        after: Only events with higher ids.
        until: Only events with ids up to this one.
        limit: How many at most.
        types: The types.

    Returns:
        The events, and the id up to which there is no other of these types.

    Raises:
        StoreError: They are damaged.
    """
    rows = connection.execute(_SELECT_BATCHES, (seq, after, until, type_bits(types), _BATCHES))
    events: list[Event] = []
    batches, newest = 0, after
    for row in rows:
        batches += 1
        newest = min(row[0] + row[1] - 1, until)
        events += [each for each in unpack(row, types) if after < each.event_id <= until]
        if len(events) >= limit:
            return events[:limit], events[limit - 1].event_id
    return events, newest if batches == _BATCHES else until


_SELECT_BATCHES = """
SELECT first_id, count, checksum, events FROM event_batches WHERE run = ?1 AND first_id IN (
    SELECT first_id FROM event_batches INDEXED BY batches_by_type
    WHERE run = ?1 AND types & ?4 AND first_id <= ?3 AND first_id >= (
        SELECT max(first_id) FROM event_batches WHERE run = ?1 AND first_id <= ?2 + 1
    )
    ORDER BY first_id LIMIT ?5
) ORDER BY first_id
"""


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
