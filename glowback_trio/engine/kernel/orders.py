"""Orders in the kernel: from submission to their end, each step written down.

The counterpart of `execution.blotter`, with one difference that makes it small: a symbol has one
open order at most, because a new target replaces the one before.
"""

from __future__ import annotations

import math

from glowback_trio.engine.kernel.arithmetic import is_held_already, is_rounding, rounded
from glowback_trio.engine.kernel.tables import Book, Tables
from glowback_trio.model.orders import OrderEventKind

__all__ = [
    "close_all",
    "close_order",
    "fill_order",
    "note",
    "order_target",
    "size_order",
    "submit",
    "trim",
]

_SUBMITTED = int(OrderEventKind.SUBMITTED)
_FILLED = int(OrderEventKind.FILLED)
_REPLACED = int(OrderEventKind.REPLACED)
_SIZED = int(OrderEventKind.SIZED_AT_FILL)
_BELOW_ONE_UNIT = int(OrderEventKind.BELOW_ONE_UNIT)


def note(book: Book, kind: int, row: int, symbol: int, quantity: float) -> None:
    """Write down an event of a symbol's order."""
    state = book.state[0]
    if len(book.events) == 0:
        return
    event = book.events[state["events"]]
    event["what"] = kind
    event["row"] = row
    event["order"] = book.orders[symbol]["number"]
    event["symbol"] = symbol
    event["quantity"] = quantity
    state["events"] += 1


def submit(
    book: Book, row: int, symbol: int, quantity: float, fraction: float, earliest: int
) -> None:
    """Submit an order of a symbol that has none."""
    state, order = book.state[0], book.orders[symbol]
    state["number"] += 1
    state["open"] += 1
    order["number"] = state["number"]
    order["remaining"] = quantity
    order["ordered"] = quantity
    order["fraction"] = fraction
    order["earliest"] = earliest
    order["filled"] = 0
    note(book, _SUBMITTED, row, symbol, quantity)


def set_remaining(book: Book, symbol: int, remaining: float) -> None:
    """Set what is still to fill; with nothing but rounding left the order is gone."""
    order = book.orders[symbol]
    if is_rounding(remaining, order["ordered"]):
        order["remaining"] = 0.0
        order["number"] = 0
        book.state[0]["open"] -= 1
    else:
        order["remaining"] = remaining


def close_order(book: Book, row: int, symbol: int, kind: int) -> None:
    """Cancel or reject all that remains of a symbol's order."""
    note(book, kind, row, symbol, book.orders[symbol]["remaining"])
    set_remaining(book, symbol, 0.0)


def close_all(book: Book, row: int, kind: int) -> None:
    """Cancel every open order, oldest first."""
    while book.state[0]["open"] > 0:
        oldest, number = -1, 0
        for symbol in range(len(book.orders)):
            own = book.orders[symbol]["number"]
            if own > 0 and (oldest < 0 or own < number):
                oldest, number = symbol, own
        close_order(book, row, oldest, kind)


def trim(book: Book, row: int, symbol: int, most: float, kind: int) -> None:
    """Cancel what an order has beyond `most` units."""
    order = book.orders[symbol]
    remaining, ordered = order["remaining"], order["ordered"]
    excess = abs(remaining) - most
    if excess <= 0.0 or is_rounding(excess, ordered):
        return
    if is_rounding(most, ordered):
        close_order(book, row, symbol, kind)
        return
    note(book, kind, row, symbol, math.copysign(excess, remaining))
    set_remaining(book, symbol, math.copysign(most, remaining))


def size_order(book: Book, row: int, symbol: int, quantity: float) -> None:
    """Set the quantity of an order that was submitted before it could be known."""
    order = book.orders[symbol]
    order["fraction"] = math.nan
    if quantity == 0.0:
        close_order(book, row, symbol, _BELOW_ONE_UNIT)
    elif quantity != order["remaining"]:
        note(book, _SIZED, row, symbol, quantity)
        order["remaining"] = quantity
        order["ordered"] = quantity


def fill_order(
    book: Book, row: int, symbol: int, quantity: float, figures: tuple[float, float, float, float]
) -> None:
    """Change the account by a fill: its price, commission, slippage cost and the units after it."""
    price, fee, slippage, units = figures
    state, order = book.state[0], book.orders[symbol]
    state["cash"] = state["cash"] - (quantity * price + fee)
    book.units[symbol] = units
    order["filled"] = 1
    if len(book.events) > 0:
        note(book, _FILLED, row, symbol, quantity)
        fill = book.fills[state["fills"]]
        fill["price"] = price
        fill["commission"] = fee
        fill["slippage"] = slippage
        fill["units"] = units
        fill["cash"] = state["cash"]
    state["fills"] += 1
    set_remaining(book, symbol, order["remaining"] - quantity)


def order_target(
    book: Book, tables: Tables, row: int, symbol: int, fraction: float, earliest: int
) -> None:
    """Order what a target lacks, and cancel what is open for the symbol's target before."""
    costs, state = book.costs[0], book.state[0]
    if book.orders[symbol]["number"] > 0:
        close_order(book, row, symbol, _REPLACED)
    wanted = fraction
    if wanted < 0.0 and costs["short"] == 0:
        wanted = 0.0
    close = tables.marks[row - tables.first, symbol]
    equity, held = state["equity"], book.units[symbol]
    quantity = wanted * (equity / len(book.units)) / close - held
    if is_held_already(quantity, held, close, equity):
        return
    at_fill = costs["at_fill"] != 0
    if not at_fill:
        quantity = rounded(costs, quantity)
    if quantity != 0.0:
        submit(book, row, symbol, quantity, wanted if at_fill else math.nan, earliest)
