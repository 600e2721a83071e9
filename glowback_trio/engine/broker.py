"""The broker: turns targets into orders and orders into fills, row by row.

Only rows with a signal or an order due are visited. At a row, first the orders that are due meet
its open, reductions before the rest and each in alphabetical order; then, with its close known,
new targets become orders. An order never sees the bar it was made on.
"""

from __future__ import annotations

from copy import deepcopy
from heapq import heappop, heappush
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

from glowback_trio.engine import tape as events
from glowback_trio.engine.ledger import Ledger
from glowback_trio.engine.orders import Order

if TYPE_CHECKING:
    from glowback_trio.engine.execution import Terms
    from glowback_trio.engine.signals import Signals
    from glowback_trio.engine.tape import Tape
    from glowback_trio.engine.timeline import Timeline
    from glowback_trio.model.bars import Floats

__all__ = ["Account", "Broker", "State"]


@define(eq=False)
class State:
    """All that changes while orders are made and filled, so that it can be kept and put back.

    Attributes:
        ledger: The account.
        open: The open order of each symbol.
        due: Orders to try at a row, some of them replaced since.
        rows: The keys of `due` as a heap.
        signal: The next signal to take.
        orders: How many orders there have been.
    """

    ledger: Ledger
    open: dict[int, Order] = field(factory=dict)
    due: dict[int, list[Order]] = field(factory=dict)
    rows: list[int] = field(factory=list)
    signal: int = 0
    orders: int = 0


@frozen(eq=False)
class Account:
    """What was held over some rows: the account after each row that changed it.

    Attributes:
        rows: (C,) rows from which on the account was so, the first being the first row asked for.
        cash: (C,) currency.
        positions: (C, N) signed units.
    """

    rows: list[int] = field(factory=list, repr=False)
    cash: list[float] = field(factory=list, repr=False)
    positions: list[Floats] = field(factory=list, repr=False)

    def note(self, row: int, ledger: Ledger) -> None:
        """Remember the account as it is from this row on."""
        self.rows.append(row)
        self.cash.append(ledger.cash)
        self.positions.append(ledger.positions.copy())


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
        self._share = 1.0 / len(timeline.bars)
        self._signals = [
            column.tolist()
            for column in (signals.symbol, signals.target, signals.close, signals.bar)
        ]
        self._signal_rows: list[int] = [*signals.row.tolist(), len(timeline)]
        self._marks: Floats = np.zeros((0, len(timeline.bars)))
        self._first = 0
        self.state = State(Ledger(capital, np.zeros(len(timeline.bars))))

    def checkpoint(self) -> tuple[State, int]:
        """Everything needed to come back to this moment."""
        return deepcopy(self.state), len(self._tape)

    def restore(self, checkpoint: tuple[State, int]) -> None:
        """Go back; a checkpoint can be used once."""
        self.state, length = checkpoint
        self._tape.cut(length)

    def run(self, start: int, stop: int, marks: Floats) -> Account:
        """Carry out everything that happens on the rows from `start` to before `stop`.

        Args:
            start: First row.
            stop: One past the last row.
            marks: Last closes, (rows, N), from the row before `start` on (from row 0 at the start).
        """
        self._marks, self._first = marks, max(start - 1, 0)
        account = Account()
        account.note(start, self.state.ledger)
        while (row := self._next_row()) < stop:
            if self._fill_due(row):
                account.note(row, self.state.ledger)
            self._take_signals(row)
        return account

    def _next_row(self) -> int:
        state = self.state
        signal = self._signal_rows[state.signal]
        return min(signal, state.rows[0]) if state.rows else signal

    def liquidate(self, row: int) -> None:
        """Fill what is due at this row, then order everything closed and take no more signals."""
        self._fill_due(row)
        self.cancel_open(row, events.RUINED)
        self.state.signal = len(self._signal_rows) - 1
        earliest = self._timeline.time[row] + self._terms.latency
        for symbol, held in enumerate(self.state.ledger.positions.tolist()):
            if held:
                bars = self._timeline.bars[symbol]
                after = np.searchsorted(self._timeline.rows[symbol], row, side="right")
                bar = max(int(after), int(np.searchsorted(bars.time, earliest)))
                self._submit(row, symbol, -held, bar)

    def cancel_open(self, row: int, reason: int) -> None:
        """Cancel every open order, oldest first."""
        for order in sorted(self.state.open.values(), key=lambda order: order.number):
            self._cancel(row, order, reason)

    def _take_signals(self, row: int) -> None:
        state = self.state
        if self._signal_rows[state.signal] != row:
            return
        symbols, targets, closes, bars = self._signals
        share = self._share * self._equity(row)
        while self._signal_rows[index := state.signal] == row:
            state.signal = index + 1
            symbol = symbols[index]
            if (replaced := state.open.get(symbol)) is not None:
                self._cancel(row, replaced, events.REPLACED)
            held = state.ledger.positions.item(symbol)
            quantity = self._terms.rounded(targets[index] * share / closes[index] - held)
            if quantity:
                self._submit(row, symbol, quantity, bars[index])

    def _submit(self, row: int, symbol: int, quantity: float, bar: int) -> None:
        state = self.state
        state.orders += 1
        order = Order(state.orders, symbol, quantity, bar)
        state.open[symbol] = order
        self._tape.write(events.SUBMITTED, row, order)
        self._schedule(order)

    def _schedule(self, order: Order) -> None:
        rows, state = self._timeline.rows[order.symbol], self.state
        if order.bar >= len(rows):
            return
        row = rows.item(order.bar)
        if row in state.due:
            state.due[row].append(order)
        else:
            state.due[row] = [order]
            heappush(state.rows, row)

    def _cancel(self, row: int, order: Order, reason: int) -> None:
        del self.state.open[order.symbol]
        self._tape.write(events.CANCELLED, row, order, reason)

    def _fill_due(self, row: int) -> bool:
        """Try the orders due at this row; whether the account has changed."""
        state = self.state
        if not state.rows or state.rows[0] != row:
            return False
        heappop(state.rows)
        orders = [order for order in state.due.pop(row) if state.open.get(order.symbol) is order]
        orders.sort(key=self._precedence)
        before = len(self._tape)
        for order in orders:
            self._try(order, row)
        return len(self._tape) > before

    def _precedence(self, order: Order) -> tuple[bool, int]:
        held = self.state.ledger.positions.item(order.symbol)
        reduces = held * order.left < 0 and abs(order.left) <= abs(held)
        return not reduces, order.symbol

    def _try(self, order: Order, row: int) -> None:
        bars = self._timeline.bars[order.symbol]
        quantity = self._terms.capped(order.left, bars.volume.item(order.bar))
        if quantity:
            opening = bars.open.item(order.bar)
            price = self._terms.fill_price(opening, quantity)
            fits = self._affordable(order.symbol, quantity, price, row)
            if fits:
                self._fill(order, row, fits, price, abs(fits) * abs(price - opening))
            if fits != quantity:
                self._turn_away(order, row)
                return
        if order.left:
            order.bar += 1
            self._schedule(order)
        else:
            del self.state.open[order.symbol]

    def _affordable(self, symbol: int, quantity: float, price: float, row: int) -> float:
        ledger = self.state.ledger
        held = ledger.positions.item(symbol)
        if held * quantity < 0 and abs(quantity) <= abs(held):
            return quantity
        marks = self._marks[row - 1 - self._first]
        mark = marks.item(symbol)
        gross = float(np.add.reduce(np.abs(ledger.positions) * marks))
        return self._terms.affordable(
            quantity,
            price,
            position=held,
            equity=self._equity(row - 1) + held * (price - mark),
            others=gross - abs(held) * mark,
        )

    def _fill(self, order: Order, row: int, quantity: float, price: float, slippage: float) -> None:
        commission = self._terms.commission(quantity, price)
        pnl = self.state.ledger.fill(order.symbol, quantity, price, commission)
        order.left -= quantity
        order.filled = True
        self._tape.write_fill(
            row,
            order,
            quantity=quantity,
            price=price,
            commission=commission,
            slippage=slippage,
            pnl=pnl,
        )

    def _turn_away(self, order: Order, row: int) -> None:
        """Drop what the buying power does not cover."""
        del self.state.open[order.symbol]
        event = events.CANCELLED if order.filled else events.REJECTED
        self._tape.write(event, row, order, events.BUYING_POWER)

    def _equity(self, row: int) -> float:
        """Cash and positions at the closes of this row, currency."""
        marks = self._marks[row - self._first]
        ledger = self.state.ledger
        return ledger.cash + float(np.add.reduce(ledger.positions * marks))
