"""The broker: carries orders out on one account, row by row.

At a row, first the time since the last one is paid for, then the orders that are due meet their
bar: what fills at the open before what fills later in the bar, reductions before the rest, each in
alphabetical order. Who decides comes after, at the close: an order never sees the bar it was made
on.
"""

from __future__ import annotations

import numpy as np

from glowback_trio.engine.execution import journal as happened
from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.execution.blotter import Blotter
from glowback_trio.engine.execution.brackets import Brackets
from glowback_trio.engine.execution.costs import Terms
from glowback_trio.engine.execution.journal import Tape
from glowback_trio.engine.execution.matching import Match, follow, match, prices
from glowback_trio.engine.execution.order import Order, Rest
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import PLAIN

Met = tuple[Order, Match]

__all__ = ["Broker"]

_NO_ROW = -1
_YEAR = np.timedelta64(365, "D")


class Broker:
    """Carries out orders on one account.

    Args:
        timeline: The bars.
        terms: Conditions of a fill.
        tape: Where everything that happens is written.
        capital: Cash at the start, currency.
    """

    def __init__(self, timeline: Timeline, terms: Terms, tape: Tape, capital: float) -> None:
        self._timeline = timeline
        self._terms = terms
        self._tape = tape
        self.account = Account.opened(capital, len(timeline.bars))
        self.blotter = Blotter(timeline, tape)
        self._targets: dict[int, Order] = {}
        self._taken: dict[int, float] = {}
        self._brackets = Brackets(timeline, self.blotter)
        self._marks: Floats = np.zeros((0, len(timeline.bars)))
        self._first = 0
        self._valued_row, self._valued = _NO_ROW, (0.0, 0.0)

    def see(self, marks: Floats, first: int) -> None:
        """Learn the last closes, (rows, N), of the rows from `first` on."""
        self._marks, self._first = marks, first

    def value(self, row: int) -> tuple[float, float]:
        """Equity and gross exposure at the closes of this row, currency.

        Remembered, as what sizes an order at a close also limits it at the next open. A fill makes
        that no staler: after it only later rows are asked for.
        """
        if self._valued_row != row:
            marks = self._marks[row - self._first]
            self._valued_row, self._valued = row, self.account.worth(marks)
        return self._valued

    def begin(self, row: int) -> None:
        """Let a row begin: pay for the time since the last one, and try what is due."""
        if row and self._terms.charges:
            self._charge(row)
        if orders := self.blotter.due(row):
            self._taken.clear()
            met = [met for order in orders if (met := self._meet(order, row))]
            self.fill(met, row, *self.value(row - 1))

    def aim(self, row: int, symbol: int, fraction: float, close: float, bar: int) -> None:
        """Order what is missing to a target, in place of what is still open for the one before.

        Args:
            row: Row of the close it is made at.
            symbol: Index of the symbol.
            fraction: Signed, of the symbol's share of equity; flat takes the place of short where
                that is not allowed.
            close: The price the quantity is worked out at, currency.
            bar: The symbol's first bar that may fill it.
        """
        before = self._targets.pop(symbol, None)
        if before is not None and before.left:
            self.blotter.close(row, before, happened.REPLACED)
        if fraction < 0.0 and not self._terms.allow_short:
            fraction = 0.0
        share = self.value(row)[0] / len(self._timeline.bars)
        quantity = fraction * share / close - self.account.units.item(symbol)
        at_fill = self._terms.sized_at_fill
        if not at_fill:
            quantity = self._terms.rounded(quantity)
        if quantity:
            order = self._targets[symbol] = self.blotter.submit(row, symbol, quantity, bar)
            order.fraction = fraction if at_fill else None

    def liquidate(self, row: int) -> None:
        """Order everything closed, in place of all that is open.

        These orders are filled as all others are, latency and volume cap included; no buying power
        is asked of them, as they only reduce.
        """
        self.blotter.close_all(row, happened.RUINED)
        for symbol in np.flatnonzero(self.account.units).tolist():
            bar = self.blotter.first_bar(row, symbol, self._terms.latency)
            self.blotter.submit(row, symbol, -self.account.units.item(symbol), bar)

    def fill(self, met: list[Met], row: int, equity: float, gross: float) -> None:
        """Fill orders that have met their bar, each as far as volume and buying power allow.

        Args:
            met: The orders, and where they met it.
            row: The row of the bar.
            equity: Of the account at the last closes, before.
            gross: Likewise.
        """
        while met:
            for order, at in self._in_turn(met):
                if order.left:
                    equity, gross = self._try(order, at, row, equity, gross)
            met = self._brackets.exits(row, self.account.units)

    def resume(self, rest: Rest, row: int) -> None:
        """Fill what a shortcut has submitted and left, on the row it is due."""
        orders = [self.blotter.adopt(*one) for one in rest.orders]
        self.fill([(order, _at_open(order)) for order in orders], row, rest.equity, rest.gross)

    def _in_turn(self, met: list[Met]) -> list[Met]:
        return sorted(met, key=self._turn) if len(met) > 1 else met

    def _turn(self, met: Met) -> tuple[bool, bool, int, bool, int]:
        """The order of things: of two for one symbol, the stop is the worse one."""
        order, at = met
        held = self.account.units.item(order.symbol)
        reduces = held * order.left < 0.0 and abs(order.left) <= abs(held)
        return not at.at_open, not reduces, order.symbol, at.limited, order.number

    def _meet(self, order: Order, row: int) -> Met | None:
        """Look whether its bar fills an order; where it does not, the order waits or ends."""
        if order.spec is PLAIN:
            return order, _at_open(order)
        bar = prices(self._timeline.bars[order.symbol], order.bar)
        if found := match(order, bar):
            return order, found
        follow(order, bar)
        self.blotter.wait(row, order)
        return None

    def _try(
        self, order: Order, at: Match, row: int, equity: float, gross: float
    ) -> tuple[float, float]:
        """Fill what position, volume and buying power allow; equity and gross exposure after it."""
        terms, mark = self._terms, order.mark
        held = self.account.units.item(order.symbol)
        size = abs(held)
        self._settle(order, row, at.price, held, equity + held * (at.price - mark))
        quantity = self._capped(order)
        price = at.price if at.limited else self._price(order, at.price, quantity)
        worth, others = equity + held * (price - mark), gross - size * mark
        commission, fits = terms.commission(quantity, price, maker=at.maker), quantity
        if others + abs(held + quantity) * price > terms.leverage * (worth - commission):
            fits = terms.affordable(quantity, price, held, worth, others, maker=at.maker)
            commission = terms.commission(fits, price, maker=at.maker)
        if fits != order.left and order.spec.time_in_force == "FOK":
            fits = quantity = 0.0
        if fits:
            equity += fits * (mark - price) - commission
            gross += (abs(held + fits) - size) * mark
            self._book(order, row, fits, (price, commission, abs(fits * (price - at.price))))
            if order.spec.exits:
                self._brackets.enter(order, at, held, fits)
        if fits != quantity:
            self.blotter.close(row, order, happened.CUT if order.filled else happened.REJECTED)
        elif order.left:
            self.blotter.wait(row, order)
        return equity, gross

    def _settle(self, order: Order, row: int, price: float, held: float, worth: float) -> None:
        """Settle how much of an order is meant to fill, before volume and money are asked."""
        if order.fraction is not None:
            self._size(order, row, price, held, worth)
        if order.leaves:
            most = abs(held) if held * order.left < 0.0 else 0.0
            self.blotter.trim(row, order, most, happened.FLAT)
        elif order.left < 0.0 and not self._terms.allow_short:
            whole_only = order.spec.time_in_force == "FOK" and held + order.left < 0.0
            most = 0.0 if whole_only else max(0.0, held)
            self.blotter.trim(row, order, most, happened.NAKED)

    def _size(self, order: Order, row: int, price: float, held: float, worth: float) -> None:
        """Work a target out at the price it fills at, whatever the price at its signal was."""
        assert order.fraction is not None
        wanted = order.fraction * worth / len(self._timeline.bars)
        price = self._price(order, price, wanted / price - held)
        quantity, order.fraction = self._terms.rounded(wanted / price - held), None
        if quantity:
            self.blotter.amend(row, order, quantity)
        else:
            self.blotter.close(row, order, happened.TOO_SMALL)

    def _capped(self, order: Order) -> float:
        """What the bar's volume fills of an order, after what it has filled of others."""
        if self._terms.participation is None:
            return order.left
        most = self._terms.participation * self._volume(order)
        return self._terms.capped(order.left, most - self._taken.get(order.symbol, 0.0))

    def _price(self, order: Order, reference: float, quantity: float) -> float:
        """What an order gets or pays that does not name its price itself."""
        terms = self._terms
        if terms.impact:
            return terms.impacted(reference, quantity, self._volume(order))
        return reference * (terms.buying if quantity > 0.0 else terms.selling)

    def _volume(self, order: Order) -> float:
        return self._timeline.bars[order.symbol].volume.item(order.bar)

    def _book(
        self, order: Order, row: int, quantity: float, figures: tuple[float, float, float]
    ) -> None:
        """Book a fill and write it down; the figures are price, commission and slippage cost."""
        symbol, account = order.symbol, self.account
        account.cash -= quantity * figures[0] + figures[1]
        held = account.units.item(symbol)
        account.units[symbol] = units = held + quantity
        self._taken[symbol] = self._taken.get(symbol, 0.0) + abs(quantity)
        order.filled = True
        self.blotter.leave(order, order.left - quantity)
        self._tape.event(happened.FILLED, row, order.number, symbol, quantity)
        self._tape.fill(*figures, units, account.cash)
        if order.other is not None and order.other.left:
            self.blotter.trim(row, order.other, abs(order.left), happened.OTHER_SIDE)
        if held * units <= 0.0:
            self._brackets.end(row, symbol)

    def _charge(self, row: int) -> None:
        """Pay for borrowed units and cash, for the time since the last row, at its closes."""
        account, time = self.account, self._timeline.time
        equity, gross = self.value(row - 1)
        worth = account.units * self._marks[row - 1 - self._first]
        years = float((time[row] - time[row - 1]) / _YEAR)
        shorts = -float(np.minimum(worth, 0.0).sum())
        borrow, interest = self._terms.charge(shorts, account.cash, years)
        if amount := borrow + interest:
            account.cash -= amount
            self._valued = equity - amount, gross
            self._tape.charge(row, borrow, interest, account.cash)


def _at_open(order: Order) -> Match:
    return Match(order.opening, at_open=True, limited=False)
