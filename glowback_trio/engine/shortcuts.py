"""Plain targets, carried out faster: the broker's results to the last bit, without its orders.

Both ways take the most frequent case alone: market orders beside which nothing is open, each filled
whole on the one bar it is due. Each ends before the first order that does not fit this picture and
leaves it to the broker. A sum is added up in the order in which the broker would, and every other
operation is the broker's own on a column, so that no digit tells which of them was at work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from glowback_trio.engine.tape import EVENT, FILL, FILLED, SUBMITTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glowback_trio.engine.account import Account
    from glowback_trio.engine.execution import Terms
    from glowback_trio.engine.signals import Signals
    from glowback_trio.model.bars import Floats

    Indices = NDArray[np.intp]
    Records = NDArray[Any]

__all__ = ["Done", "Rest", "alone", "together"]


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


@frozen(eq=False)
class Rest:
    """Orders that are submitted but not tried, and what the account is worth before them.

    Attributes:
        orders: Number, symbol, signed quantity and bar of each.
        equity: At the last closes, after what was filled, currency.
        gross: Exposure, likewise.
    """

    orders: Sequence[tuple[int, int, float, int]]
    equity: float
    gross: float


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
    price, commission = _costs(terms, quantity, opening)
    number = np.arange(len(traded)) + numbered + 1
    units = _running(account.units.item(0), quantity)
    cash = _running(account.cash, -(quantity * price + commission))
    account.units[0], account.cash = units.item(-1), cash.item(-1)
    submitted = _events(SUBMITTED, signals.row[traded], number, 0, quantity)
    filled = _events(FILLED, signals.due[traded], number, 0, quantity)
    events = np.stack((submitted, filled), axis=1).ravel()
    slippage = np.abs(quantity * (price - opening))
    fills = _figures(price, commission, slippage, units[1:], cash[1:])
    return Done(len(sized), numbered + len(traded), events, fills)


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


def together(
    signals: Signals, terms: Terms, account: Account, numbered: int, value: tuple[float, float]
) -> tuple[Done, Rest]:
    """Carry out signals that were made on one row and are due on the next, all of them.

    Args:
        signals: (S,) by symbol.
        terms: Conditions of a fill.
        account: Changed by what is filled.
        numbered: The number of the latest order.
        value: Equity and gross exposure at the row's closes, currency.

    Returns:
        The orders from the first one on that buying power does not cover are the rest.
    """
    held = account.units[signals.symbol]
    quantity = signals.target * (value[0] / len(account.units)) / signals.close - held
    if terms.whole:
        quantity = np.trunc(quantity)
    traded = np.flatnonzero(quantity)
    symbol, asked = signals.symbol[traded], quantity[traded]
    number = np.arange(len(traded)) + numbered + 1
    submitted = _events(SUBMITTED, signals.row[traded], number, symbol, asked)

    turn = _turn(held[traded], asked)
    traded, number, symbol, quantity = traded[turn], number[turn], symbol[turn], asked[turn]
    held, opening, mark = held[traded], signals.opening[traded], signals.mark[traded]
    price, commission = _costs(terms, quantity, opening)
    units = held + quantity
    size, reach = np.abs(held), np.abs(units)
    equity = _running(value[0], quantity * (mark - price) - commission)
    gross = _running(value[1], (reach - size) * mark)
    worth = equity[:-1] + held * (price - mark)
    exposed = gross[:-1] - size * mark + reach * price
    refused = np.flatnonzero(exposed > terms.leverage * (worth - commission))
    most = refused.item(0) if len(refused) else len(number)

    done, left = slice(0, most), slice(most, None)
    cash = _running(account.cash, -(quantity * price + commission)[done])
    account.units[symbol[done]], account.cash = units[done], cash.item(-1)
    filled = _events(FILLED, signals.due[traded[done]], number[done], symbol[done], quantity[done])
    slippage = np.abs(quantity * (price - opening))
    fills = _figures(*(c[done] for c in (price, commission, slippage, units)), cash[1:])
    events = np.concatenate((submitted, filled))
    columns = (number, symbol, quantity, signals.bar[traded])
    orders = list(zip(*(column[left].tolist() for column in columns), strict=True))
    rest = Rest(orders, equity.item(most), gross.item(most))
    return Done(len(signals.row), numbered + len(number), events, fills), rest


def _turn(held: Floats, quantity: Floats) -> Indices:
    """Reductions first, because they free buying power; each part as it stands."""
    reduces = (held * quantity < 0.0) & (np.abs(quantity) <= np.abs(held))
    return np.argsort(~reduces, kind="stable")


def _costs(terms: Terms, quantity: Floats, opening: Floats) -> tuple[Floats, Floats]:
    """Price after slippage, and commission, of market orders."""
    price = opening * np.where(quantity > 0.0, terms.buying, terms.selling)
    commission = np.abs(quantity) * (price * terms.rate + terms.per_share)
    return price, np.maximum(terms.minimum, commission)


def _running(before: float, steps: Floats) -> Floats:
    """What there is before the first step and after each, added one after the other."""
    sums: Floats = np.add.accumulate(np.concatenate(((before,), steps)))
    return sums


def _events(
    what: int, row: Indices, number: Indices, symbol: Indices | int, quantity: Floats
) -> Records:
    events = np.empty(len(number), EVENT)
    columns = (what, row, number, symbol, quantity)
    for name, column in zip(("what", "row", "order", "symbol", "quantity"), columns, strict=True):
        events[name] = column
    return events


def _figures(*columns: Floats) -> Records:
    fills = np.empty(len(columns[0]), FILL)
    names = ("price", "commission", "slippage", "units", "cash")
    for name, column in zip(names, columns, strict=True):
        fills[name] = column
    return fills
