"""Results as data frames. A result may be one of this process, or a document of a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from glowback_trio.engine.reporting.result_document import equity_table, trade_table
from glowback_trio.extras import PANDAS
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.result import Result
from glowback_trio.wire.optimizations.tables import trial_table
from glowback_trio.wire.tables import Table

__all__ = ["equity_frame", "metrics_frame", "trades_frame", "trials_frame"]

_ALL = slice(None)

#: A result, or what `results` of a client returns.
Document = Mapping[str, Any]


def equity_frame(result: Result | Document) -> Any:
    """Return the account, bar by bar, as a `pandas.DataFrame` by time (UTC).

    The columns are those of `equity_curve` in a result's document: `value`, `cash`, `positions` and
    `total_pnl` in currency; `returns`, `daily_return` and `drawdown` in percent.

    Args:
        result: A result, or the document of one from a server.

    Raises:
        DataError: pandas is not installed.
    """
    return _by_time(_rows_of(result, "equity_curve"))


def trades_frame(result: Result | Document) -> Any:
    """Return the fills as a `pandas.DataFrame` by time (UTC), a row each; see `equity_frame`."""
    return _by_time(_rows_of(result, "trades"))


def metrics_frame(*results: Result | Document) -> Any:
    """Return the metrics of some results as a `pandas.DataFrame`: a row each, a column for each.

    The columns are named after the strategies; a name that is there already gets a number.

    Raises:
        DataError: pandas is not installed.
    """
    pandas = PANDAS.load("pandas")
    columns: dict[str, Mapping[str, Any]] = {}
    for result in results:
        metrics, manifest = _told(result)
        name = str((manifest.get("strategy") or {}).get("strategy_id") or "run")
        names = [name, *(f"{name} {number}" for number in range(2, len(results) + 1))]
        columns[next(each for each in names if each not in columns)] = metrics
    # Whole numbers among undefined ones would become objects, which cannot be formatted.
    return pandas.DataFrame({name: dict(values) for name, values in columns.items()}, dtype=float)


def _told(result: Result | Document) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if isinstance(result, Result):
        return result.metrics, result.manifest
    return result["metrics_summary"], result["manifest"]


def trials_frame(result: OptimizationResult) -> Any:
    """Return the trials of an optimization as a `pandas.DataFrame` by number, a row each."""
    pandas = PANDAS.load("pandas")
    frame = pandas.DataFrame(_columns(trial_table(result.trials, {})))
    return frame.set_index("trial_number").drop(columns="duration_ms")


def _rows_of(result: Result | Document, name: str) -> Any:
    if isinstance(result, Result):
        return _columns(equity_table(result) if name == "equity_curve" else trade_table(result))
    return result[name]


def _columns(table: Table) -> dict[str, Any]:
    return dict(table.columns(_ALL))


def _by_time(rows: Any) -> Any:
    pandas = PANDAS.load("pandas")
    frame = pandas.DataFrame(rows)
    if "timestamp" not in frame:  # there is no row
        return frame
    time = pandas.to_datetime(frame.pop("timestamp"), utc=True)
    return frame.set_index(pandas.DatetimeIndex(time, name="timestamp"))
