"""Journal records of many orders, and the running sums that they show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from glowback_trio.engine.execution.journal import EVENT, FILL, RecordArray
from glowback_trio.model.bars import Floats, Indices

__all__ = ["cumulative", "event_records", "fill_records", "held_along"]


def cumulative(before: float, steps: Floats) -> Floats:
    """Return the value before the first step and after each, (n + 1,).

    Steps are added one after the other, as the broker does, and not pairwise as `sum` would.
    """
    sums = np.empty(len(steps) + 1)
    sums[0], sums[1:] = before, steps
    return np.add.accumulate(sums, out=sums)


def held_along(before: float, quantity: Floats, ended: Sequence[int]) -> Floats:
    """Return the units held before the first of (n,) fills and after each, (n + 1,).

    Args:
        before: Units.
        quantity: Signed units filled.
        ended: Places of the fills after which nothing is held, whatever the sum leaves.
    """
    units = cumulative(before, quantity)
    for last, after in pairwise([*ended, len(quantity)]):
        units[last + 1 : after + 1] = cumulative(0.0, quantity[last + 1 : after])
    return units


def event_records(
    kind: int | Indices,
    row: Indices | int,
    number: Indices,
    symbol: Indices | int,
    quantity: Floats,
) -> RecordArray:
    """Return the records of one event of each of (n,) orders."""
    records = np.empty(len(number), EVENT)
    columns = (kind, row, number, symbol, quantity)
    for name, column in zip(("what", "row", "order", "symbol", "quantity"), columns, strict=True):
        records[name] = column
    return records


def fill_records(*columns: Floats | float) -> RecordArray:
    """Return the records of (n,) fills: price, commission, slippage, units and cash of each."""
    fills = np.empty(np.size(columns[0]), FILL)
    names = ("price", "commission", "slippage", "units", "cash")
    for name, column in zip(names, columns, strict=True):
        fills[name] = column
    return fills
