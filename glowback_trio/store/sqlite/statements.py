"""The statements that change rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from glowback_trio.model.events import Event
from glowback_trio.model.lifecycle import TERMINAL, State
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store.sqlite.event_batch import pack
from glowback_trio.wire.exports.packed_result import pack_result
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import request_document

__all__ = [
    "Statement",
    "append_events",
    "forget_run",
    "insert_finished",
    "insert_result",
    "insert_run",
    "remove_forgotten",
    "remove_run",
]


@frozen
class Statement:
    """A change of rows.

    Attributes:
        sql: One statement.
        values: What its parameters stand for.
        size: How many bytes it holds, roughly.
    """

    sql: str
    values: Sequence[Any] = ()
    size: int = 100


def insert_run(
    seq: int, run_id: str, key: str | None, request: BacktestRequest
) -> Sequence[Statement]:
    """Return the statements that note a new run. An older run with the same key loses the key."""
    text = dumps(request_document(request))
    symbols = dumps(request.symbols).decode()
    values = (seq, run_id, key, text.decode(), request.strategy.name, symbols)
    return [
        Statement("UPDATE runs SET idempotency_key = NULL WHERE idempotency_key = ?", (key,)),
        Statement(
            "INSERT INTO runs (seq, run_id, idempotency_key, request, strategy, symbols) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            values,
            len(text),
        ),
    ]


def insert_result(run_id: str, result: Result) -> Statement:
    """Return the statement that keeps a result. Takes milliseconds for a long result."""
    packed = pack_result(result)
    metrics = dumps(dict(result.metrics)).decode()
    return Statement(
        "INSERT OR REPLACE INTO results SELECT seq, ?, ? FROM runs WHERE run_id = ?",
        (metrics, packed, run_id),
        len(packed),
    )


def insert_finished(
    seq: int,
    run_id: str,
    request: BacktestRequest,
    events: Sequence[Event],
    result: Result | None,
) -> Sequence[Statement]:
    """Return the statements that keep a whole run. Takes tenths of a second for a long one."""
    kept = [] if result is None else [insert_result(run_id, result)]
    return [
        *insert_run(seq, run_id, None, request),
        *append_events([(seq, events)]),
        *kept,
    ]


def forget_run(run_id: str) -> Statement:
    """Return the statement after which a run cannot be found; its log can still be read."""
    return Statement(
        "UPDATE runs SET run_id = NULL, idempotency_key = NULL WHERE run_id = ?", (run_id,)
    )


def remove_run(run_id: str) -> Sequence[Statement]:
    """Return the statements that remove all rows of a run."""
    seq = "(SELECT seq FROM runs WHERE run_id = ?)"
    return [
        Statement(f"DELETE FROM event_batches WHERE run = {seq}", (run_id,)),
        Statement(f"DELETE FROM results WHERE run = {seq}", (run_id,)),
        Statement("DELETE FROM runs WHERE run_id = ?", (run_id,)),
    ]


def remove_forgotten(seq: int) -> Sequence[Statement]:
    """Return the statements that remove the rows of a forgotten run."""
    return [
        Statement("DELETE FROM event_batches WHERE run = ?", (seq,)),
        Statement("DELETE FROM results WHERE run = ?", (seq,)),
        Statement("DELETE FROM runs WHERE seq = ?", (seq,)),
    ]


def append_events(logs: Sequence[tuple[int, Sequence[Event]]]) -> Iterator[Statement]:
    """Return the statements that write the next events of runs, and what these change of statuses.

    Few statements, each for many rows: a thread gives the interpreter up at each of them, and on a
    busy event loop it waits for milliseconds until it has it back.

    Args:
        logs: For each run, the number of its row and its events.
    """
    rows = [(seq, *row) for seq, events in logs for row in pack(events)]
    for some in _chunks(rows):
        yield Statement(f"INSERT INTO event_batches VALUES {_places(some)}", _flat(some))
    changes = [(seq, *_changes(events)) for seq, events in logs if events]
    for some in _chunks(changes):
        yield Statement(_UPDATE_RUNS.format(_places(some)), _flat(some))


# Columns that a run's new events do not change are NULL in `new`.
_UPDATE_RUNS = """
WITH new (seq, event_count, progress, state, created_at, started_at, finished_at, error)
AS (VALUES {})
UPDATE runs SET
    event_count = new.event_count,
    progress = ifnull(new.progress, runs.progress),
    state = ifnull(new.state, runs.state),
    created_at = ifnull(new.created_at, runs.created_at),
    started_at = ifnull(new.started_at, runs.started_at),
    finished_at = new.finished_at,
    error = new.error
FROM new WHERE runs.seq = new.seq
"""
# SQLite takes 32,766 values in one statement.
_ROWS = 1000

Row = tuple[Any, ...]


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))


def _places(rows: Sequence[Row]) -> str:
    return ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))


def _flat(rows: Sequence[Row]) -> list[Any]:
    return [value for row in rows for value in row]


def _changes(events: Sequence[Event]) -> Row:
    """Return the columns of `new` that events of one run stand for, from `event_count` on."""
    progress: float | None = None
    state = created = started = finished = error = None
    # Of many, only the last one counts, so the others are not decoded.
    last = next((event for event in reversed(events) if event.type == "progress"), None)
    if last is not None:
        progress = float(last.payload["progress"])
    for event in events:
        if event.type != "state":
            continue
        fields = event.decode()
        state, time = fields["payload"]["state"], fields["timestamp"]
        if state in TERMINAL:
            finished, error = time, fields["payload"].get("error")
        elif state == State.QUEUED:
            created = time
        else:
            started = time
    if state == State.COMPLETED:
        progress = 1.0
    return events[-1].event_id, progress, state, created, started, finished, error
