"""The statements that change rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from glowback_trio.model.events import Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store.durable.changes import Row, attempt_changes, status_changes
from glowback_trio.store.durable.event_batch import pack
from glowback_trio.store.durable.statement import RowNumber, Statement
from glowback_trio.wire.exports.packed_result import pack_result
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import request_document

__all__ = [
    "append_events",
    "forget_run",
    "give_back",
    "insert_finished",
    "insert_result",
    "insert_run",
    "label_run",
    "pause_run",
    "remove_batches",
    "remove_rest",
]


def insert_run(
    row: RowNumber, run_id: str, key: str | None, request: BacktestRequest
) -> Sequence[Statement]:
    """Return the statements that note a new run. An older run with the same key loses the key."""
    seq = row.value
    text = dumps(request_document(request))
    symbols = dumps(request.symbols).decode()
    values = (seq, run_id, key, request.strategy.name, symbols)
    return [
        Statement("UPDATE runs SET idempotency_key = NULL WHERE idempotency_key = ?", (key,)),
        Statement(
            "INSERT INTO runs (seq, run_id, idempotency_key, strategy, symbols) "
            "VALUES (?, ?, ?, ?, ?)",
            values,
            len(symbols),
        ),
        Statement("INSERT INTO requests VALUES (?, ?)", (seq, text.decode()), len(text)),
        Statement(
            "INSERT INTO found_by SELECT 'symbol', value, ? FROM json_each(?)", (seq, symbols)
        ),
        *(() if request.labels == _NO_LABELS else label_run(run_id, request.labels)),
    ]


_NO_LABELS = Labels()


def label_run(run_id: str, labels: Labels) -> Sequence[Statement]:
    """Return the statements that replace the labels of a run."""
    tags = dumps(labels.tags).decode()
    values = (labels.name, tags, labels.note, labels.search_text, run_id)
    return [
        Statement(_REMOVE_TAGS.format("(SELECT seq FROM runs WHERE run_id = ?1)"), (run_id,)),
        Statement(
            "INSERT OR REPLACE INTO labels SELECT seq, ?, ?, ?, ? FROM runs WHERE run_id = ?",
            values,
            2 * len(labels.search_text),
        ),
        Statement(
            "INSERT INTO found_by SELECT 'tag', value, seq FROM runs, json_each(?) "
            "WHERE run_id = ?",
            (tags, run_id),
        ),
    ]


def pause_run(run_id: str, *, paused: bool) -> Sequence[Statement]:
    """Return the statements that note whether a run is paused."""
    return [Statement("UPDATE runs SET paused = ? WHERE run_id = ?", (paused, run_id))]


# `found_by` is ordered by words, so that a run's words have to be named.
_REMOVE_TAGS = (
    "DELETE FROM found_by WHERE kind = 'tag' AND run = {0} AND word IN "
    "(SELECT value FROM labels, json_each(labels.tags) WHERE labels.run = {0})"
)
_REMOVE_SYMBOLS = (
    "DELETE FROM found_by WHERE kind = 'symbol' AND run = {0} AND word IN "
    "(SELECT value FROM runs, json_each(runs.symbols) WHERE seq = {0})"
)


def insert_result(run_id: str, result: Result) -> Sequence[Statement]:
    """Return the statements that keep a result. Takes milliseconds for a long result."""
    packed = pack_result(result)
    metrics = dumps(dict(result.metrics)).decode()
    return [
        Statement(
            "UPDATE runs SET bytes = bytes + ? - (SELECT ifnull(sum(length(packed)), 0) "
            "FROM results WHERE run = seq) WHERE run_id = ?",
            (len(packed), run_id),
        ),
        Statement(
            "INSERT OR REPLACE INTO results SELECT seq, ?, ? FROM runs WHERE run_id = ?",
            (metrics, packed, run_id),
            len(packed),
        ),
    ]


def insert_finished(
    row: RowNumber,
    run_id: str,
    request: BacktestRequest,
    events: Sequence[Event],
    result: Result | None,
) -> Sequence[Statement]:
    """Return the statements that keep a whole run. Takes tenths of a second for a long one."""
    kept = [] if result is None else insert_result(run_id, result)
    return [
        *insert_run(row, run_id, None, request),
        *append_events([(row.value, events)]),
        *kept,
    ]


def forget_run(run_id: str) -> Statement:
    """Return the statement after which a run cannot be found; its log can still be read."""
    return Statement(
        "UPDATE runs SET run_id = NULL, idempotency_key = NULL WHERE run_id = ?", (run_id,)
    )


def remove_batches(seq: int, count: int) -> Statement:
    """Return the statement that removes some of a forgotten run's events, the oldest first."""
    return Statement(
        "DELETE FROM event_batches WHERE run = ?1 AND first_id IN "
        "(SELECT first_id FROM event_batches WHERE run = ?1 ORDER BY first_id LIMIT ?2)",
        (seq, count),
    )


# Forgotten optimizations without attempts.
_LEFT = (
    "(SELECT seq FROM optimizations WHERE optimization_id IS NULL AND NOT EXISTS "
    "(SELECT 1 FROM attempts WHERE optimization = optimizations.seq))"
)


def remove_rest(seq: int) -> Sequence[Statement]:
    """Return the statements that remove all other rows of a forgotten run or attempt."""
    return [
        Statement(sql.format("?1"), (seq,) if "{0}" in sql else ())
        for sql in (
            _REMOVE_TAGS,
            _REMOVE_SYMBOLS,
            "DELETE FROM labels WHERE run = {0}",
            "DELETE FROM requests WHERE run = {0}",
            "DELETE FROM results WHERE run = {0}",
            "DELETE FROM runs WHERE seq = {0}",
            "DELETE FROM attempts WHERE seq = {0}",
            f"DELETE FROM trial_notes WHERE optimization IN {_LEFT}",
            f"DELETE FROM optimization_results WHERE optimization IN {_LEFT}",
            f"DELETE FROM optimizations WHERE seq IN {_LEFT}",
        )
    ]


_PAGE_BYTES = 8192


def give_back(pages: int) -> Statement:
    """Return the statement that gives free pages at the end of the file back to the disk."""
    # Each of them may be a page that moves, and those that point to it.
    return Statement(f"PRAGMA incremental_vacuum({pages})", size=pages * _PAGE_BYTES)


_Logs = Sequence[tuple[int, Sequence[Event]]]


def append_events(runs: _Logs, attempts: _Logs = ()) -> Iterator[Statement]:
    """Return the statements that write the next events, and what these change of statuses.

    Few statements, each for many rows: a thread gives the interpreter up at each of them, and on a
    busy event loop it waits for milliseconds until it has it back.

    Args:
        runs: For each run, the number of its row and its events.
        attempts: The same for attempts of optimizations.
    """
    rows = [(seq, *row) for seq, events in (*runs, *attempts) for row in pack(events)]
    for some in _chunks(rows):
        yield Statement(_INSERT_BATCHES.format(_places(some)), _flat(some))
    changes = [(seq, *status_changes(events)) for seq, events in runs if events]
    for some in _chunks(changes):
        yield Statement(_UPDATE_RUNS.format(_places(some)), _flat(some))
    ends = [(seq, *attempt_changes(events)) for seq, events in attempts if events]
    for some in _chunks(ends):
        yield Statement(_UPDATE_ATTEMPTS.format(_places(some)), _flat(some))


_INSERT_BATCHES = (
    "INSERT INTO event_batches (run, first_id, count, checksum, events, types) VALUES {}"
)

# Columns that a run's new events do not change are NULL in `new`.
_UPDATE_RUNS = """
WITH new (seq, bytes, event_count, progress, state, created_at, started_at, finished_at, error)
AS (VALUES {})
UPDATE runs SET
    bytes = runs.bytes + new.bytes,
    event_count = new.event_count,
    progress = ifnull(new.progress, runs.progress),
    state = ifnull(new.state, runs.state),
    created_at = ifnull(new.created_at, runs.created_at),
    started_at = ifnull(new.started_at, runs.started_at),
    finished_at = new.finished_at,
    error = new.error
FROM new WHERE runs.seq = new.seq
"""
# The rest of an attempt's status is noted as a whole.
_UPDATE_ATTEMPTS = """
WITH new (seq, bytes, event_count, finished_at) AS (VALUES {})
UPDATE attempts SET
    bytes = attempts.bytes + new.bytes,
    event_count = new.event_count,
    finished_at = new.finished_at
FROM new WHERE attempts.seq = new.seq
"""
# SQLite takes 32,766 values in one statement.
_ROWS = 1000


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))


def _places(rows: Sequence[Row]) -> str:
    return ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))


def _flat(rows: Sequence[Row]) -> list[Any]:
    return [value for row in rows for value in row]
