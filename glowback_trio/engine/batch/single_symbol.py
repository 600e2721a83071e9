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
from glowback_trio.engine.execution.costs import Terms
from glowback_trio.engine.execution.journal import CUT, EVENT, FILL, FILLED, REJECTED, SUBMITTED
from glowback_trio.engine.strategies.signals import Signals
from glowback_trio.model.bars import Floats

Indices = NDArray[np.intp]
Records = NDArray[Any]

__all__ = ["Done", "alone", "costs", "events", "figures", "running"]


@frozen(eq=False)
class Done:
    """What has been carried out.

    Attributes:
        numbered: The number of the latest order.
        events: What happened to the orders, in its order.
        fills: The figures of those events that are fills.
    """

    numbered: int
    events: Records
    fills: Records


def alone(signals: Signals, terms: Terms, account: Account, numbered: int) -> Done:
    """Carry out signals of the only symbol, each of which is filled before the next is made.

    Args:
        signals: (S,).
        terms: Conditions of a fill.
        account: Changed by what is filled.
        numbered: The number of the latest order.
    """
    asked, fits = _sizes(signals, terms, account.cash, account.units.item(0))
    traded = np.flatnonzero(asked)
    asked, fits = asked[traded], fits[traded]
    filled, cut = np.flatnonzero(fits), np.flatnonzero(fits != asked)
    number = np.arange(len(traded)) + numbered + 1
    row, due = signals.row[traded], signals.due[traded]
    # What happens to an order: submitted; filled, as far as it fits; ended, if that is not all.
    submission = np.arange(len(traded)) + _before(filled, traded) + _before(cut, traded)
    ending = submission[cut] + 1 + (fits[cut] != 0.0)
    happened = np.empty(len(traded) + len(filled) + len(cut), EVENT)
    happened[submission] = events(SUBMITTED, row, number, 0, asked)
    happened[submission[filled] + 1] = events(FILLED, due[filled], number[filled], 0, fits[filled])
    what = np.where(fits[cut] != 0.0, CUT, REJECTED)
    happened[ending] = events(what, due[cut], number[cut], 0, asked[cut] - fits[cut])

    quantity, opening = fits[filled], signals.opening[traded[filled]]
    price, commission = costs(terms, quantity, opening)
    units = running(account.units.item(0), quantity)
    cash = running(account.cash, -(quantity * price + commission))
    account.units[0], account.cash = units.item(-1), cash.item(-1)
    slippage = np.abs(quantity * (price - opening))
    fills = figures(price, commission, slippage, units[1:], cash[1:])
    return Done(numbered + len(traded), happened, fills)


def _before(some: Indices, of: Indices) -> Indices:
    """How many of some places come before each of all."""
    marked = np.zeros(len(of) + 1, np.intp)
    marked[some + 1] = 1
    return np.cumsum(marked)[:-1]


def _sizes(signals: Signals, terms: Terms, cash: float, units: float) -> tuple[Floats, Floats]:
    """Work out signal after signal: the one loop over orders that no array operation can replace.

    A quantity depends on what all the fills before it have made of the account.

    Returns:
        What is ordered for each, and as much of it as buying power covers; (S,) signed units.
    """
    buying, selling, leverage = terms.buying, terms.selling, terms.leverage
    rate, per_share, minimum = terms.rate, terms.per_share, terms.minimum
    rounded = terms.rounded if terms.whole else None
    asked: list[float] = []
    fitting: dict[int, float] = {}
    columns = (signals.target, signals.close, signals.opening, signals.mark)
    for target, close, opening, mark in zip(*(c.tolist() for c in columns), strict=True):
        quantity = target * (cash + units * close) / close - units
        if rounded:
            quantity = rounded(quantity)
        if quantity:
            price = opening * (buying if quantity > 0.0 else selling)
            commission = abs(quantity) * (price * rate + per_share)
            if minimum:
                commission = max(commission, minimum)
            worth = cash + units * mark + units * (price - mark)
            fits = quantity
            if abs(units + quantity) * price > leverage * (worth - commission):
                fits = terms.affordable(quantity, price, units, worth, 0.0)
                commission = terms.commission(fits, price)
                fitting[len(asked)] = fits
            if fits:
                cash -= fits * price + commission
                units += fits
        asked.append(quantity)
    sizes = np.array(asked)
    fits = sizes.copy()
    fits[list(fitting)] = list(fitting.values())
    return sizes, fits


def costs(terms: Terms, quantity: Floats, opening: Floats) -> tuple[Floats, Floats | float]:
    """Price after slippage, and commission, of market orders; 0.0 where none can arise."""
    price = opening
    if terms.slippage:
        price = opening * np.where(quantity > 0.0, terms.buying, terms.selling)
    if not (terms.rate or terms.per_share or terms.minimum):
        return price, 0.0
    commission = np.abs(quantity) * (price * terms.rate + terms.per_share)
    return price, np.maximum(terms.minimum, commission) if terms.minimum else commission


def running(before: float, steps: Floats) -> Floats:
    """What there is before the first step and after each, added one after the other."""
    sums = np.empty(len(steps) + 1)
    sums[0], sums[1:] = before, steps
    return np.add.accumulate(sums, out=sums)


def events(
    what: int | Indices, row: Indices, number: Indices, symbol: Indices | int, quantity: Floats
) -> Records:
    """Records of something that happened to (n,) orders."""
    records = np.empty(len(number), EVENT)
    columns = (what, row, number, symbol, quantity)
    for name, column in zip(("what", "row", "order", "symbol", "quantity"), columns, strict=True):
        records[name] = column
    return records


def figures(*columns: Floats | float) -> Records:
    """Records of fills: price, commission, slippage, units and cash, each (n,)."""
    fills = np.empty(np.size(columns[0]), FILL)
    names = ("price", "commission", "slippage", "units", "cash")
    for name, column in zip(names, columns, strict=True):
        fills[name] = column
    return fills
