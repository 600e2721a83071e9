"""Check a result that came from outside: its parts must fit together, for any reader to use it.

What its numbers say is not judged here: `verify` computes them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from glowback_trio.model.orders import OrderEventKind
from glowback_trio.model.portfolio import NONE, Constraint, Portfolio, RebalanceReason
from glowback_trio.model.result import Benchmark, Curve, Fills, OrderLog, Result

__all__ = ["check_result"]

#: By annotation: which kinds of numpy's types a column may have.
_KINDS: Mapping[Any, str] = {
    "Times": "M",
    "Floats": "fiu",
    "Codes": "iu",
    "Indices": "i",
    "NDArray[np.int64]": "i",
    "NDArray[np.bool_]": "b",
}


def check_result(result: Result) -> None:
    """Check types and lengths of a result's columns, and that its indices lead somewhere.

    Raises:
        ValueError: It does not fit together.
        TypeError: A part is of another type.
    """
    bars = _length(result.curve, Curve)
    _check_fills(result)
    if result.benchmark is not None:
        _require(_length(result.benchmark, Benchmark) == bars, "benchmark: one row per bar")
        _require(0 <= result.benchmark.start < max(bars, 1), "benchmark.start: a row")
    if result.portfolio is not None:
        _check_portfolio(result.portfolio, bars)
    for name in ("metrics", "final_positions", "final_prices", "carry", "manifest"):
        _require(isinstance(getattr(result, name), Mapping), f"{name}: an object")
    for name in ("metrics", "final_positions", "final_prices", "carry"):
        values = getattr(result, name).values()
        numbers = (v is None or isinstance(v, float | int) for v in values)
        _require(all(numbers), f"{name}: numbers")
    _require(all(isinstance(line, str) for line in result.logs), "logs: texts")
    for number in (result.final_cash, result.risk_free_rate, result.curve.capital):
        _require(isinstance(number, float | int), "numbers where numbers belong")


def _check_fills(result: Result) -> None:
    _length(result.trades, Fills)
    _length(result.orders, OrderLog)
    symbols = result.trades.symbols
    _require(_are_texts(symbols), "trades.symbols: texts")
    _check_range(result.trades.symbol, 0, len(symbols), "trades.symbol")
    _check_range(result.orders.symbol, 0, len(symbols), "orders.symbol")
    _check_range(result.orders.what, 0, len(OrderEventKind), "orders.what")


def _check_portfolio(portfolio: Portfolio, bars: int) -> None:
    names = len(portfolio.symbols)
    shapes: Mapping[str, tuple[int, ...]] = {
        **dict.fromkeys(("target", "first", "end"), (names,)),
        **dict.fromkeys(("reason", "turnover", "out", "drawdown"), (bars,)),
        "worth": (bars, names),
    }
    _require(_are_texts(portfolio.symbols), "portfolio.symbols: texts")
    _check_kinds(portfolio)
    for name, shape in shapes.items():
        _require(getattr(portfolio, name).shape == shape, f"portfolio.{name}: shape {shape}")
    _check_range(portfolio.reason, NONE, len(RebalanceReason), "portfolio.reason")
    hits = portfolio.hits
    _length(hits, type(hits))
    _check_range(hits.row, 0, bars, "portfolio.hits.row")
    _check_range(hits.what, 0, len(Constraint), "portfolio.hits.what")
    _check_range(hits.symbol, NONE, names, "portfolio.hits.symbol")


def _length(part: Any, cls: type[Any]) -> int:
    """Return how many rows a part has, all of whose columns are equally long."""
    _require(isinstance(part, cls), f"a {cls.__name__} where one belongs")
    shapes = {column.shape for column in _check_kinds(part)}
    _require(len(shapes) == 1, f"{cls.__name__}: columns of one length")
    (shape,) = shapes
    _require(len(shape) == 1, f"{cls.__name__}: columns of one dimension")
    return int(shape[0])


def _check_kinds(part: Any) -> list[np.ndarray[Any, Any]]:
    """Return the columns of a part, which are arrays of the kinds that they are declared with."""
    columns = []
    for field in attrs.fields(type(part)):
        if field.type in _KINDS:
            column = getattr(part, field.name)
            is_right = isinstance(column, np.ndarray) and column.dtype.kind in _KINDS[field.type]
            _require(is_right, f"{field.name}: an array of {field.type}")
            columns.append(column)
    return columns


def _check_range(column: Any, least: int, end: int, name: str) -> None:
    inside = not column.size or (column.min() >= least and column.max() < end)
    _require(inside, f"{name}: from {least} to {end - 1}")


def _are_texts(names: Sequence[Any]) -> bool:
    return all(isinstance(name, str) for name in names)


def _require(condition: object, expected: str) -> None:
    if not condition:
        raise ValueError(f"it should have {expected}")
