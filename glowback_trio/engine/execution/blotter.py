"""The blotter: every open order, and the bar each will be tried on next."""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.execution.order import Order
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.tolerance import EQUAL, is_rounding
from glowback_trio.model.orders import PLAIN, OrderEventKind, OrderSpec

__all__ = ["NEVER", "Blotter"]

#: Stands for a row where there is none, and compares as later than all of them.
NEVER = sys.maxsize

_SUBMITTED = OrderEventKind.SUBMITTED  # a global is quicker than a member looked up on its class
#: Orders that never wait for a second bar, and why they end.
_ONE_BAR = {"IOC": OrderEventKind.IOC_REMAINDER, "FOK": OrderEventKind.FOK_UNFILLED}


class Blotter:
    """Keeps orders from submission to their end, and records both.

    Args:
        timeline: The bars.
        journal: Receives every event of an order.

    Attributes:
        open: The open orders by number, oldest first.
        specs: By order number, the spec of every order that is not a plain market order.
        is_complete: True if every symbol has a bar on every row.
    """

    def __init__(self, timeline: Timeline, journal: EventJournal) -> None:
        self._timeline = timeline
        self._end = len(timeline)
        self.is_complete = all(len(rows) == self._end for rows in timeline.rows)
        self._journal = journal
        # Views give a plain float several times faster than arrays do.
        self._closes: list[Sequence[float]] = [bars.close.data for bars in timeline.bars]
        self._due: defaultdict[int, list[Order]] = defaultdict(list)  # by row
        self._latest = 0  # the number given last
        self.open: dict[int, Order] = {}
        self.specs: dict[int, OrderSpec] = {}

    @property
    def next_due(self) -> int:
        """The next row on which an order is tried; `NEVER` if there is none."""
        return min(self._due, default=NEVER)

    def due(self, row: int) -> list[Order]:
        """Take the orders that are tried on a row; DAY orders of an earlier session end there.

        Not at the close before: that it was the last of its session is known only from this bar.
        """
        orders = []
        for order in self._due.pop(row, ()):
            if not order.remaining:
                continue
            if order.spec is not PLAIN and self._outlived(order):
                self.close(row, order, OrderEventKind.DAY_ENDED)
            else:
                orders.append(order)
        return orders

    def reserve(self, count: int) -> int:
        """Reserve numbers for orders that a batch submits and records itself.

        Returns:
            The first of them.
        """
        first = self._latest + 1
        self._latest += count
        return first

    def submit(
        self, row: int, symbol: int, quantity: float, bar: int, spec: OrderSpec = PLAIN
    ) -> Order:
        """Submit an order, to be tried on a bar. A bar past the symbol's last never comes."""
        order = self.enter(row, symbol, quantity, bar, spec)
        self._due[bar if self.is_complete else self._row(symbol, bar)].append(order)
        return order

    def enter(self, row: int, symbol: int, quantity: float, bar: int, spec: OrderSpec) -> Order:
        """Submit an order that the caller tries on its first bar itself."""
        number = self._latest = self._latest + 1
        # `adopt`, without a call: every order of the broker comes here.
        mark = self._closes[symbol][bar - 1]
        order = self.open[number] = Order(number, symbol, quantity, bar, mark, quantity, bar)
        if spec is not PLAIN:
            self.specs[number] = order.spec = spec
            order.level = _trigger(order)
        self._journal.event(_SUBMITTED, row, number, symbol, quantity)
        return order

    def enter_exits(
        self, row: int, symbol: int, quantity: float, bar: int, specs: tuple[OrderSpec, ...]
    ) -> list[Order]:
        """Submit the one or two exits of a position: reduce-only, each cancelling the other."""
        orders = [self.enter(row, symbol, quantity, bar, spec) for spec in specs]
        for order in orders:
            order.reduce_only = True
        if len(orders) > 1:
            orders[0].link(orders[1])
        return orders

    def adopt(self, number: int, symbol: int, quantity: float, bar: int) -> Order:
        """Keep a market order whose submission has been recorded already."""
        mark = self._closes[symbol][bar - 1]
        order = self.open[number] = Order(number, symbol, quantity, bar, mark, quantity, bar)
        return order

    def wait(self, row: int, order: Order) -> None:
        """Try the remainder of an order on the next bar, or cancel it if it may not wait."""
        if order.spec.time_in_force in _ONE_BAR:
            return self.close(row, order, _ONE_BAR[order.spec.time_in_force])
        bar = order.bar + 1
        order.bar, order.mark = bar, self._closes[order.symbol][bar - 1]
        return self._due[self._row(order.symbol, bar)].append(order)

    def trim(self, row: int, order: Order, most: float, kind: OrderEventKind) -> None:
        """Cancel what an order has beyond `most` units."""
        excess = abs(order.remaining) - most
        if excess <= 0.0 or is_rounding(excess, order.ordered):
            return
        if is_rounding(most, order.ordered):
            self.close(row, order, kind)
            return
        self._journal.event(
            kind, row, order.number, order.symbol, math.copysign(excess, order.remaining)
        )
        self.set_remaining(order, math.copysign(most, order.remaining))

    def amend(self, row: int, order: Order, quantity: float) -> None:
        """Set the quantity of an order that was submitted before it could be known."""
        if quantity != order.remaining:
            kind = OrderEventKind.SIZED_AT_FILL
            self._journal.event(kind, row, order.number, order.symbol, quantity)
            order.remaining = order.ordered = quantity

    def set_remaining(self, order: Order, remaining: float) -> None:
        """Set what is still to fill of an order; with nothing but rounding left it is closed."""
        if abs(remaining) <= EQUAL * abs(order.ordered):  # `is_rounding`, without a call
            order.remaining = 0.0
            del self.open[order.number]
        else:
            order.remaining = remaining

    def close(self, row: int, order: Order, kind: OrderEventKind) -> None:
        """Cancel or reject all that remains of an order."""
        self._journal.event(kind, row, order.number, order.symbol, order.remaining)
        self.set_remaining(order, 0.0)

    def close_symbol(self, row: int, symbol: int, kind: OrderEventKind) -> None:
        """Cancel every open order of a symbol, oldest first."""
        for order in [one for one in self.open.values() if one.symbol == symbol]:
            self.close(row, order, kind)

    def close_all(self, row: int, kind: OrderEventKind) -> None:
        """Cancel every open order, oldest first."""
        # A copy, because closing an order removes it from the dict.
        for order in list(self.open.values()):
            self.close(row, order, kind)

    def first_bar(self, row: int, symbol: int, latency: np.timedelta64) -> int:
        """Return the first of a symbol's bars that may fill an order made at a row's close."""
        # By far the most frequent case, and needs no search.
        if not latency and (self.is_complete or len(self._timeline.rows[symbol]) == self._end):
            return row + 1
        earliest = self._timeline.time[row] + latency
        after = np.searchsorted(self._timeline.rows[symbol], row, side="right")
        return int(max(after, np.searchsorted(self._timeline.bars[symbol].time, earliest)))

    def _outlived(self, order: Order) -> bool:
        """Return True if a DAY order's bar is of a later session than its first one."""
        if order.spec.time_in_force != "DAY":
            return False
        date = self._timeline.bars[order.symbol].date
        return bool(date[order.bar] != date[order.first])

    def _row(self, symbol: int, bar: int) -> int:
        """Return the row of a symbol's bar; the end of the timeline past its last bar."""
        rows = self._timeline.rows[symbol]
        return rows.item(bar) if bar < len(rows) else self._end


def _trigger(order: Order) -> float | None:
    """Return the price that triggers an order: its stop, or its trail away from the last close."""
    if order.spec.trail is None:
        return order.spec.stop
    return order.mark + math.copysign(order.spec.trail, order.remaining)
