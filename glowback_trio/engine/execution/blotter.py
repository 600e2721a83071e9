"""The blotter: every open order, and the bar each will be tried on next."""

from __future__ import annotations

import math
import sys
from collections import defaultdict

import numpy as np

from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.execution.order import Order
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.orders import PLAIN, OrderEventKind, OrderSpec

__all__ = ["NEVER", "Blotter"]

NEVER = sys.maxsize

_SUBMITTED = OrderEventKind.SUBMITTED  # a global is quicker than a member looked up on its class
#: Orders that never wait for a second bar, and why they end.
_ONE_BAR = {"IOC": OrderEventKind.IOC_REMAINDER, "FOK": OrderEventKind.FOK_UNFILLED}


class Blotter:
    """Keeps orders from their submission to their end, and writes both down.

    Args:
        timeline: The bars.
        journal: Where everything that happens to an order is written.

    Attributes:
        open: By number, oldest first.
        numbered: The number of the latest order.
        specs: By order number, what orders ask beyond plain market orders.
    """

    def __init__(self, timeline: Timeline, journal: EventJournal) -> None:
        self._timeline = timeline
        self._journal = journal
        self._due: defaultdict[int, list[Order]] = defaultdict(list)
        self.open: dict[int, Order] = {}
        self.numbered = 0
        self.specs: dict[int, OrderSpec] = {}

    @property
    def next_due(self) -> int:
        """The next row on which an order is tried; `NEVER` where none is."""
        return min(self._due, default=NEVER)

    def due(self, row: int) -> list[Order]:
        """Take the orders that are tried on a row."""
        return [order for order in self._due.pop(row, ()) if order.remaining]

    def submit(
        self, row: int, symbol: int, quantity: float, bar: int, spec: OrderSpec = PLAIN
    ) -> Order:
        """Write an order down and let it wait for its bar, which past the last one never comes."""
        order = self.enter(row, symbol, quantity, bar, spec)
        self._due[self._row(symbol, bar)].append(order)
        return order

    def enter(self, row: int, symbol: int, quantity: float, bar: int, spec: OrderSpec) -> Order:
        """Write an order down whose bar is at hand."""
        self.numbered += 1
        order = self.adopt(self.numbered, symbol, quantity, bar)
        if spec is not PLAIN:
            self.specs[order.number] = order.spec = spec
            order.level = _level(order)
        self._journal.event(_SUBMITTED, row, order.number, symbol, quantity)
        return order

    def adopt(self, number: int, symbol: int, quantity: float, bar: int) -> Order:
        """Keep a market order that has been written down already."""
        order = Order(number, symbol, quantity, bar, *self._prices(symbol, bar))
        self.open[number] = order
        return order

    def wait(self, row: int, order: Order) -> None:
        """Leave what a bar did not fill to the next one, where it may wait."""
        bars, spec = self._timeline.bars[order.symbol], order.spec
        if spec.time_in_force in _ONE_BAR:
            return self.close(row, order, _ONE_BAR[spec.time_in_force])
        bar = order.bar + 1
        if spec.time_in_force == "DAY" and bar < len(bars):
            today, next_day = bars.time[order.bar : bar + 1].astype("datetime64[D]")
            if today != next_day:
                return self.close(row, order, OrderEventKind.DAY_ENDED)
        order.bar, (order.open_price, order.mark) = bar, self._prices(order.symbol, bar)
        return self._due[self._row(order.symbol, bar)].append(order)

    def trim(self, row: int, order: Order, most: float, what: int) -> None:
        """Leave at most so many units of an order."""
        size = abs(order.remaining)
        if size > most:
            rest = math.copysign(size - most, order.remaining)
            self._journal.event(what, row, order.number, order.symbol, rest)
            self.set_remaining(order, math.copysign(most, order.remaining))

    def amend(self, row: int, order: Order, remaining: float) -> None:
        """Set how much an order is for that was submitted before that could be known."""
        if remaining != order.remaining:
            self._journal.event(
                OrderEventKind.SIZED_AT_FILL, row, order.number, order.symbol, remaining
            )
            order.remaining = remaining

    def set_remaining(self, order: Order, remaining: float) -> None:
        """Set what is left of an order; without anything left it is no longer open."""
        order.remaining = remaining
        if not remaining:
            del self.open[order.number]

    def close(self, row: int, order: Order, what: int) -> None:
        """End an order with something left of it."""
        self._journal.event(what, row, order.number, order.symbol, order.remaining)
        self.set_remaining(order, 0.0)

    def close_all(self, row: int, what: int) -> None:
        """End every open order, oldest first."""
        for order in list(self.open.values()):
            self.close(row, order, what)

    def first_bar(self, row: int, symbol: int, latency: np.timedelta64) -> int:
        """The first of a symbol's bars that may fill an order made at a row's close."""
        if not latency and len(self._timeline.rows[symbol]) == len(self._timeline):
            return row + 1
        earliest = self._timeline.time[row] + latency
        after = np.searchsorted(self._timeline.rows[symbol], row, side="right")
        return int(max(after, np.searchsorted(self._timeline.bars[symbol].time, earliest)))

    def _row(self, symbol: int, bar: int) -> int:
        """The row of a symbol's bar; the end of the timeline where it has none left."""
        rows = self._timeline.rows[symbol]
        return rows.item(bar) if bar < len(rows) else len(self._timeline)

    def _prices(self, symbol: int, bar: int) -> tuple[float, float]:
        """The open of a symbol's bar (of its last where none is left) and the close before it."""
        bars = self._timeline.bars[symbol]
        opens = bars.open
        return opens.item(bar if bar < len(opens) else -1), bars.close.item(bar - 1)


def _level(order: Order) -> float | None:
    """What sets it off: its stop, or its trail away from the close before its first bar."""
    if order.spec.trail is None:
        return order.spec.stop
    return order.mark + math.copysign(order.spec.trail, order.remaining)
