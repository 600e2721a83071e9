"""The broker: turns targets into orders and orders into fills, row by row.

Only rows with a signal or an order due are visited. At a row, first the orders that are due meet
its open, reductions before the rest and each in alphabetical order; then, with its close known,
new targets become orders. An order never sees the bar it was made on.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections import defaultdict
from itertools import chain, compress, count
from operator import attrgetter, not_
from typing import TYPE_CHECKING

import numpy as np

from glowback_trio.engine import tape as events
from glowback_trio.engine.ledger import Ledger
from glowback_trio.engine.orders import Order
from glowback_trio.engine.tape import pack_event, pack_fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glowback_trio.engine.execution import Terms
    from glowback_trio.engine.signals import Signals
    from glowback_trio.engine.tape import Tape
    from glowback_trio.engine.timeline import Timeline
    from glowback_trio.model.bars import Floats


__all__ = ["Broker"]

_FEW = 8
_NO_ROW = -1
_NO_SIGNAL = (sys.maxsize, 0, 0.0, 0.0, 0, 0, 0.0, 0.0)
_symbol_of = attrgetter("symbol")


class Broker:
    """Carries out signals on one account.

    Args:
        timeline: The bars.
        signals: All targets of the run.
        terms: Conditions of a fill.
        tape: Where events are written.
        capital: Cash at the start, currency.
    """

    def __init__(
        self,
        timeline: Timeline,
        signals: Signals,
        terms: Terms,
        tape: Tape,
        capital: float,
    ) -> None:
        self._timeline = timeline
        self._terms = terms
        self._tape = tape
        self._symbols = len(timeline.bars)
        self._signals = chain(signals, (_NO_SIGNAL,))
        self._signal = next(self._signals)
        self._numbers = count(1)
        self._visits = _visits(signals, terms, len(timeline))
        self._open: dict[int, Order] = {}
        self._due: defaultdict[int, list[Order]] = defaultdict(list)
        self.ledger = Ledger.opened(capital, self._symbols)
        self._marks: Floats = np.zeros((0, self._symbols))
        self._first = 0
        self._valued_row, self._valued = _NO_ROW, (0.0, 0.0)

    def run(self, start: int, stop: int, marks: Floats) -> None:
        """Carry out everything that happens on the rows from `start` to before `stop`.

        Args:
            start: First row.
            stop: One past the last row.
            marks: Last closes, (rows, N), from the row before `start` on (from row 0 at the start).
        """
        self._marks, self._first = marks, max(start - 1, 0)
        due, visits = self._due, self._visits
        for row in visits[bisect_left(visits, start) : bisect_left(visits, stop)]:
            if row in due:
                self._fill_due(row)
            if self._signal[0] == row:
                self._take_signals(row)

    def liquidate(self, row: int) -> None:
        """Fill what is due at this row, then order everything closed and take no more signals.

        These orders are filled as all others are, latency and volume cap included; no buying power
        is asked of them, as they only reduce.
        """
        if row in self._due:
            self._fill_due(row)
        self.cancel_open(row, events.RUINED)
        self._signal = _NO_SIGNAL
        self._visits = range(len(self._timeline))
        earliest = self._timeline.time[row] + self._terms.latency
        for symbol in np.flatnonzero(self.ledger.units).tolist():
            after = np.searchsorted(self._timeline.rows[symbol], row, side="right")
            allowed = np.searchsorted(self._timeline.bars[symbol].time, earliest)
            bar = int(max(after, allowed))
            quantity = -self.ledger.positions[symbol].units
            prices = self._prices(symbol, bar)
            order = Order(next(self._numbers), symbol, quantity, bar, *prices)
            self._submit(order, row, self._row(symbol, bar))

    def cancel_open(self, row: int, what: int) -> None:
        """Cancel every open order, oldest first."""
        for order in sorted(self._open.values(), key=lambda order: order.number):
            self._close(row, order, what)

    def _take_signals(self, row: int) -> None:
        """Turn the targets given at this row's close into orders, replacing those still open."""
        positions, opened, whole = self.ledger.positions, self._open, self._terms.whole
        share = self._value(row)[0] / self._symbols
        signal = self._signal
        while signal[0] == row:
            _, symbol, target, close, bar, due, opening, mark = signal
            if symbol in opened:
                self._close(row, opened[symbol], events.REPLACED)
            quantity = target * share / close - positions[symbol].units
            if whole:
                quantity = self._terms.rounded(quantity)
            if quantity:
                order = Order(next(self._numbers), symbol, quantity, bar, opening, mark)
                self._submit(order, row, due)
            signal = next(self._signals)
        self._signal = signal

    def _submit(self, order: Order, row: int, due: int) -> None:
        """Write an order down and let it wait for its bar, which past the last one never comes."""
        self._open[order.symbol] = order
        self._due[due].append(order)
        self._tape.events += pack_event(
            events.SUBMITTED, row, order.number, order.symbol, order.left
        )

    def _close(self, row: int, order: Order, what: int) -> None:
        """Close an order with something left of it."""
        del self._open[order.symbol]
        self._tape.events += pack_event(what, row, order.number, order.symbol, order.left)
        order.left = 0.0

    def _fill_due(self, row: int) -> None:
        """Try the orders due at this row."""
        orders = self._due.pop(row)
        if len(orders) > 1:
            orders = self._in_turn(orders)
        equity, gross = self._value(row - 1)
        for order in orders:
            if order.left:
                equity, gross = self._try(order, row, equity, gross)

    def _in_turn(self, orders: list[Order]) -> list[Order]:
        """Reductions first, because they free buying power, and each part alphabetically."""
        orders.sort(key=_symbol_of)
        positions = self.ledger.positions
        held = [positions[order.symbol].units for order in orders]
        reduces = [
            units * order.left < 0.0 and abs(order.left) <= abs(units)
            for units, order in zip(held, orders, strict=True)
        ]
        rest = map(not_, reduces)
        return [*compress(orders, reduces), *compress(orders, rest)]

    def _try(self, order: Order, row: int, equity: float, gross: float) -> tuple[float, float]:
        """Fill what the bar's volume and the buying power allow.

        Args:
            order: What to fill, at the open of its bar.
            row: The row of that bar.
            equity: Of the account at the last closes, after the fills before this one.
            gross: Likewise.

        Returns:
            Equity and gross exposure after the fill.
        """
        terms, symbol, quantity = self._terms, order.symbol, order.left
        if terms.participation is not None:
            volume = self._timeline.bars[symbol].volume.item(order.bar)
            quantity = terms.capped(quantity, terms.participation * volume)
            if not quantity:
                self._postpone(order)
                return equity, gross
        held = self.ledger.positions[symbol].units
        opening, mark = order.opening, order.mark
        price = opening * (terms.buying if quantity > 0.0 else terms.selling)
        commission = terms.commission(quantity, price)
        size, fits = abs(held), quantity
        worth, others = equity + held * (price - mark), gross - size * mark
        if others + abs(held + quantity) * price > terms.leverage * (worth - commission):
            fits = terms.affordable(quantity, price, held, worth, others)
            commission = terms.commission(fits, price)
        if fits:
            equity += fits * (mark - price) - commission
            gross += (abs(held + fits) - size) * mark
            self._fill(order, row, fits, (price, commission, abs(fits * (price - opening))))
        if fits != quantity:
            self._close(row, order, events.CUT if order.filled else events.REJECTED)
        elif order.left:
            self._postpone(order)
        else:
            del self._open[symbol]
        return equity, gross

    def _fill(
        self, order: Order, row: int, quantity: float, figures: tuple[float, float, float]
    ) -> None:
        """Book a fill and write it down; the figures are price, commission and slippage cost."""
        symbol, ledger = order.symbol, self.ledger
        pnl = ledger.fill(symbol, quantity, figures[0], figures[1])
        order.left -= quantity
        order.filled = True
        units = ledger.positions[symbol].units
        self._tape.events += pack_event(events.FILLED, row, order.number, symbol, quantity)
        self._tape.fills += pack_fill(*figures, pnl, units, ledger.cash)

    def _postpone(self, order: Order) -> None:
        """Leave to the next bar what this one's volume did not allow."""
        order.bar = bar = order.bar + 1
        order.opening, order.mark = self._prices(order.symbol, bar)
        self._due[self._row(order.symbol, bar)].append(order)

    def _row(self, symbol: int, bar: int) -> int:
        """The row of a symbol's bar; the end of the timeline where it has none left."""
        rows = self._timeline.rows[symbol]
        return rows.item(bar) if bar < len(rows) else len(self._timeline)

    def _prices(self, symbol: int, bar: int) -> tuple[float, float]:
        """The open of a symbol's bar (of its last where none is left) and the close before it."""
        bars = self._timeline.bars[symbol]
        return bars.open.item(min(bar, len(bars) - 1)), bars.close.item(bar - 1)

    def _value(self, row: int) -> tuple[float, float]:
        """Equity and gross exposure at the closes of this row, currency.

        Remembered, as what sizes an order at a close also limits it at the next open. A fill makes
        that no staler: after it only later rows are asked for.
        """
        if self._valued_row != row:
            self._valued_row, self._valued = row, self._worth(self._marks[row - self._first])
        return self._valued

    def _worth(self, marks: Floats) -> tuple[float, float]:
        """The same at these marks, (N,).

        For a few symbols a plain loop beats numpy, whose sum adds so few in the same order. (`sum`
        would compensate on newer Pythons and give other digits.)
        """
        ledger = self.ledger
        if self._symbols >= _FEW:
            worth = ledger.units * marks
            net = float(np.add.reduce(worth))
            return ledger.cash + net, float(np.add.reduce(np.abs(worth, out=worth)))
        net = gross = 0.0
        for position, mark in zip(ledger.positions, marks.tolist(), strict=True):
            value = position.units * mark
            net += value
            gross += abs(value)
        return ledger.cash + net, gross


def _visits(signals: Signals, terms: Terms, rows: int) -> Sequence[int]:
    """The rows at which anything can happen: all, where a bar may leave some of an order."""
    if terms.participation is not None:
        return range(rows)
    visits: list[int] = np.unique(np.concatenate((signals.row, signals.due))).tolist()
    return visits
