"""The statements that change rows of runs."""

from __future__ import annotations

from collections.abc import Sequence

from glowback_trio.model.events import Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store.durable.event_batch import pack
from glowback_trio.store.durable.statement import RowNumber, Statement
from glowback_trio.store.postgres.appending import run_changes
from glowback_trio.wire.exports.packed_result import pack_result
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import request_document

__all__ = [
    "forget_run",
    "insert_finished",
    "insert_result",
    "insert_run",
    "label_run",
    "pause_run",
    "remove_batches",
    "remove_rest",
]

_NO_LABELS = Labels()


def insert_run(
    row: RowNumber, run_id: str, key: str | None, request: BacktestRequest
) -> Sequence[Statement]:
    """Return the statements that note a new run, which this gateway holds.

    An older run with the same key loses the key. Where another gateway has stored a run with this
    id meanwhile, nothing is noted.
    """
    text = dumps(request_document(request)).decode()
    values = (row, run_id, key, request.strategy.name, list(request.symbols), request.priority)
    freed = "UPDATE runs SET idempotency_key = NULL WHERE idempotency_key = %s"
    return [
        *(() if key is None else [Statement(freed, (key,))]),
        Statement(
            "INSERT INTO runs (seq, run_id, idempotency_key, strategy, symbols, priority, held_by) "
            "VALUES (%s, %s, %s, %s, %s, %s, own_epoch()) ON CONFLICT (run_id) DO NOTHING",
            values,
            sum(map(len, request.symbols)),
        ),
        Statement(
            "INSERT INTO requests SELECT seq, %s FROM runs WHERE seq = %s", (text, row), len(text)
        ),
        Statement(
            "INSERT INTO found_by SELECT DISTINCT 'symbol', word, seq FROM runs, "
            "unnest(symbols) AS word WHERE seq = %s",
            (row,),
        ),
        *(() if request.labels == _NO_LABELS else label_run(run_id, request.labels)),
    ]


def label_run(run_id: str, labels: Labels) -> Sequence[Statement]:
    """Return the statements that replace the labels of a run."""
    values = (labels.name, list(labels.tags), labels.note, labels.search_text, run_id)
    return [
        Statement(
            "DELETE FROM found_by WHERE kind = 'tag' "
            "AND run = (SELECT seq FROM runs WHERE run_id = %s)",
            (run_id,),
        ),
        Statement(
            "INSERT INTO labels SELECT seq, %s, %s::text[], %s, %s FROM runs WHERE run_id = %s "
            "ON CONFLICT (run) DO UPDATE SET name = excluded.name, tags = excluded.tags, "
            "note = excluded.note, search_text = excluded.search_text",
            values,
            2 * len(labels.search_text),
        ),
        Statement(
            "INSERT INTO found_by SELECT 'tag', word, seq FROM runs, unnest(%s::text[]) AS word "
            "WHERE run_id = %s",
            (list(labels.tags), run_id),
        ),
        Statement("UPDATE runs SET changed_at = clock_timestamp() WHERE run_id = %s", (run_id,)),
    ]


def pause_run(run_id: str, *, paused: bool) -> Sequence[Statement]:
    """Return the statements that note whether a run is paused."""
    sql = "UPDATE runs SET paused = %s, changed_at = clock_timestamp() WHERE run_id = %s"
    return [Statement(sql, (paused, run_id))]


def insert_result(run_id: str, result: Result) -> Sequence[Statement]:
    """Return the statements that keep a result. Takes milliseconds for a long result."""
    packed = pack_result(result)
    metrics = dumps(dict(result.metrics)).decode()
    return [
        Statement(
            "UPDATE runs SET bytes = bytes + %s - coalesce((SELECT length(packed) "
            "FROM results WHERE run = seq), 0) WHERE run_id = %s",
            (len(packed), run_id),
        ),
        Statement(
            "INSERT INTO results SELECT seq, %s, %b FROM runs WHERE run_id = %s "
            "ON CONFLICT (run) DO UPDATE SET metrics = excluded.metrics, packed = excluded.packed",
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
    size, count, progress, state, created, started, finished, error = run_changes(events)
    batches = [
        Statement(
            "INSERT INTO event_batches (run, first_id, count, checksum, events, types) "
            "SELECT seq, %s, %s, %s, %b, %s FROM runs WHERE seq = %s",
            (*batch, row),
            len(batch[3]),
        )
        for batch in pack(events)
    ]
    return [
        *insert_run(row, run_id, None, request),
        Statement(
            "UPDATE runs SET bytes = %s, event_count = %s, progress = coalesce(%s, progress), "
            "state = %s, created_at = %s::timestamptz, started_at = %s::timestamptz, "
            "finished_at = %s::timestamptz, error = %s WHERE seq = %s",
            (size, count, progress, state, created, started, finished, error, row),
        ),
        *batches,
        *([] if result is None else insert_result(run_id, result)),
    ]


def forget_run(run_id: str) -> Statement:
    """Return the statement after which a run cannot be found; its log can still be read."""
    return Statement(
        "UPDATE runs SET run_id = NULL, idempotency_key = NULL, changed_at = clock_timestamp() "
        "WHERE run_id = %s",
        (run_id,),
    )


def remove_batches(seq: int, count: int) -> Statement:
    """Return the statement that removes some of a forgotten run's events, the oldest first."""
    return Statement(
        "DELETE FROM event_batches WHERE run = %s AND first_id IN "
        "(SELECT first_id FROM event_batches WHERE run = %s ORDER BY first_id LIMIT %s)",
        (seq, seq, count),
    )


def remove_rest(seq: int) -> Sequence[Statement]:
    """Return the statements that remove all other rows of a forgotten run or attempt."""
    return [
        Statement("DELETE FROM runs WHERE seq = %s", (seq,)),
        Statement("DELETE FROM attempts WHERE seq = %s", (seq,)),
        Statement(
            "DELETE FROM optimizations WHERE optimization_id IS NULL AND NOT EXISTS "
            "(SELECT FROM attempts WHERE optimization = optimizations.seq)"
        ),
    ]
