"""Lists of runs: which rows meet the conditions, and what a row says of its run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import orjson

from glowback_trio.errors import UnknownRunError
from glowback_trio.model.instant import stamp, start_instant
from glowback_trio.model.lifecycle import Headline, State, Status
from glowback_trio.store.run_filter import RunFilter

__all__ = ["STATUS", "WITH_LABELS", "list_statuses", "status_of"]

# The metrics come first in a row, so that the packed result is not read with them.
_WITH_RESULTS = "LEFT JOIN results ON results.run = runs.seq"

#: The columns that `status_of` reads.
STATUS = (
    "run_id, state, created_at, strategy, symbols, progress, started_at, finished_at, error, "
    "event_count, name, tags, note, paused, metrics"
)
#: The tables that these columns are in.
WITH_LABELS = f"runs LEFT JOIN labels ON labels.run = runs.seq {_WITH_RESULTS}"


def list_statuses(
    connection: apsw.Connection, only: RunFilter, before: str | None, limit: int
) -> list[Status]:
    """Return the statuses of runs, newest first.

    Args:
        connection: A connection.
        only: Only runs that meet these conditions.
        before: Only runs that were opened before this one; None: all.
        limit: How many at most.

    Raises:
        UnknownRunError: There is no run `before`.
    """
    first = _first(connection, only)
    tables, seq = _tables(first)
    conditions = ["run_id IS NOT NULL", "event_count > 0", *_conditions(only, first)]
    values = _values(only)
    if before is not None:
        conditions.append(f"{seq} < :before")
        values["before"] = _seq(connection, before)
    sql = (
        f"SELECT {STATUS} FROM {tables} WHERE {' AND '.join(conditions)} "
        f"ORDER BY {seq} DESC LIMIT :limit"
    )
    return [status_of(row) for row in connection.execute(sql, {**values, "limit": limit})]


def _first(connection: apsw.Connection, only: RunFilter) -> str | None:
    """Return the condition whose matches are walked through: the rarest of those with an index.

    None: all runs are walked through, or what an index on them finds. Text that is searched for is
    looked for in every label, which costs more than walking through some thousand runs.
    """
    counts = {
        kind: int(connection.execute(_COUNT, (kind, getattr(only, kind), _MANY)).get)
        for kind in _WORDS
        if getattr(only, kind) is not None
    }
    rarest = min(counts, key=counts.__getitem__, default=None)
    if only.q is not None and (rarest is None or counts[rarest] >= _MANY):
        return "q"
    return rarest


_WORDS = ("tag", "symbol")
_MANY = 10_000
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM found_by WHERE kind = ? AND word = ? LIMIT ?)"


def _tables(first: str | None) -> tuple[str, str]:
    """Return the tables to search, and the column that numbers runs in the first of them.

    A cross join keeps its order: SQLite walks through what an index finds, from the newest run on,
    and stops when it has enough.
    """
    if first is None:
        return WITH_LABELS, "runs.seq"
    if first == "q":
        labels = "labels CROSS JOIN runs ON runs.seq = labels.run"
        return f"{labels} {_WITH_RESULTS}", "labels.run"
    found = "found_by CROSS JOIN runs ON runs.seq = found_by.run"
    return f"{found} LEFT JOIN labels ON labels.run = runs.seq {_WITH_RESULTS}", "found_by.run"


def _conditions(only: RunFilter, first: str | None) -> list[str]:
    found = [text for name, text in _PLAIN.items() if getattr(only, name) is not None]
    for kind in _WORDS:
        if kind == first:
            found.append(f"found_by.kind = '{kind}' AND found_by.word = :{kind}")
        elif getattr(only, kind) is not None:
            found.append(
                f"EXISTS (SELECT 1 FROM found_by AS other WHERE other.kind = '{kind}' "
                f"AND other.word = :{kind} AND other.run = runs.seq)"
            )
    return found


_PLAIN = {
    "state": "state = :state",
    "q": "instr(search_text, :q) > 0",
    # Ids, names of strategies and symbols are ASCII, which SQLite can fold.
    "search": (
        "(instr(search_text, :search) > 0 OR instr(lower(run_id), :search) > 0 "
        "OR instr(lower(strategy), :search) > 0 OR EXISTS "
        "(SELECT 1 FROM json_each(symbols) WHERE instr(lower(value), :search) > 0))"
    ),
    "strategy": "strategy = :strategy",
    "since": "created_at >= :since",
}


def _values(only: RunFilter) -> dict[str, int | str | None]:
    return {
        "state": only.state and only.state.value,
        "tag": only.tag,
        "q": only.q and only.q.casefold(),
        "search": only.search and only.search.casefold(),
        "strategy": only.strategy,
        "symbol": only.symbol,
        "since": None if only.since is None else stamp(only.since),
    }


def _seq(connection: apsw.Connection, run_id: str) -> int:
    sql = "SELECT seq FROM runs WHERE run_id = ? AND event_count > 0"
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
        created_at=start_instant(created),
        strategy=strategy,
        symbols=tuple(orjson.loads(symbols)),
        progress=progress,
        started_at=None if started is None else start_instant(started),
        finished_at=None if finished is None else start_instant(finished),
        error=error,
        event_count=count,
        paused=bool(paused) and finished is None,
        name=name or "",
        tags=tuple(orjson.loads(tags or "[]")),
        note=note or "",
        metrics=Headline.of(orjson.loads(metrics)) if known else None,
    )
