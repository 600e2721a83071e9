"""The targets of one symbol alone, carried out faster than the broker does, to the same last bit.

The most frequent case only: market orders, each filled before the next is made. A sum is added up
in the order in which the broker would, and every other operation is the broker's own on a column,
so that no digit tells which of them was at work.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EVENT, FILL
from glowback_trio.engine.strategies.signals import Signals
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind

Indices = NDArray[np.intp]
RecordArray = NDArray[Any]

__all__ = ["Done", "alone", "events", "figures", "fill_costs", "running"]


@frozen(eq=False)
class Done:
    """What has been carried out.

    Attributes:
        numbered: The number of the latest order.
        events: What happened to the orders, in its order.
        fills: The figures of those events that are fills.
    """

    numbered: int
    events: RecordArray
    fills: RecordArray


def alone(signals: Signals, costs: CostModel, account: Account, numbered: int) -> Done:
    """Carry out signals of the only symbol, each of which is filled before the next is made.

    Args:
        signals: (S,).
        costs: Conditions of a fill.
        account: Changed by what is filled.
        numbered: The number of the latest order.
    """
    asked, fits = _sizes(signals, costs, account.cash, account.units.item(0))
    traded = np.flatnonzero(asked)
    asked, fits = asked[traded], fits[traded]
    filled, cut = np.flatnonzero(fits), np.flatnonzero(fits != asked)
    number = np.arange(len(traded)) + numbered + 1
    row, due = signals.row[traded], signals.due[traded]
    # What happens to an order: submitted; filled, as far as it fits; ended, if that is not all.
    submission = np.arange(len(traded)) + _before(filled, traded) + _before(cut, traded)
    ending = submission[cut] + 1 + (fits[cut] != 0.0)
    happened = np.empty(len(traded) + len(filled) + len(cut), EVENT)
    happened[submission] = events(OrderEventKind.SUBMITTED, row, number, 0, asked)
    happened[submission[filled] + 1] = events(
        OrderEventKind.FILLED, due[filled], number[filled], 0, fits[filled]
    )
    what = np.where(
        fits[cut] != 0.0, OrderEventKind.REMAINDER_UNAFFORDABLE, OrderEventKind.UNAFFORDABLE
    )
    happened[ending] = events(what, due[cut], number[cut], 0, asked[cut] - fits[cut])

    quantity, open_price = fits[filled], signals.open_price[traded[filled]]
    price, commission = fill_costs(costs, quantity, open_price)
    units = running(account.units.item(0), quantity)
    cash = running(account.cash, -(quantity * price + commission))
    account.units[0], account.cash = units.item(-1), cash.item(-1)
    slippage = np.abs(quantity * (price - open_price))
    fills = figures(price, commission, slippage, units[1:], cash[1:])
    return Done(numbered + len(traded), happened, fills)


def _before(some: Indices, of: Indices) -> Indices:
    """How many of some places come before each of all."""
    marked = np.zeros(len(of) + 1, np.intp)
    marked[some + 1] = 1
    return np.cumsum(marked)[:-1]


def _sizes(signals: Signals, costs: CostModel, cash: float, units: float) -> tuple[Floats, Floats]:
    """Work out signal after signal: the one loop over orders that no array operation can replace.

    A quantity depends on what all the fills before it have made of the account.

    Returns:
        What is ordered for each, and as much of it as buying power covers; (S,) signed units.
    """
    buying, selling, leverage = costs.buying, costs.selling, costs.leverage
    rate, per_share, minimum = costs.rate, costs.per_share, costs.minimum
    rounded = costs.rounded if costs.whole_shares else None
    asked: list[float] = []
    fitting: dict[int, float] = {}
    columns = (signals.target, signals.close, signals.open_price, signals.mark)
    for target, close, open_price, mark in zip(*(c.tolist() for c in columns), strict=True):
        quantity = target * (cash + units * close) / close - units
        if rounded:
            quantity = rounded(quantity)
        if quantity:
            price = open_price * (buying if quantity > 0.0 else selling)
            commission = abs(quantity) * (price * rate + per_share)
            if minimum:
                commission = max(commission, minimum)
            worth = cash + units * mark + units * (price - mark)
            fits = quantity
            if abs(units + quantity) * price > leverage * (worth - commission):
                fits = costs.affordable(quantity, price, units, worth, 0.0)
                commission = costs.commission(fits, price)
                fitting[len(asked)] = fits
            if fits:
                cash -= fits * price + commission
                units += fits
        asked.append(quantity)
    sizes = np.array(asked)
    fits = sizes.copy()
    fits[list(fitting)] = list(fitting.values())
    return sizes, fits


def fill_costs(
    costs: CostModel, quantity: Floats, open_price: Floats
) -> tuple[Floats, Floats | float]:
    """Price after slippage, and commission, of market orders; 0.0 where none can arise."""
    price = open_price
    if costs.slippage:
        price = open_price * np.where(quantity > 0.0, costs.buying, costs.selling)
    if not (costs.rate or costs.per_share or costs.minimum):
        return price, 0.0
    commission = np.abs(quantity) * (price * costs.rate + costs.per_share)
    return price, np.maximum(costs.minimum, commission) if costs.minimum else commission


def running(before: float, steps: Floats) -> Floats:
    """What there is before the first step and after each, added one after the other."""
    sums = np.empty(len(steps) + 1)
    sums[0], sums[1:] = before, steps
    return np.add.accumulate(sums, out=sums)


def events(
    what: int | Indices, row: Indices, number: Indices, symbol: Indices | int, quantity: Floats
) -> RecordArray:
    """RecordArray of something that happened to (n,) orders."""
    records = np.empty(len(number), EVENT)
    columns = (what, row, number, symbol, quantity)
    for name, column in zip(("what", "row", "order", "symbol", "quantity"), columns, strict=True):
        records[name] = column
    return records


def figures(*columns: Floats | float) -> RecordArray:
    """RecordArray of fills: price, commission, slippage, units and cash, each (n,)."""
    fills = np.empty(np.size(columns[0]), FILL)
    names = ("price", "commission", "slippage", "units", "cash")
    for name, column in zip(names, columns, strict=True):
        fills[name] = column
    return fills
