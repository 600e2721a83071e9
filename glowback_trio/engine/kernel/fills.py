"""Fills in the kernel: what happens on a row before its close. The counterpart of the broker."""

from __future__ import annotations

import math

from glowback_trio.engine.kernel.arithmetic import (
    added,
    affordable,
    capped,
    commission,
    held_after,
    price_after,
    reduces,
    sized_at_fill,
)
from glowback_trio.engine.kernel.orders import (
    close_order,
    fill_order,
    size_order,
    submit,
    trim,
)
from glowback_trio.engine.kernel.tables import Book, Tables
from glowback_trio.engine.tolerance import WORTH
from glowback_trio.model.orders import OrderEventKind

__all__ = ["begin_row", "value_account"]

_UNAFFORDABLE = int(OrderEventKind.UNAFFORDABLE)
_REMAINDER_UNAFFORDABLE = int(OrderEventKind.REMAINDER_UNAFFORDABLE)
_SHORT_NOT_ALLOWED = int(OrderEventKind.SHORT_NOT_ALLOWED)
_DATA_ENDED = int(OrderEventKind.DATA_ENDED)
_YEAR = 365.0 * 86_400e9  # nanoseconds


def begin_row(book: Book, tables: Tables, row: int) -> None:
    """Pay for the time since the last row, and try the orders that are due."""
    if row > 0 and book.costs[0]["financed"] != 0:
        _pay_financing(book, tables, row)
    count = _due(book, tables, row)
    if count == 0:
        return
    reducing = 0
    for at in range(count):
        symbol = book.due[at]
        if reduces(book.units[symbol], book.orders[symbol]["remaining"]):
            reducing += 1
            _try(book, tables, row, symbol)
            book.due[at] = -1
    if reducing < count:
        for at in range(count):
            if book.due[at] >= 0:
                _try(book, tables, row, book.due[at])


def value_account(book: Book, tables: Tables, row: int) -> None:
    """Value the account at a row's closes."""
    state, units, worth = book.state[0], book.units, book.worth
    count, at = len(units), row - tables.first
    if count == 1:
        alone = units[0] * tables.marks[at, 0]
        state["equity"] = state["cash"] + alone
        state["gross"] = abs(alone)
        return
    for symbol in range(count):
        worth[symbol] = units[symbol] * tables.marks[at, symbol]
    state["equity"] = state["cash"] + (0.0 + added(worth, count, book.halves))
    for symbol in range(count):
        worth[symbol] = abs(worth[symbol])
    state["gross"] = 0.0 + added(worth, count, book.halves)


def _due(book: Book, tables: Tables, row: int) -> int:
    """Find the symbols whose orders meet a bar, or the end of their data, and count them."""
    count, at = 0, row - tables.first
    some = book.state[0]["open"] > 0
    if not some and book.costs[0]["closes"] == 0:
        return 0
    for symbol in range(len(book.units)):
        if tables.closing[symbol] == row:
            count += _close_ended(book, row, symbol, count)
        elif some:
            order = book.orders[symbol]
            met = order["number"] > 0 and order["earliest"] <= row
            if met and not math.isnan(tables.opens[at, symbol]):
                book.due[count] = symbol
                count += 1
    return count


def _close_ended(book: Book, row: int, symbol: int, count: int) -> int:
    """Order the position closed of a symbol whose data have ended; return 1 if there is one."""
    if book.orders[symbol]["number"] > 0:
        close_order(book, row, symbol, _DATA_ENDED)
    units = book.units[symbol]
    if units == 0.0:
        return 0
    submit(book, row, symbol, -units, math.nan, row)
    book.due[count] = symbol
    return 1


def _try(book: Book, tables: Tables, row: int, symbol: int) -> None:
    """Fill what position, volume and buying power allow of a symbol's order."""
    costs, state, order = book.costs[0], book.state[0], book.orders[symbol]
    at = row - tables.first
    mark, reference = tables.marks[at - 1, symbol], tables.opens[at, symbol]
    volume = math.inf
    if tables.closing[symbol] == row:
        reference = mark
    elif costs["uses_volume"] != 0:
        volume = tables.volumes[at, symbol]
    held, equity = book.units[symbol], state["equity"]
    offered = _offered(costs["participation"], volume, mark, equity)
    if not math.isnan(order["fraction"]) and capped(costs, order["remaining"], offered) != 0.0:
        target = order["fraction"] / len(book.units), equity, held, mark
        quantity = sized_at_fill(costs, target, reference, volume, offered)
        size_order(book, row, symbol, quantity)
    if math.isnan(order["fraction"]) and order["remaining"] < 0.0 and costs["short"] == 0:
        trim(book, row, symbol, max(0.0, held), _SHORT_NOT_ALLOWED)
    if order["number"] > 0:
        _fill(book, row, symbol, (mark, reference, volume, offered))


def _offered(participation: float, volume: float, mark: float, equity: float) -> float:
    """Return the units that the bar's volume offers."""
    if math.isinf(participation) or math.isinf(volume):
        return math.inf
    most = participation * volume
    return 0.0 if abs(most) * mark <= WORTH * equity else most


def _fill(book: Book, row: int, symbol: int, bar: tuple[float, float, float, float]) -> None:
    """Fill what volume and buying power allow, and let the rest wait or end."""
    mark, reference, volume, offered = bar
    costs, state, order = book.costs[0], book.state[0], book.orders[symbol]
    held, equity, gross = book.units[symbol], state["equity"], state["gross"]
    size = abs(held)
    quantity = order["remaining"]
    if costs["capped"] != 0:
        quantity = capped(costs, quantity, offered)
    price = price_after(costs, reference, quantity, volume)
    worth, others = equity + held * (price - mark), gross - size * mark
    fee, fits = commission(costs, quantity, price), quantity
    if others + abs(held + quantity) * price > costs["leverage"] * (worth - fee):
        fits = affordable(costs, quantity, price, held, worth, others)
        fee = commission(costs, fits, price)
    if fits != 0.0:
        state["equity"] = equity + (fits * (mark - price) - fee)
        state["gross"] = gross + (abs(held + fits) - size) * mark
        units = held_after(held, fits, price, worth)
        fill_order(book, row, symbol, fits, (price, fee, abs(fits * (price - reference)), units))
    # What volume leaves may fill on the next bar; what money leaves is cancelled.
    if order["number"] > 0:
        if fits != quantity:
            kind = _REMAINDER_UNAFFORDABLE if order["filled"] != 0 else _UNAFFORDABLE
            close_order(book, row, symbol, kind)
        else:
            order["earliest"] = row + 1


def _pay_financing(book: Book, tables: Tables, row: int) -> None:
    """Pay for borrowed units and cash, for the time since the last row, at its closes."""
    costs, state = book.costs[0], book.state[0]
    at = row - 1 - tables.first
    for symbol in range(len(book.units)):
        worth = book.units[symbol] * tables.marks[at, symbol]
        book.worth[symbol] = worth if worth < 0.0 or math.isnan(worth) else 0.0
    shorts = -(0.0 + added(book.worth, len(book.units), book.halves))
    years = float(tables.time[row] - tables.time[row - 1]) / _YEAR
    borrowed = max(0.0, -state["cash"])
    borrow = costs["borrow_rate"] * shorts * years
    interest = costs["margin_rate"] * borrowed * years
    amount = borrow + interest
    if amount != 0.0:
        state["cash"] = state["cash"] - amount
        state["equity"] = state["equity"] - amount
        if len(book.paid) > 0:
            payment = book.paid[state["paid"]]
            payment["row"] = row
            payment["borrow"] = borrow
            payment["interest"] = interest
            payment["cash"] = state["cash"]
            state["paid"] += 1
