"""Lists of runs: which rows meet the conditions, and what a row says of its run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import orjson

from glowback_trio.errors import UnknownRunError
from glowback_trio.model.lifecycle import Headline, State, Status
from glowback_trio.store.postgres.connecting import Connection
from glowback_trio.store.run_filter import RunFilter

__all__ = ["STATUS", "WITH_LABELS", "list_statuses", "status_of"]

#: The columns that `status_of` reads.
STATUS = (
    "run_id, state, created_at, strategy, symbols, progress, started_at, finished_at, error, "
    "event_count, name, tags, note, paused, metrics"
)
#: The tables that these columns are in.
WITH_LABELS = (
    "runs LEFT JOIN labels ON labels.run = runs.seq LEFT JOIN results ON results.run = runs.seq"
)


def list_statuses(
    connection: Connection, only: RunFilter, before: str | None, limit: int
) -> list[Status]:
    """Return the statuses of runs, newest first.

    Args:
        connection: A connection.
        only: Only runs that meet these conditions.
        before: Only runs that were stored before this one; None: all.
        limit: How many at most.

    Raises:
        UnknownRunError: There is no run `before`.
    """
    conditions = [text for name, text in _CONDITIONS.items() if getattr(only, name) is not None]
    values = _values(only) | {"limit": limit}
    if before is not None:
        conditions.append("runs.seq < %(before)s")
        values["before"] = _seq(connection, before)
    rows = connection.execute(
        f"SELECT {STATUS} FROM {WITH_LABELS} "
        f"WHERE {' AND '.join(['run_id IS NOT NULL', 'event_count > 0', *conditions])} "
        "ORDER BY runs.seq DESC LIMIT %(limit)s".encode(),
        values,
    )
    return [status_of(row) for row in rows]


_FOUND = "EXISTS (SELECT FROM found_by WHERE kind = '{0}' AND word = %({0})s AND run = runs.seq)"
_CONDITIONS = {
    "state": "state = %(state)s",
    "tag": _FOUND.format("tag"),
    "symbol": _FOUND.format("symbol"),
    "q": "strpos(search_text, %(q)s) > 0",
    # Ids, names of strategies and symbols are ASCII, which every database can fold.
    "search": (
        "(strpos(search_text, %(search)s) > 0 OR strpos(lower(run_id), %(search)s) > 0 "
        "OR strpos(lower(strategy), %(search)s) > 0 OR EXISTS "
        "(SELECT FROM unnest(symbols) AS symbol WHERE strpos(lower(symbol), %(search)s) > 0))"
    ),
    "strategy": "strategy = %(strategy)s",
    "since": "created_at >= %(since)s",
}


def _values(only: RunFilter) -> dict[str, Any]:
    return {
        "state": only.state and only.state.value,
        "tag": only.tag,
        "q": only.q and only.q.casefold(),
        "search": only.search and only.search.casefold(),
        "strategy": only.strategy,
        "symbol": only.symbol,
        "since": only.since,
    }


def _seq(connection: Connection, run_id: str) -> int:
    sql = "SELECT seq FROM runs WHERE run_id = %s AND event_count > 0"
    for (seq,) in connection.execute(sql, (run_id,)):
        return int(seq)
    raise UnknownRunError(run_id)


def status_of(columns: Sequence[Any]) -> Status:
    """Return the status that a row's columns `STATUS` hold."""
    run_id, state, created, strategy, symbols, progress, *more = columns
    started, finished, error, count, name, tags, note, paused, metrics = more
    # The result is kept before the run has completed.
    known = metrics is not None and state == State.COMPLETED
    return Status(
        run_id=run_id,
        state=State(state),
        created_at=created.astimezone(UTC),
        strategy=strategy,
        symbols=tuple(symbols),
        progress=progress,
        started_at=started and started.astimezone(UTC),
        finished_at=finished and finished.astimezone(UTC),
        error=error,
        event_count=count,
        paused=paused and finished is None,
        name=name or "",
        tags=tuple(tags or ()),
        note=note or "",
        metrics=Headline.of(orjson.loads(metrics)) if known else None,
    )
