"""Brackets: the exits that come with an order and close the position it opened."""

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


class _OpeningFill(NamedTuple):
    """A fill of an order with exits: on which bar of its symbol, where, and how much it opened."""

    order: Order
    bar: int
    at: Match
    opened: float


class Brackets:
    """Submits and cancels the exits of open positions.

    Args:
        timeline: The bars.
        blotter: Receives the exits.

    Attributes:
        new: Fills of this row whose exits are still to be submitted.
    """

    def __init__(self, timeline: Timeline, blotter: Blotter) -> None:
        self._timeline = timeline
        self._blotter = blotter
        self.new: list[_OpeningFill] = []
        self._exits: dict[int, list[Order]] = {}  # by symbol

    def note_fill(self, order: Order, at: Match, quantity: float, units: float) -> None:
        """Note a fill of an order with exits, and the units held after it."""
        # All that is held, where the fill has changed the sign of the position.
        opened = math.copysign(min(abs(quantity), abs(units)), quantity)
        if units * quantity > 0.0:
            self.new.append(_OpeningFill(order, order.bar, at, opened))

    def submit_exits(self, row: int, units: Floats) -> list[tuple[Order, Match]]:
        """Submit the exits of this row's new positions, and try them on the rest of its bar.

        Args:
            row: The row.
            units: Units held of each symbol, (N,). What the bar of the fill has closed again gets
                no exit.

        Returns:
            The exits that fill on that bar; the others wait for the next.
        """
        matched = []
        fills, self.new = self.new, []
        for fill in fills:
            # Another order of this bar may have closed what this fill had opened.
            held = units.item(fill.order.symbol)
            most = min(abs(fill.opened), abs(held)) if fill.opened * held > 0.0 else 0.0
            if most:
                matched += self._try_exits(row, fill, math.copysign(most, -fill.opened))
        return matched

    def cancel_exits(self, row: int, symbol: int) -> None:
        """Cancel the exits of a closed position."""
        # Trimmed to nothing, not closed: an exit that has filled is in the blotter no more.
        if not self._exits:
            return
        for order in self._exits.pop(symbol, ()):
            self._blotter.trim(row, order, 0.0, OrderEventKind.NO_POSITION)

    def _try_exits(
        self, row: int, fill: _OpeningFill, quantity: float
    ) -> list[tuple[Order, Match]]:
        matched, symbol = [], fill.order.symbol
        bar = prices(self._timeline.bars[symbol], fill.bar)
        rest = rest_of_bar(-quantity, fill.at, bar)
        specs = fill.order.spec.exits
        orders = self._blotter.enter_exits(row, symbol, quantity, fill.bar, specs)
        self._exits.setdefault(symbol, []).extend(orders)
        for order in orders:
            if found := match(order, rest):
                matched.append((order, found))
            else:
                self._blotter.wait(row, order)
        return matched
