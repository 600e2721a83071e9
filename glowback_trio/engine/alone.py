"""The targets of one symbol alone, carried out faster than the broker does, to the same last bit.

The most frequent case only: market orders, each filled whole before the next is made. It ends
before the first order that does not fit this picture and leaves it to the broker. A sum is added up
in the order in which the broker would, and every other operation is the broker's own on a column,
so that no digit tells which of them was at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from glowback_trio.engine.tape import EVENT, FILL, FILLED, SUBMITTED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glowback_trio.engine.account import Account
    from glowback_trio.engine.execution import Terms
    from glowback_trio.engine.signals import Signals
    from glowback_trio.model.bars import Floats

    Indices = NDArray[np.intp]
    Records = NDArray[Any]

__all__ = ["Done", "alone", "costs", "events", "figures", "running"]


@frozen(eq=False)
class Done:
    """What a shortcut has carried out.

    Attributes:
        signals: How many signals.
        numbered: The number of the latest order.
        events: What happened to the orders, in its order.
        fills: The figures of those events that are fills.
    """

    signals: int
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

    Returns:
        It ends before the first signal that buying power does not cover.
    """
    sized = np.array(_sizes(signals, terms, account.cash, account.units.item(0)))
    traded = np.flatnonzero(sized)
    quantity, opening = sized[traded], signals.opening[traded]
    price, commission = costs(terms, quantity, opening)
    number = np.arange(len(traded)) + numbered + 1
    units = running(account.units.item(0), quantity)
    cash = running(account.cash, -(quantity * price + commission))
    account.units[0], account.cash = units.item(-1), cash.item(-1)
    submitted = events(SUBMITTED, signals.row[traded], number, 0, quantity)
    filled = events(FILLED, signals.due[traded], number, 0, quantity)
    happened = np.stack((submitted, filled), axis=1).ravel()
    slippage = np.abs(quantity * (price - opening))
    fills = figures(price, commission, slippage, units[1:], cash[1:])
    return Done(len(sized), numbered + len(traded), happened, fills)


def _sizes(signals: Signals, terms: Terms, cash: float, units: float) -> list[float]:
    """Work out signal after signal: the one loop over orders that no array operation can replace.

    A quantity depends on what all the fills before it have made of the account.
    """
    buying, selling, leverage = terms.buying, terms.selling, terms.leverage
    rate, per_share, minimum = terms.rate, terms.per_share, terms.minimum
    rounded = terms.rounded if terms.whole else None
    sizes: list[float] = []
    columns = (signals.target, signals.close, signals.opening, signals.mark)
    for target, close, opening, mark in zip(*(c.tolist() for c in columns), strict=True):
        quantity = target * (cash + units * close) / close - units
        if rounded:
            quantity = rounded(quantity)
        if quantity:
            price = opening * (buying if quantity > 0.0 else selling)
            commission = abs(quantity) * (price * rate + per_share)
            commission = max(commission, minimum)
            worth = cash + units * mark + units * (price - mark)
            if abs(units + quantity) * price > leverage * (worth - commission):
                break
            cash -= quantity * price + commission
            units += quantity
        sizes.append(quantity)
    return sizes


def costs(terms: Terms, quantity: Floats, opening: Floats) -> tuple[Floats, Floats]:
    """Price after slippage, and commission, of market orders."""
    price = opening * np.where(quantity > 0.0, terms.buying, terms.selling)
    commission = np.abs(quantity) * (price * terms.rate + terms.per_share)
    return price, np.maximum(terms.minimum, commission)


def running(before: float, steps: Floats) -> Floats:
    """What there is before the first step and after each, added one after the other."""
    sums: Floats = np.add.accumulate(np.concatenate(((before,), steps)))
    return sums


def events(
    what: int, row: Indices, number: Indices, symbol: Indices | int, quantity: Floats
) -> Records:
    """Records of something that happened to (n,) orders."""
    records = np.empty(len(number), EVENT)
    columns = (what, row, number, symbol, quantity)
    for name, column in zip(("what", "row", "order", "symbol", "quantity"), columns, strict=True):
        records[name] = column
    return records


def figures(*columns: Floats) -> Records:
    """Records of fills: price, commission, slippage, units and cash, each (n,)."""
    fills = np.empty(len(columns[0]), FILL)
    names = ("price", "commission", "slippage", "units", "cash")
    for name, column in zip(names, columns, strict=True):
        fills[name] = column
    return fills
