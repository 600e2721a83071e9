"""The statements that change rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
from attrs import frozen

from glowback_trio.model.events import Event
from glowback_trio.model.lifecycle import TERMINAL, State
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store.sqlite.event_batch import pack
from glowback_trio.store.sqlite.packed_result import pack_result
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import request_document

__all__ = [
    "Statement",
    "append_events",
    "forget_run",
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


def append_events(connection: apsw.Connection, seq: int, events: Sequence[Event]) -> None:
    """Write the next events of a run, and what they change of its status."""
    if not events:
        return
    connection.executemany(
        "INSERT INTO event_batches VALUES (?, ?, ?, ?, ?)", ((seq, *row) for row in pack(events))
    )
    columns = _changes(events)
    changes = ", ".join(f"{column} = ?" for column in columns)
    connection.execute(f"UPDATE runs SET {changes} WHERE seq = ?", (*columns.values(), seq))


def _changes(events: Sequence[Event]) -> dict[str, Any]:
    """Return the columns that events change, with their new values."""
    columns: dict[str, Any] = {"event_count": events[-1].event_id}
    progress: Event | None = None
    for event in events:
        if event.type == "state":
            columns |= _state_columns(event)
        elif event.type == "progress":
            progress = event  # only the last one counts, so the others are not decoded
    if progress is not None and "progress" not in columns:
        columns["progress"] = float(progress.payload["progress"])
    return columns


def _state_columns(event: Event) -> dict[str, Any]:
    fields = event.decode()
    state, time = State(fields["payload"]["state"]), fields["timestamp"]
    columns: dict[str, Any] = {"state": state.value}
    if state in TERMINAL:
        columns |= {"finished_at": time, "error": fields["payload"].get("error")}
        return columns | ({"progress": 1.0} if state is State.COMPLETED else {})
    return columns | {"created_at" if state is State.QUEUED else "started_at": time}
