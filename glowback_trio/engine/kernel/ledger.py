"""The ledger in the kernel: book fills one by one. The counterpart of `accounting.ledger`."""

from __future__ import annotations

import math
from typing import Protocol

from glowback_trio.engine.execution.journal import RecordArray
from glowback_trio.engine.kernel.arithmetic import is_rounding
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind

__all__ = ["Book", "book"]

_FILLED = int(OrderEventKind.FILLED)


class Book(Protocol):
    """`book`, compiled or not."""

    def __call__(
        self, events: RecordArray, fills: RecordArray, held: Floats, pnl: Floats, trips: Floats, /
    ) -> int:
        """See `book`."""


def book(events: RecordArray, fills: RecordArray, held: Floats, pnl: Floats, trips: Floats) -> int:
    """Book a stretch of fills.

    Args:
        events: Of `EVENT`.
        fills: Of `FILL`, one for each event that is a fill.
        held: (N, 4) of each symbol the units, their average cost, the commission paid for entering
            and the net profit so far of the round trip; changed.
        pnl: (F,) receives what each fill realised; NaN where it only opens.
        trips: (F,) receives the net profit of each round trip that closed.

    Returns:
        How many round trips closed.
    """
    at, closed = 0, 0
    for event in range(len(events)):
        if events[event]["what"] == _FILLED:
            fill = fills[at]
            own = held[events[event]["symbol"]]
            figures = (
                events[event]["quantity"],
                fill["price"],
                fill["commission"],
                fill["units"],
            )
            net, trip = _booked(own, figures)
            pnl[at] = net
            if not math.isnan(trip):
                trips[closed] = trip
                closed += 1
            at += 1
    return closed


def _booked(held: Floats, figures: tuple[float, float, float, float]) -> tuple[float, float]:
    quantity, price, commission, after = figures
    units, cost, entry, earned = held[0], held[1], held[2], held[3]
    held[0] = after
    if units == 0.0:
        held[1] = price
        held[2] = commission
        held[3] = 0.0
        return math.nan, math.nan
    if units * quantity > 0.0:
        held[1] = cost + (price - cost) * (quantity / after)
        held[2] = entry + commission
        return math.nan, math.nan
    # Closes all of it, and perhaps opens the other side.
    closes = units * after <= 0.0
    closed = units if closes else -quantity
    entry_part, own = entry * (closed / units), commission * (closed / -quantity)
    worth = closed * price
    net = _profit(closed * (price - cost) - entry_part - own, worth)
    if not closes:
        held[2] = entry - entry_part
        held[3] = earned + net
        return net, math.nan
    held[1] = price
    held[2] = commission - own
    held[3] = 0.0
    return net, _profit(earned + net, worth)


def _profit(amount: float, worth: float) -> float:
    """Return a profit, with 0.0 for one that is only rounding of what was bought or sold."""
    return 0.0 if is_rounding(amount, worth) else amount
