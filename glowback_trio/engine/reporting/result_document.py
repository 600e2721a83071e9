"""The result as a JSON document: a table of blocks, written chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

import numpy as np
from attrs import frozen

from glowback_trio.engine.analytics.tearsheet import tear_sheet
from glowback_trio.model.bars import Floats, Indices, Times
from glowback_trio.model.result import Result
from glowback_trio.model.sessions.window import WHOLE, Window
from glowback_trio.wire.diagnostics import diagnostics_columns, hit_columns
from glowback_trio.wire.downsample import thin
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.percent import percent_of
from glowback_trio.wire.rows import (
    benchmark_columns,
    equity_columns,
    exposure_columns,
    order_columns,
    rows,
    trade_columns,
)
from glowback_trio.wire.tables import Chunks, Table, joined, json_chunks

__all__ = [
    "BLOCKS",
    "LEAST_POINTS",
    "BlockName",
    "equity_table",
    "order_table",
    "result_chunks",
    "result_document",
    "trade_table",
]

BlockName = Literal[
    "metrics_summary",
    "equity_curve",
    "benchmark_curve",
    "trades",
    "exposures",
    "order_events",
    "option_trades",
    "option_events",
    "portfolio_construction",
    "portfolio_diagnostics",
    "constraint_hits",
    "tearsheet",
    "logs",
    "final_positions",
    "manifest",
]
BLOCKS: tuple[BlockName, ...] = get_args(BlockName)

_NOTHING: Mapping[str, Any] = {}

# Weights of a portfolio, each with its target and its drift: some 120 KB as JSON.
_WEIGHTS_AT_ONCE = 2048

# Room for both ends and the extremes of five series.
LEAST_POINTS = 12


@frozen
class _Part:
    """One field of the document.

    Attributes:
        make: Makes the field's value.
        empty: Value of the field if it is not included; None for fields that always are.
        per_bar: True for a table with a row per bar, which can be thinned.
        times: Returns the times of its rows, ascending, of which a window shows some; None for a
            field that is the same in every window.
    """

    make: Callable[[Result], Any]
    empty: list[Any] | dict[str, Any] | None = None
    per_bar: bool = False
    times: Callable[[Result], Times] | None = None


def equity_table(result: Result) -> Table:
    """Return the equity curve, a row per bar."""
    return Table(len(result.curve), lambda bars: equity_columns(result.curve, bars))


def _exposure_table(result: Result) -> Table:
    return Table(len(result.curve), lambda bars: exposure_columns(result.curve, bars))


def _benchmark_table(result: Result) -> Table | list[Any]:
    held = result.benchmark
    if held is None:
        return []
    return Table(len(held.value), lambda bars: benchmark_columns(held, bars))


def _diagnostics_table(result: Result) -> Table | list[Any]:
    portfolio, curve = result.portfolio, result.curve
    if portfolio is None:
        return []
    at_once = max(1, _WEIGHTS_AT_ONCE // len(portfolio.symbols))
    return Table(len(curve), lambda bars: diagnostics_columns(portfolio, curve, bars), at_once)


def _hit_table(result: Result) -> Table | list[Any]:
    portfolio, curve = result.portfolio, result.curve
    if portfolio is None:
        return []
    return Table(len(portfolio.hits), lambda which: hit_columns(portfolio, curve, which))


def trade_table(result: Result) -> Table:
    """Return the fills, a row each."""
    return Table(len(result.trades), lambda which: trade_columns(result.trades, which))


def _hit_times(result: Result) -> Times:
    return result.curve.time[result.portfolio.hits.row if result.portfolio else []]


def order_table(result: Result) -> Table:
    """Return the steps in the orders' lives, a row each."""
    orders, symbols = result.orders, result.trades.symbols
    return Table(len(orders), lambda which: order_columns(orders, symbols, which))


# A tear sheet takes tens of milliseconds, and the same result is often written several times, so
# sheets are kept for as long as their results live. Not in the `Result`, which is plain data.
_tear_sheets: WeakKeyDictionary[Result, Mapping[str, Any]] = WeakKeyDictionary()


def _tear_sheet(result: Result) -> Mapping[str, Any]:
    if (sheet := _tear_sheets.get(result)) is None:
        sheet = _tear_sheets[result] = tear_sheet(result)
    return sheet


#: The fields in their order. Nothing is worked out for a part that is not included.
_PARTS: Mapping[str, _Part] = {
    "metrics_summary": _Part(lambda result: dict(result.metrics), {}),
    "equity_curve": _Part(equity_table, [], per_bar=True),
    "benchmark_curve": _Part(_benchmark_table, [], per_bar=True),
    "benchmark_symbol": _Part(lambda result: result.benchmark and result.benchmark.symbol),
    "trades": _Part(trade_table, [], times=lambda result: result.trades.time),
    "exposures": _Part(_exposure_table, [], per_bar=True),
    "order_events": _Part(order_table, [], times=lambda result: result.orders.time),
    "option_trades": _Part(lambda _: [], []),
    "option_events": _Part(lambda _: [], []),
    "portfolio_construction": _Part(
        lambda result: result.portfolio.document() if result.portfolio else {}, {}
    ),
    "portfolio_diagnostics": _Part(_diagnostics_table, [], per_bar=True),
    "constraint_hits": _Part(_hit_table, [], times=_hit_times),
    "tearsheet": _Part(_tear_sheet, {}),
    "logs": _Part(lambda result: list(result.logs), []),
    "final_cash": _Part(lambda result: result.final_cash),
    "final_positions": _Part(lambda result: dict(result.final_positions), {}),
    "manifest": _Part(lambda result: dict(result.manifest), {}),
}


def result_document(
    result: Result,
    run_id: str,
    *,
    include: Collection[BlockName] | None = None,
    max_points: int | None = None,
    window: Window = WHOLE,
) -> Mapping[str, Any]:
    """Return a result as Python objects; for long results, see `result_chunks`.

    Args:
        result: The result to write.
        run_id: Id of its run.
        include: Blocks to write; the others stay empty. None: all.
        max_points: Largest number of bars to keep of each curve, at least `LEAST_POINTS`, picked by
            `thin`: the same bars in all curves. None: all.
        window: Of the tables whose rows have times, only the rows in it.

    Raises:
        ValueError: `max_points` is too small.
    """
    parts = _parts(result, run_id, include, max_points, window)
    return {name: _listed(value) for name, value in parts}


def result_chunks(
    result: Result,
    run_id: str,
    *,
    include: Collection[BlockName] | None = None,
    max_points: int | None = None,
    window: Window = WHOLE,
    aside: Mapping[str, Any] = _NOTHING,
) -> Chunks:
    """Write a result as JSON, in chunks of bounded size; see `result_document`.

    Nothing is worked out before its chunk is read. Fields of `aside`, which are no part of the
    result, are written last.
    """
    parts = _parts(result, run_id, include, max_points, window)
    return joined(_written(chain(parts, aside.items())))


def _parts(
    result: Result,
    run_id: str,
    include: Collection[BlockName] | None,
    max_points: int | None,
    window: Window,
) -> Iterator[tuple[str, Any]]:
    yield "run_id", run_id
    # Once for all curves, so that they can be drawn over each other.
    bars = _bars_shown(result, max_points, window)
    for name, part in _PARTS.items():
        if include is not None and name not in include and part.empty is not None:
            yield name, part.empty
            continue
        value = part.make(result)
        if isinstance(value, Table) and len(value):
            value = _shown(value, part, result, bars, window)
        yield name, value


def _bars_shown(result: Result, max_points: int | None, window: Window) -> Indices | None:
    """Return which bars the curves keep; None: all."""
    if max_points is None and window == WHOLE:
        return None
    part = window.part(result.curve.time)
    if max_points is None:
        return np.arange(part.start, part.stop)
    picked: Indices = thin([series[part] for series in _watched(result)], max_points)
    picked += part.start
    return picked


def _shown(
    table: Table, part: _Part, result: Result, bars: Indices | None, window: Window
) -> Table:
    if part.per_bar:
        return table if bars is None else table.picked(bars)
    if part.times is None or window == WHOLE:
        return table
    rows_shown = window.part(part.times(result))
    return table.picked(np.arange(rows_shown.start, rows_shown.stop))


def _watched(result: Result) -> list[Floats]:
    """Return the series whose extremes a thinned curve keeps, at most five."""
    curve = result.curve
    gross, net = (percent_of(part, curve.value) for part in (curve.gross, curve.positions))
    # Without short positions these two are equal, and one of them would waste points.
    both = (
        [gross] if np.allclose(gross, net, rtol=1e-9, atol=1e-9, equal_nan=True) else [gross, net]
    )
    market = [] if result.benchmark is None else [result.benchmark.value]
    return [curve.value, curve.drawdown, *both, *market]


def _listed(value: Any) -> Any:
    if isinstance(value, Table):
        return [row for columns in value.batches() for row in rows(columns)]
    return value


def _written(parts: Iterable[tuple[str, Any]]) -> Iterator[bytes]:
    before = b"{"
    for name, value in parts:
        yield b'%b"%b":' % (before, name.encode())
        yield from json_chunks(value) if isinstance(value, Table) else (dumps(value),)
        before = b","
    yield b"}"
