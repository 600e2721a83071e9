"""A trader that knows all its targets beforehand, and visits only the rows that matter."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.batch.many_symbols import Aims, Together
from glowback_trio.engine.batch.single_symbol import alone
from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.strategies.signals import Indices, Signals
from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Floats

__all__ = ["TargetTrader"]

_MANY = 8  # signals on a row from which arrays are faster than the broker


class TargetTrader:
    """Gives a broker the targets of a vectorised strategy.

    Args:
        signals: All targets of the run.
        broker: Carries them out.
        costs: Conditions of a fill.
        journal: Where the broker writes.
        shortcuts: Whether to take them; they change nothing but the time it takes.
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
        self.failure: StrategyError | None = None
        self._signals = signals
        self._costs = costs
        self._journal = journal
        rows, first = np.unique(signals.row, return_index=True)
        self._rows: list[int] = [*rows.tolist(), NEVER]
        self._first: list[int] = [*first.tolist(), len(signals.row)]
        self._at = 0
        single = len(broker.account.units) == 1
        free = shortcuts and costs.simple and not costs.has_financing
        self._take = self._general if not free else self._alone if single else self._together
        self._rows_at_once = Together(costs, broker, journal)
        self._apart = _apart(signals, rows, first, single=single)
        self._crowded = np.append(np.flatnonzero(~self._apart), len(rows))

    def run(self, start: int, stop: int, marks: Floats) -> int:
        """Carry out the rows from `start` to before `stop`; see `Trader`."""
        broker, has_financing = self.broker, self._costs.has_financing
        broker.see(marks, max(start - 1, 0))
        row = start if has_financing else self._next(start)
        while row < stop:
            if has_financing or broker.blotter.open:
                broker.begin(row)
            if self._rows[self._at] == row:
                self._take(row, stop)
            row = row + 1 if has_financing else self._next(row + 1)
        self._rows_at_once.write()
        return stop

    def ruin(self, row: int) -> None:
        """Carry out what is due at this row, then order everything closed and want nothing more."""
        self.broker.begin(row)
        self.broker.liquidate(row)
        self._at = len(self._rows) - 1

    def take_told(self) -> list[tuple[int, str]]:
        """Nothing: targets have nothing to say."""
        return []

    def _next(self, row: int) -> int:
        """The next row, from this one on, on which there is something to do."""
        signalled, blotter = self._rows[self._at], self.broker.blotter
        return max(row, min(signalled, blotter.next_due) if blotter.open else signalled)

    def _general(self, row: int, _stop: int) -> None:
        """Take the signals of a row one by one."""
        self._rows_at_once.write()
        wanted = self._signals.some(slice(self._first[self._at], self._first[self._at + 1]))
        columns = (wanted.symbol, wanted.target, wanted.close, wanted.bar)
        for symbol, target, close, bar in zip(*(c.tolist() for c in columns), strict=True):
            self.broker.aim(row, symbol, target, close, bar)
        self._at += 1

    def _alone(self, row: int, stop: int) -> None:
        """Take the only symbol's signals from this row on, while each is filled in time."""
        broker, at, due = self.broker, self._at, self._signals.due
        end = at + int(np.searchsorted(due[at:], stop))
        crowded = int(np.searchsorted(self._crowded, at))
        end = min(end, self._crowded.item(crowded))
        if broker.blotter.open or end == at:
            self._general(row, stop)
            return
        ready, numbered = self._signals.some(slice(at, end)), broker.blotter.numbered
        done = alone(ready, self._costs, broker.account, numbered)
        broker.blotter.numbered = done.numbered
        self._journal.extend(done.events, done.fills)
        self._at = end

    def _together(self, row: int, stop: int) -> None:
        """Take the signals of a row at once, where all of them are due on the next."""
        broker, first, end = self.broker, self._first[self._at], self._first[self._at + 1]
        late = row + 1 >= stop or not self._apart[self._at]
        if late or broker.blotter.open or end - first < _MANY:
            self._general(row, stop)
            return
        which, signals = slice(first, end), self._signals
        aims = Aims(
            signals.symbol[which],
            signals.target[which],
            signals.close[which],
            signals.bar[which],
            signals.open_price[which],
        )
        self._rows_at_once.aim(row, aims)
        self._at += 1


def _apart(signals: Signals, rows: Indices, first: Indices, *, single: bool) -> NDArray[np.bool_]:
    """Of each row's signals, whether they can be filled before anything else happens.

    Those of the only symbol, if they are due no later than the next are made; those of many, if all
    are due on the row after.
    """
    if single:
        apart: NDArray[np.bool_] = signals.due <= np.append(rows[1:], NEVER)
        return apart
    latest: Indices = np.maximum.reduceat(signals.due, first) if len(first) else first
    return np.asarray(latest == rows + 1)
