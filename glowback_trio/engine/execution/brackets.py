"""Brackets: the orders that come with an entry and leave the position it opened."""

from __future__ import annotations

import math
from typing import NamedTuple

from glowback_trio.engine.execution.blotter import Blotter
from glowback_trio.engine.execution.matching import Match, match, prices, rest_of_bar
from glowback_trio.engine.execution.order import Order
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind

__all__ = ["Brackets"]


class _Entry(NamedTuple):
    """A fill that has ways out: of an order, on a bar of its symbol, and how much it opened."""

    order: Order
    bar: int
    at: Match
    opened: float


class Brackets:
    """The ways out of what is held.

    Args:
        timeline: The bars.
        blotter: Where they are submitted.
    """

    def __init__(self, timeline: Timeline, blotter: Blotter) -> None:
        self._timeline = timeline
        self._blotter = blotter
        self._entries: list[_Entry] = []  # of the row at hand
        self._ways: dict[int, list[Order]] = {}  # by symbol

    def enter(self, order: Order, at: Match, held: float, quantity: float) -> None:
        """Note a fill that has ways out, and what was held before it."""
        closed = min(abs(held), abs(quantity)) if held * quantity < 0.0 else 0.0
        opened = quantity - math.copysign(closed, quantity)
        self._entries.append(_Entry(order, order.bar, at, opened))

    def exits(self, row: int, units: Floats) -> list[tuple[Order, Match]]:
        """Submit the ways out of what has been entered, and try the rest of its bar on them.

        Args:
            row: The row at hand.
            units: What is held of each symbol, (N,). What the bar of an entry has closed again
                needs no way out.

        Returns:
            Those that fill on that bar; the others wait for the next.
        """
        met = []
        entries, self._entries = self._entries, []
        for entry in entries:
            held = units.item(entry.order.symbol)
            most = min(abs(entry.opened), abs(held)) if entry.opened * held > 0.0 else 0.0
            if most:
                met += self._submitted(row, entry, math.copysign(most, -entry.opened))
        return met

    def _submitted(self, row: int, entry: _Entry, quantity: float) -> list[tuple[Order, Match]]:
        met, symbol = [], entry.order.symbol
        bar = prices(self._timeline.bars[symbol], entry.bar)
        rest = rest_of_bar(-quantity, entry.at, bar)
        orders = [
            self._blotter.enter(row, symbol, quantity, entry.bar, spec)
            for spec in entry.order.spec.exits
        ]
        self._ways.setdefault(symbol, []).extend(orders)
        for order in orders:
            order.reduce_only = True
            order.oco = next((one for one in orders if one is not order), None)
            if found := match(order, rest):
                met.append((order, found))
            else:
                self._blotter.wait(row, order)
        return met

    def end(self, row: int, symbol: int) -> None:
        """End the ways out of a position that is there no more."""
        for order in self._ways.pop(symbol, ()):
            self._blotter.trim(row, order, 0.0, OrderEventKind.NO_POSITION)
