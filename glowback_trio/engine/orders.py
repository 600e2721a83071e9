"""Orders that are open, and when each is tried next."""

from __future__ import annotations

import sys
from copy import copy
from heapq import heappop, heappush

from attrs import define, field

__all__ = ["Order", "OrderBook"]

_NEVER = sys.maxsize


@define(eq=False)
class Order:
    """A market order, good till cancelled.

    Attributes:
        number: Counted from 1 in the order of submission.
        symbol: Index of the symbol.
        left: Signed units still to fill; positive buys.
        bar: Index, among the symbol's own bars, of the next one to try.
        filled: Whether any of it has been filled.
    """

    number: int
    symbol: int
    left: float
    bar: int
    filled: bool = False


@define(eq=False)
class OrderBook:
    """The open orders, at most one for each symbol, and the rows at which they are due.

    An order that is replaced stays where it is due and is passed over when its row comes.

    Attributes:
        open: The open order of each symbol that has one.
        rows: The rows at which orders are due, as a heap that ends in one past every row.
        numbered: How many orders there have been.
    """

    open: dict[int, Order] = field(factory=dict)
    rows: list[int] = field(factory=lambda: [_NEVER])
    numbered: int = 0
    _due: dict[int, list[Order]] = field(factory=dict)

    def copy(self) -> OrderBook:
        """A book of its own with orders of its own."""
        orders = {id(order): copy(order) for order in self.open.values()}
        due = {
            row: [orders[id(order)] for order in at_row if id(order) in orders]
            for row, at_row in self._due.items()
        }
        opened = {symbol: orders[id(order)] for symbol, order in self.open.items()}
        return OrderBook(opened, self.rows.copy(), self.numbered, due)

    def add(self, symbol: int, quantity: float, bar: int, row: int) -> int:
        """Open an order that is due at a row, and number it."""
        self.numbered += 1
        order = self.open[symbol] = Order(self.numbered, symbol, quantity, bar)
        self.schedule(order, row)
        return self.numbered

    def schedule(self, order: Order, row: int) -> None:
        """Let an open order be due at a row, which past the last one is never."""
        at_row = self._due.get(row)
        if at_row is None:
            self._due[row] = [order]
            heappush(self.rows, row)
        else:
            at_row.append(order)

    def take(self, row: int) -> list[Order]:
        """Take the orders due at the first of `rows` that are still open."""
        heappop(self.rows)
        orders = self._due.pop(row)
        if len(orders) == 1 and self.open.get(orders[0].symbol) is orders[0]:
            return orders
        return [order for order in orders if self.open.get(order.symbol) is order]
