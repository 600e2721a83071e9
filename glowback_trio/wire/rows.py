"""Rows of a result as they go over the wire.

A metric event carries the very row that the result's `equity_curve` will hold, a trade event the
very row of `trades`; both are made here. Rows are made as columns, which stay arrays until a row is
needed as a Python object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from glowback_trio.model.bars import Floats, Indices, Times
from glowback_trio.model.orders import PLAIN, OrderEventKind
from glowback_trio.model.result import Benchmark, Curve, Fills, OrderLog
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.percent import as_percent, percent_of

__all__ = [
    "Column",
    "Columns",
    "Which",
    "benchmark_columns",
    "equity_columns",
    "equity_rows",
    "exposure_columns",
    "order_columns",
    "order_rows",
    "rows",
    "trade_columns",
    "trade_rows",
]

#: Times, numbers (NaN: undefined), whole numbers, truth values, or texts (None: there is none).
Column = Times | Floats | NDArray[np.int64] | NDArray[np.bool_] | list[str] | list[str | None]
Columns = Mapping[str, Column]
Which = slice | Indices
Row = dict[str, Any]

_ALL = slice(None)
# By the number of an `OrderEventKind`: a tuple is much faster than the attribute of a member.
_EVENTS = tuple(kind.event for kind in OrderEventKind)
_REASONS = tuple(kind.reason or None for kind in OrderEventKind)


def rows(columns: Columns) -> Iterator[Row]:
    """Yield rows as Python objects; for many rows `wire.tables` is faster."""
    names, values = tuple(columns), map(_listed, columns.values())
    return (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def _listed(column: Column) -> list[Any]:
    if isinstance(column, list):
        return column
    # By way of JSON, so that an object holds the very values that a written row does.
    values: list[Any] = orjson.loads(dumps(column))
    return values


def equity_rows(curve: Curve, bars: Which = _ALL) -> Iterator[Row]:
    """Yield rows of the equity curve, for all bars or some of them.

    A row does not depend on the other rows that are wanted, so a run can emit it as an event before
    the last bar.
    """
    return rows(equity_columns(curve, bars))


def equity_columns(curve: Curve, bars: Which = _ALL) -> Columns:
    """Return columns of the equity curve."""
    value, cash = curve.value[bars], curve.cash[bars]
    profit = value - curve.capital
    return {
        "timestamp": curve.time[bars],
        "value": value,
        "cash": cash,
        "positions": value - cash,
        "total_pnl": profit,
        "returns": as_percent(profit / curve.capital),
        "daily_return": as_percent(curve.returns_at(bars)),
        "drawdown": as_percent(curve.drawdown[bars]),
    }


def exposure_columns(curve: Curve, bars: Which = _ALL) -> Columns:
    """Return columns of exposures in percent of value; NaN where the value is not positive."""
    value, cash = curve.value[bars], curve.cash[bars]
    net = percent_of(value - cash, value)
    return {
        "timestamp": curve.time[bars],
        "cash_pct": percent_of(cash, value),
        "positions_pct": net,
        "gross_exposure_pct": percent_of(curve.gross[bars], value),
        "net_exposure_pct": net,
    }


def trade_rows(trades: Fills, which: Which = _ALL) -> Iterator[Row]:
    """Yield one row per fill; `pnl` is null where the fill only opens."""
    return rows(trade_columns(trades, which))


def trade_columns(trades: Fills, which: Which = _ALL) -> Columns:
    """Return columns of the fills; `pnl` is NaN where the fill only opens."""
    quantity = trades.quantity[which]
    return {
        "timestamp": trades.time[which],
        "symbol": [trades.symbols[i] for i in trades.symbol[which].tolist()],
        "action": ["BUY" if bought else "SELL" for bought in (quantity > 0).tolist()],
        "shares": np.abs(quantity),
        "price": trades.price[which],
        "commission": trades.commission[which],
        "slippage_cost": trades.slippage_cost[which],
        "pnl": trades.pnl[which],
        "strategy_id": [trades.strategy_id] * len(quantity),
        "order_id": [f"order-{number}" for number in trades.order[which].tolist()],
    }


def benchmark_columns(benchmark: Benchmark, bars: Which = _ALL) -> Columns:
    """Return columns of the benchmark curve; `period_return` is a fraction, as in the reference."""
    value = benchmark.value[bars]
    return {
        "timestamp": benchmark.time[bars],
        "symbol": [benchmark.symbol] * len(value),
        "value": value,
        "price": benchmark.price[bars],
        "period_return": benchmark.returns_at(bars),
        "returns": as_percent(value / benchmark.capital - 1.0),
    }


def order_rows(orders: OrderLog, symbols: Sequence[str], which: Which = _ALL) -> Iterator[Row]:
    """Yield one flat row per step in an order's life."""
    return rows(order_columns(orders, symbols, which))


def order_columns(orders: OrderLog, symbols: Sequence[str], which: Which = _ALL) -> Columns:
    """Return columns of the steps in orders' lives; prices are NaN where there is none."""
    quantity, what = orders.quantity[which], orders.what[which].tolist()
    numbers = orders.order[which].tolist()
    specs = [orders.specs.get(number, PLAIN) for number in numbers]
    return {
        "event": [_EVENTS[code] for code in what],
        "timestamp": orders.time[which],
        "order_id": [f"order-{number}" for number in numbers],
        "symbol": [symbols[i] for i in orders.symbol[which].tolist()],
        "side": ["BUY" if bought else "SELL" for bought in (quantity > 0).tolist()],
        "quantity": np.abs(quantity),
        "order_type": [str(spec.kind) for spec in specs],
        "time_in_force": [str(spec.time_in_force) for spec in specs],
        "limit": _prices(spec.limit for spec in specs),
        "stop": _prices(spec.stop for spec in specs),
        "trail": _prices(spec.trail for spec in specs),
        "price": orders.price[which],
        "reason": [_REASONS[code] for code in what],
    }


def _prices(given: Iterable[float | None]) -> Floats:
    return np.array([np.nan if price is None else price for price in given])
