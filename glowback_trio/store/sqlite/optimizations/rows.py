"""The statements that change rows of optimizations, and the queries that read them."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from glowback_trio.model.optimization.errors import UnknownOptimizationError
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.store.durable.kept_optimizations import (
    pack_result,
    read_status,
    unpack_result,
)
from glowback_trio.store.durable.ports import AttemptRow, OptimizationRow
from glowback_trio.store.durable.statement import RowNumber, Statement
from glowback_trio.store.optimization_shelf import TrialNote
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.requests import optimization_document
from glowback_trio.wire.optimizations.statuses import (
    optimization_status_document,
)

__all__ = [
    "expired_ids",
    "find_by_key",
    "find_optimization",
    "forget",
    "ids",
    "insert_attempt",
    "insert_optimization",
    "insert_result",
    "list_statuses",
    "note_pause",
    "note_status",
    "note_trials",
    "read_notes",
    "read_result",
    "unfinished_ids",
]

_SEQ = "(SELECT seq FROM optimizations WHERE optimization_id = ?)"
#: Optimizations with the row of their newest attempt, as far as it has an event.
_NEWEST = (
    "optimizations JOIN attempts ON attempts.optimization = optimizations.seq AND number = "
    "(SELECT max(number) FROM attempts WHERE optimization = optimizations.seq AND event_count > 0) "
    "WHERE optimization_id IS NOT NULL"
)


def insert_optimization(
    optimization_id: str, key: str | None, request: OptimizationRequest
) -> Sequence[Statement]:
    """Return the statements that note a new optimization. An older one with the key loses it."""
    text = dumps(optimization_document(request)).decode()
    return [
        Statement(
            "UPDATE optimizations SET idempotency_key = NULL WHERE idempotency_key = ?", [key]
        ),
        Statement(
            "INSERT INTO optimizations (optimization_id, idempotency_key, request) "
            "VALUES (?, ?, ?)",
            (optimization_id, key, text),
            len(text),
        ),
    ]


def insert_attempt(row: RowNumber, optimization_id: str, number: int) -> Statement:
    """Return the statement that notes a new attempt, which is numbered with the runs."""
    return Statement(
        "INSERT INTO attempts (seq, optimization, number) SELECT ?, seq, ? FROM optimizations "
        "WHERE optimization_id = ?",
        (row.value, number, optimization_id),
    )


def note_status(status: OptimizationStatus) -> Statement:
    """Return the statement that replaces the status of an attempt."""
    text = dumps(optimization_status_document(status)).decode()
    return Statement(
        f"UPDATE attempts SET status = ? WHERE optimization = {_SEQ} AND number = ?",
        (text, status.optimization_id, status.attempt),
        len(text),
    )


def note_pause(optimization_id: str, *, paused: bool) -> Statement:
    """Return the statement that notes whether an optimization is paused."""
    return Statement(
        "UPDATE optimizations SET paused = ? WHERE optimization_id = ?", (paused, optimization_id)
    )


def note_trials(optimization_id: str, notes: Sequence[TrialNote]) -> Statement:
    """Return the statement that keeps notes on trials."""
    rows = ", ".join(["(?, ?, ?)"] * len(notes))
    values = [
        value for note in notes for value in (note.trial_number, note.duration_s, note.sketch)
    ]
    return Statement(
        f"WITH new (trial, duration_s, sketch) AS (VALUES {rows}) "
        "INSERT OR REPLACE INTO trial_notes "
        "SELECT seq, trial, duration_s, sketch FROM new, optimizations WHERE optimization_id = ?",
        (*values, optimization_id),
        sum(len(note.sketch) + 50 for note in notes),
    )


def insert_result(result: OptimizationResult) -> Statement:
    """Return the statement that keeps a result. Takes tenths of a second for many trials."""
    packed = pack_result(result)
    return Statement(
        "INSERT OR REPLACE INTO optimization_results "
        "SELECT seq, ? FROM optimizations WHERE optimization_id = ?",
        (packed, result.optimization_id),
        len(packed),
    )


def forget(optimization_id: str) -> Statement:
    """Return the statement after which an optimization cannot be found; its logs can be read."""
    return Statement(
        "UPDATE optimizations SET optimization_id = NULL, idempotency_key = NULL "
        "WHERE optimization_id = ?",
        (optimization_id,),
    )


def ids(connection: apsw.Connection) -> list[str]:
    """Return the ids of all, in the order in which they were begun."""
    rows = connection.execute(f"SELECT optimization_id FROM {_NEWEST} ORDER BY optimizations.seq")
    return [each for (each,) in rows]


def unfinished_ids(connection: apsw.Connection) -> list[str]:
    """Return the ids of those that have not ended, in the same order."""
    sql = (
        f"SELECT optimization_id FROM {_NEWEST} AND finished_at IS NULL ORDER BY optimizations.seq"
    )
    return [each for (each,) in connection.execute(sql)]


def expired_ids(
    connection: apsw.Connection, keep: int | None, ended_since: str | None, limit: int
) -> list[str]:
    """Return the ids of finished ones that are not to be kept, oldest first, `limit` at most.

    Args:
        connection: A connection.
        keep: How many finished ones are kept; None: any number.
        ended_since: Only those that have ended at this time or later are kept; None: all.
        limit: How many at most.
    """
    finished = f"SELECT optimization_id FROM {_NEWEST} AND finished_at IS NOT NULL"
    found: dict[str, None] = {}
    if ended_since is not None:
        sql = f"{finished} AND finished_at < ? ORDER BY optimizations.seq LIMIT ?"
        found |= {each: None for (each,) in connection.execute(sql, (ended_since, limit))}
    if keep is not None:
        every = [each for (each,) in connection.execute(f"{finished} ORDER BY optimizations.seq")]
        found |= dict.fromkeys(every[: max(0, len(every) - keep)])
    return list(found)[:limit]


def find_by_key(connection: apsw.Connection, key: str) -> str | None:
    """Return the id of the optimization that was begun with a key; None if there is none."""
    sql = "SELECT optimization_id FROM optimizations WHERE idempotency_key = ?"
    for (found,) in connection.execute(sql, (key,)):
        return str(found)
    return None


def find_optimization(connection: apsw.Connection, optimization_id: str) -> OptimizationRow:
    """Return an optimization's row.

    Raises:
        UnknownOptimizationError: There is none.
        StoreError: A status cannot be read.
    """
    sql = (
        "SELECT request, paused, attempts.seq, status, event_count FROM optimizations "
        "JOIN attempts ON optimization = optimizations.seq "
        "WHERE optimization_id = ? AND event_count > 0 ORDER BY number"
    )
    request, attempts = b"", list[AttemptRow]()
    for text, paused, seq, status, count in connection.execute(sql, (optimization_id,)):
        request = text.encode()
        attempts.append(AttemptRow(seq, read_status(status, count, paused=bool(paused))))
    if not attempts:
        raise UnknownOptimizationError(optimization_id)
    return OptimizationRow(request, attempts)


def list_statuses(
    connection: apsw.Connection, before: str | None, limit: int
) -> list[OptimizationStatus]:
    """Return statuses, newest first.

    Args:
        connection: A connection.
        before: Only those that were begun before this one; None: all.
        limit: How many at most.

    Raises:
        UnknownOptimizationError: There is none `before`.
    """
    values: list[int] = []
    older = ""
    if before is not None:
        sql = "SELECT seq FROM optimizations WHERE optimization_id = ?"
        seq = connection.execute(sql, (before,)).get
        if seq is None:
            raise UnknownOptimizationError(before)
        older, values = "AND optimizations.seq < ?", [int(seq)]
    rows = connection.execute(
        f"SELECT status, event_count, paused FROM {_NEWEST} {older} "
        "ORDER BY optimizations.seq DESC LIMIT ?",
        (*values, limit),
    )
    return [read_status(status, count, paused=bool(paused)) for status, count, paused in rows]


def read_notes(connection: apsw.Connection, optimization_id: str) -> list[TrialNote]:
    """Return the notes on the trials of an optimization, by number."""
    sql = f"SELECT trial, duration_s, sketch FROM trial_notes WHERE optimization = {_SEQ}"
    rows = connection.execute(f"{sql} ORDER BY trial", (optimization_id,))
    return [TrialNote(trial, duration, sketch) for trial, duration, sketch in rows]


def read_result(connection: apsw.Connection, optimization_id: str) -> OptimizationResult | None:
    """Return the result that was kept last; None if there is none.

    Raises:
        StoreError: It is damaged.
    """
    sql = f"SELECT packed FROM optimization_results WHERE optimization = {_SEQ}"
    for (packed,) in connection.execute(sql, (optimization_id,)):
        return unpack_result(packed)
    return None
