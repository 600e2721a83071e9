"""The trader of vectorised strategies: all targets are known beforehand, other rows are skipped."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.batch.many_symbols import BatchFiller, RowTargets
from glowback_trio.engine.batch.single_symbol import fill_single_symbol
from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.strategies.signals import Signals
from glowback_trio.engine.traders.trader import Stopped
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.orders import OrderEventKind, OrderSpec
from glowback_trio.model.result import Curve

__all__ = ["TargetTrader"]


class TargetTrader:
    """Orders the targets of a vectorised strategy.

    Args:
        signals: All targets of the run.
        broker: Fills the orders.
        costs: Conditions of a fill.
        journal: Receives what happens to orders.
        shortcuts: False lets the broker fill every order, which changes nothing but the time it
            takes.
    """

    def __init__(
        self,
        signals: Signals,
        broker: Broker,
        costs: CostModel,
        journal: EventJournal,
        *,
        shortcuts: bool = True,
    ) -> None:
        self.broker = broker
        self._signals = signals
        self._costs = costs
        self._journal = journal
        rows, first = np.unique(signals.row, return_index=True)
        # The rows with signals and the first signal of each, with an end that is never reached.
        self._rows: list[int] = [*rows.tolist(), NEVER]
        self._first: list[int] = [*first.tolist(), len(signals.row)]
        self._at = 0  # the next of these rows
        single = len(broker.account.units) == 1
        self._filler = BatchFiller(costs, broker, journal, enabled=shortcuts)
        self._one_symbol = single and self._filler.enabled
        self._apart = _apart(signals, rows, first, single=single)
        self._crowded = np.append(np.flatnonzero(~self._apart), len(rows))

    @property
    def account(self) -> Account:
        """The broker's account."""
        return self.broker.account

    @property
    def specs(self) -> Mapping[int, OrderSpec]:
        """By order number, the spec of every order that is not a plain market order."""
        return self.broker.blotter.specs

    @quiet
    def run(self, start: int, stop: int, marks: Floats) -> Stopped:
        """Carry out the rows from `start` to before `stop`; see `Trader`."""
        broker, every_row = self.broker, self._costs.acts_between_orders
        take = self._take_stretch if self._one_symbol else self._take_row
        broker.set_marks(marks, max(start - 1, 0))
        row = start if every_row else self._next(start)
        while row < stop:
            if every_row or broker.blotter.open:
                broker.begin_row(row)
            if self._rows[self._at] == row:
                take(row, stop)
            row = row + 1 if every_row else self._next(row + 1)
        self._filler.write()
        return Stopped(stop)

    def liquidate(self, row: int) -> None:
        """Carry out what is due at this row, order every position closed, and then nothing more."""
        self.broker.begin_row(row)
        self.broker.liquidate(row)
        # The end of the rows with signals, so that no further target is reached.
        self._at = len(self._rows) - 1

    def end(self, row: int) -> None:
        """Cancel every open order: the row was the last."""
        self.broker.blotter.close_all(row, OrderEventKind.DATA_ENDED)

    def take_messages(self) -> list[tuple[int, str]]:
        """Return nothing: vectorised strategies log no sentences."""
        return []

    def portfolio(self, _curve: Curve) -> None:
        """Return None: there are no target weights."""

    def _next(self, row: int) -> int:
        """Return the next row, from this one on, on which there is something to do."""
        signalled, blotter = self._rows[self._at], self.broker.blotter
        return max(row, min(signalled, blotter.next_due) if blotter.open else signalled)

    def _take_row(self, row: int, stop: int) -> None:
        """Order the targets of a row: all at once if arrays can fill them, else one by one."""
        count = self._first[self._at + 1] - self._first[self._at]
        if not self._filler.try_fill(row, stop, count, self._row_targets):
            self._order_each(row)
        self._at += 1

    def _take_stretch(self, row: int, stop: int) -> None:
        """Order the only symbol's targets from this row on, while each fills before the next."""
        at, due = self._at, self._signals.due
        end = at + int(np.searchsorted(due[at:], stop))
        crowded = int(np.searchsorted(self._crowded, at))
        end = min(end, self._crowded.item(crowded))
        # An open order may fill in between, and a signal due past `stop` has no bar yet to fill it.
        if self.broker.blotter.open or end == at:
            self._order_each(row)
            self._at += 1
            return
        ready = self._signals.some(slice(at, end))
        fill_single_symbol(ready, self._costs, self.broker, self._journal)
        self._at = end

    def _order_each(self, row: int) -> None:
        wanted = self._signals.some(self._of_row())
        columns = (wanted.symbol, wanted.target, wanted.close, wanted.bar)
        for symbol, target, close, bar in zip(*(c.tolist() for c in columns), strict=True):
            self.broker.order_target(row, symbol, target, close, bar)

    def _row_targets(self) -> RowTargets | None:
        if not self._apart[self._at]:
            return None
        which, signals = self._of_row(), self._signals
        return RowTargets(
            signals.symbol[which],
            signals.target[which],
            signals.close[which],
            signals.bar[which],
            signals.open_price[which],
        )

    def _of_row(self) -> slice:
        return slice(self._first[self._at], self._first[self._at + 1])


def _apart(signals: Signals, rows: Indices, first: Indices, *, single: bool) -> NDArray[np.bool_]:
    """Return, for each row with signals, True if they fill before anything else happens.

    Those of an only symbol do if they are due no later than the next are made; those of several
    symbols if all are due on the row after.
    """
    if single:
        apart: NDArray[np.bool_] = signals.due <= np.append(rows[1:], NEVER)
        return apart
    latest: Indices = np.maximum.reduceat(signals.due, first) if len(first) else first
    return np.asarray(latest == rows + 1)
