"""The broker: turns targets into orders and orders into fills, row by row.

Only rows with a signal or an order due are visited. At a row, first the orders that are due meet
its open, reductions before the rest and each in alphabetical order; then, with its close known,
new targets become orders. An order never sees the bar it was made on.
"""

from __future__ import annotations

from itertools import compress
from operator import attrgetter, not_
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

from glowback_trio.engine import tape as events
from glowback_trio.engine.ledger import Account, Ledger
from glowback_trio.engine.orders import OrderBook

if TYPE_CHECKING:
    from glowback_trio.engine.execution import Terms
    from glowback_trio.engine.orders import Order
    from glowback_trio.engine.signals import Signals
    from glowback_trio.engine.tape import Tape
    from glowback_trio.engine.timeline import Timeline
    from glowback_trio.model.bars import Floats

    Wanted = tuple[list[int], list[float], list[float], list[int], list[int]]

__all__ = ["Broker", "Checkpoint"]

_FEW = 8
_NO_ROW = -1
_symbol_of = attrgetter("symbol")


@frozen(eq=False)
class Checkpoint:
    """A moment to come back to, once."""

    ledger: Ledger
    book: OrderBook
    signal: int
    written: tuple[int, int]


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
        # a loop reads lists several times faster than arrays
        self._wanted: Wanted = (
            signals.symbol.tolist(),
            signals.target.tolist(),
            signals.close.tolist(),
            signals.bar.tolist(),
            signals.due.tolist(),
        )
        self._signal_rows: list[int] = [*signals.row.tolist(), len(timeline)]
        self._signal = 0
        self._book = OrderBook()
        self.ledger = Ledger.opened(capital, self._symbols)
        self._marks: Floats = np.zeros((0, self._symbols))
        self._first = 0
        self._valued_row, self._valued = _NO_ROW, (0.0, 0.0)

    def checkpoint(self) -> Checkpoint:
        """Everything needed to come back to this moment."""
        return Checkpoint(self.ledger.copy(), self._book.copy(), self._signal, self._tape.mark)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to a checkpoint."""
        self.ledger, self._book = checkpoint.ledger, checkpoint.book
        self._signal = checkpoint.signal
        self._tape.cut(checkpoint.written)
        self._valued_row = _NO_ROW

    def run(self, start: int, stop: int, marks: Floats) -> Account:
        """Carry out everything that happens on the rows from `start` to before `stop`.

        Args:
            start: First row.
            stop: One past the last row.
            marks: Last closes, (rows, N), from the row before `start` on (from row 0 at the start).
        """
        self._marks, self._first = marks, max(start - 1, 0)
        account = Account()
        account.note(start, self.ledger)
        due, signal_rows = self._book.rows, self._signal_rows
        while (row := signal_rows[self._signal]) < stop or due[0] < stop:
            if due[0] <= row:
                row = due[0]
                self._fill_due(row)
                account.note(row, self.ledger)
            else:
                self._take_signals(row)
        return account

    def liquidate(self, row: int) -> None:
        """Fill what is due at this row, then order everything closed and take no more signals.

        These orders are filled as all others are, latency and volume cap included; no buying power
        is asked of them, as they only reduce.
        """
        if self._book.rows[0] == row:
            self._fill_due(row)
        self.cancel_open(row, events.RUINED)
        self._signal = len(self._signal_rows) - 1
        earliest = self._timeline.time[row] + self._terms.latency
        for symbol in np.flatnonzero(self.ledger.positions).tolist():
            after = np.searchsorted(self._timeline.rows[symbol], row, side="right")
            allowed = np.searchsorted(self._timeline.bars[symbol].time, earliest)
            bar = int(max(after, allowed))
            quantity = -self.ledger.held[symbol]
            number = self._book.add(symbol, quantity, bar, self._row(symbol, bar))
            self._tape.events.extend(
                (events.SUBMITTED, row, number, symbol, quantity, events.NO_REASON)
            )

    def cancel_open(self, row: int, reason: int) -> None:
        """Cancel every open order, oldest first."""
        for order in sorted(self._book.open.values(), key=lambda order: order.number):
            self._close(row, order, events.CANCELLED, reason)

    def _take_signals(self, row: int) -> None:
        """Turn the targets given at this row's close into orders, replacing those still open."""
        symbols, targets, closes, bars, due = self._wanted
        rows, index, book, held = self._signal_rows, self._signal, self._book, self.ledger.held
        terms, record = self._terms, self._tape.events.extend
        share = self._value(row)[0] / self._symbols
        while rows[index] == row:
            symbol = symbols[index]
            if (replaced := book.open.get(symbol)) is not None:
                self._close(row, replaced, events.CANCELLED, events.REPLACED)
            quantity = targets[index] * share / closes[index] - held[symbol]
            if terms.whole:
                quantity = terms.rounded(quantity)
            if quantity:
                number = book.add(symbol, quantity, bars[index], due[index])
                record((events.SUBMITTED, row, number, symbol, quantity, events.NO_REASON))
            index += 1
        self._signal = index

    def _close(self, row: int, order: Order, event: int, reason: int) -> None:
        """Close an order with something left of it."""
        del self._book.open[order.symbol]
        self._tape.events.extend((event, row, order.number, order.symbol, order.left, reason))

    def _fill_due(self, row: int) -> None:
        """Try the orders due at this row."""
        orders = self._book.take(row)
        if len(orders) > 1:
            orders = self._in_turn(orders)
        equity, gross = self._value(row - 1)
        mark_of, before = self._marks.item, row - 1 - self._first
        for order in orders:
            mark = mark_of(before, order.symbol)
            equity, gross = self._try(order, row, mark, equity, gross)
        self._valued_row = _NO_ROW

    def _in_turn(self, orders: list[Order]) -> list[Order]:
        """Reductions first, because they free buying power, and each part alphabetically."""
        orders.sort(key=_symbol_of)
        held = self.ledger.held
        reduces = [
            held[order.symbol] * order.left < 0.0 and abs(order.left) <= abs(held[order.symbol])
            for order in orders
        ]
        rest = map(not_, reduces)
        return [*compress(orders, reduces), *compress(orders, rest)]

    def _try(
        self, order: Order, row: int, mark: float, equity: float, gross: float
    ) -> tuple[float, float]:
        """Fill what the bar's volume and the buying power allow.

        Args:
            order: What to fill, at the open of its bar.
            row: The row of that bar.
            mark: The symbol's last close.
            equity: Of the account at the last closes, after the fills before this one.
            gross: Likewise.

        Returns:
            Equity and gross exposure after the fill.
        """
        terms, bars = self._terms, self._timeline.bars[order.symbol]
        quantity = order.left
        if terms.participation is not None:
            quantity = terms.capped(quantity, terms.participation * bars.volume.item(order.bar))
            if not quantity:
                self._postpone(order)
                return equity, gross
        held, opening = self.ledger.held[order.symbol], bars.open.item(order.bar)
        price = opening * (terms.buying if quantity > 0.0 else terms.selling)
        commission = terms.commission(quantity, price)
        worth, others = equity + held * (price - mark), gross - abs(held) * mark
        fits = quantity
        if others + abs(held + quantity) * price > terms.leverage * (worth - commission):
            fits = terms.affordable(quantity, price, held, worth, others)
            commission = terms.commission(fits, price)
        if fits:
            equity += fits * (mark - price) - commission
            gross += (abs(held + fits) - abs(held)) * mark
            self._fill(order, row, fits, (price, commission, abs(fits * (price - opening))))
        if fits != quantity:
            event = events.CANCELLED if order.filled else events.REJECTED
            self._close(row, order, event, events.BUYING_POWER)
        elif order.left:
            self._postpone(order)
        else:
            del self._book.open[order.symbol]
        return equity, gross

    def _fill(
        self, order: Order, row: int, quantity: float, figures: tuple[float, float, float]
    ) -> None:
        """Book a fill and write it down; the figures are price, commission and slippage cost."""
        number, symbol = order.number, order.symbol
        pnl = self.ledger.fill(symbol, quantity, figures[0], figures[1])
        order.left -= quantity
        order.filled = True
        self._tape.events.extend((events.FILLED, row, number, symbol, quantity, events.NO_REASON))
        self._tape.fills.extend((*figures, pnl))

    def _postpone(self, order: Order) -> None:
        """Leave to the next bar what this one's volume did not allow."""
        order.bar += 1
        self._book.schedule(order, self._row(order.symbol, order.bar))

    def _row(self, symbol: int, bar: int) -> int:
        """The row of a symbol's bar; the end of the timeline where it has none left."""
        rows = self._timeline.rows[symbol]
        return rows.item(bar) if bar < len(rows) else len(self._timeline)

    def _value(self, row: int) -> tuple[float, float]:
        """Equity and gross exposure at the closes of this row, currency.

        Remembered until a fill: what sizes an order at a close is what limits it at the next open.
        """
        if self._valued_row != row:
            net, gross = self._worth(self._marks[row - self._first])
            self._valued_row, self._valued = row, (self.ledger.cash + net, gross)
        return self._valued

    def _worth(self, marks: Floats) -> tuple[float, float]:
        """Signed and absolute market value of what is held.

        For a few symbols a plain loop beats numpy, whose sum adds so few in the same order. (`sum`
        would compensate on newer Pythons and give other digits.)
        """
        if self._symbols >= _FEW:
            worth = self.ledger.positions * marks
            return float(np.add.reduce(worth)), float(np.add.reduce(np.abs(worth)))
        net = gross = 0.0
        for units, mark in zip(self.ledger.held, marks.tolist(), strict=True):
            value = units * mark
            net += value
            gross += abs(value)
        return net, gross
