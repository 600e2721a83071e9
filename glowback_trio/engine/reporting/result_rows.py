"""A result for programs: its tables as rows, and the document that a server sends."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal, get_args

from glowback_trio.engine.analytics.trip_table import round_trip_columns
from glowback_trio.engine.reporting.result_document import (
    BLOCKS,
    BlockName,
    result_chunks,
    result_document,
)
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import did_you_mean
from glowback_trio.model.result import Result
from glowback_trio.wire.rows import rows

__all__ = ["ResultTable", "result_json", "result_rows"]

ResultTable = Literal[
    "equity_curve",
    "benchmark_curve",
    "trades",
    "exposures",
    "order_events",
    "portfolio_diagnostics",
    "constraint_hits",
    "round_trips",
]


def result_rows(result: Result, table: ResultTable) -> list[dict[str, Any]]:
    """Return a table of a result as one dictionary per row, as `pandas.DataFrame` takes them.

    Rows have the fields, values and units of the result that a server sends, with times as text and
    symbols by name. Only `round_trips` is not in it: every closed round trip, with `symbol`, `side`
    (`LONG` or `SHORT`), `entry_time`, `exit_time`, `shares`, `entry_price`, `exit_price`,
    `commission`, `pnl` (net) and `return` (percent of what was entered).

    Args:
        result: The result of a run or of `backtest`.
        table: Which table; one that the run has nothing for is empty.

    Raises:
        InvalidRequestError: There is no such table.
    """
    _check("table", [table], get_args(ResultTable))
    if table == "round_trips":
        return list(rows(round_trip_columns(result.trades)))
    found: list[dict[str, Any]] = result_document(result, "", include=[table])[table]
    return found


def result_json(
    result: Result,
    run_id: str = "",
    *,
    include: Collection[BlockName] | None = None,
    max_points: int | None = None,
) -> bytes:
    """Return a result as JSON, as `GET /backtests/{run_id}/results` sends it.

    Only the field `overfit`, which a server adds from its ledger of trials, is not there.

    Args:
        result: The result of a run or of `backtest`.
        run_id: Id of its run, which the document begins with; empty for `backtest`, which has none.
        include: Blocks to write, such as `["trades", "manifest"]`; the others stay empty. None:
            all.
        max_points: The most bars to keep of each curve, at least 12; None: all.

    Raises:
        InvalidRequestError: There is no such block.
        ValueError: `max_points` is too small.
    """
    _check("include", include or (), BLOCKS)
    return b"".join(result_chunks(result, run_id, include=include, max_points=max_points))


def _check(name: str, given: Collection[str], known: Collection[str]) -> None:
    """Check words; a misspelt one would be missing from the result in silence."""
    problems = [
        Problem("literal_error", (name,), f"Unknown {word!r}; {did_you_mean(word, known)}", word)
        for word in given
        if word not in known
    ]
    if problems:
        raise InvalidRequestError(problems)
