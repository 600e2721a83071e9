"""Orders towards weights: by arrays where nothing can come in between, by the broker elsewhere."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from glowback_trio.engine.batch.many_symbols import Aims, Together
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Floats

Indices = NDArray[np.intp]

__all__ = ["Aim", "Some"]

#: Some of the M symbols of a portfolio.
Some = slice | np.ndarray[tuple[int], np.dtype[np.intp]]

_MANY = 8  # symbols from which arrays are faster than the broker
_NO_BAR = -1


@frozen(eq=False)
class _Bars:
    """The bars of M symbols on the rows from `first` on.

    Attributes:
        first: A row.
        bar: (rows, M) the index of each among its symbol's own bars, -1 where it has none.
        open_price: (rows, M) its open, currency.
    """

    first: int
    bar: Indices
    open_price: Floats


class Aim:
    """Orders what is missing to the weights of M symbols.

    Args:
        symbol: (M,) their indices among the run's.
        timeline: The bars.
        broker: Carries the orders out.
        costs: Conditions of a fill.
        journal: Where they are written.
        shortcuts: Whether to take them; they change nothing but the time it takes.
    """

    def __init__(
        self,
        symbol: Indices,
        timeline: Timeline,
        broker: Broker,
        costs: CostModel,
        journal: EventJournal,
        *,
        shortcuts: bool,
    ) -> None:
        self._symbol = symbol
        self._timeline = timeline
        self._broker = broker
        self._costs = costs
        self._together = Together(costs, broker, journal)
        free = costs.simple and not costs.has_financing
        self._shortcuts = shortcuts and free and len(symbol) >= _MANY
        self._stop = 0
        self._bars: _Bars | None = None  # of the rows at hand, once they are needed

    def see(self, stop: int) -> None:
        """Learn that nothing at this row or after it may be carried out for now."""
        self._stop, self._bars = stop, None

    def order(self, row: int, some: Some, weight: Floats, close: Floats) -> None:
        """Order what is missing at a row's closes.

        Args:
            row: The row.
            some: Which of the symbols, all of which have had a bar.
            weight: (n,) what each should weigh, a fraction of equity.
            close: (n,) their last closes, currency.
        """
        fraction = weight * len(self._timeline.bars)  # of each symbol's share of equity
        if self._at_once(row, some, fraction, close):
            return
        self._together.write()
        broker, latency = self._broker, self._costs.latency
        columns = (self._symbol[some], fraction, close)
        for symbol, target, price in zip(*(c.tolist() for c in columns), strict=True):
            broker.aim(row, symbol, target, price, broker.blotter.first_bar(row, symbol, latency))

    def write(self) -> None:
        """Write down what has been done since this was last called."""
        self._together.write()

    def _at_once(self, row: int, some: Some, fraction: Floats, close: Floats) -> bool:
        """Fill orders by arrays, if all of them fill on the next row and nothing else is open."""
        broker, time, due = self._broker, self._timeline.time, row + 1
        if not self._shortcuts or due >= self._stop or broker.blotter.open:
            return False
        if self._bars is None:
            self._bars = self._laid_out(row)
        bar, open_price = self._bars.bar[due - self._bars.first][some], self._bars.open_price
        if time[due] - time[row] < self._costs.latency or bar.min() == _NO_BAR:
            return False
        opens = open_price[due - self._bars.first][some]
        self._together.aim(row, Aims(self._symbol[some], fraction, close, bar, opens))
        return True

    def _laid_out(self, start: int) -> _Bars:
        columns = [self._bars_of(symbol, start) for symbol in self._symbol.tolist()]
        bar, open_price = (np.stack(column, axis=1) for column in zip(*columns, strict=True))
        return _Bars(start, bar, open_price)

    def _bars_of(self, symbol: int, start: int) -> tuple[Indices, Floats]:
        timeline, stop = self._timeline, self._stop
        rows, open_price = timeline.rows[symbol], timeline.bars[symbol].open
        if len(rows) == len(timeline):
            return np.arange(start, stop), open_price[start:stop]
        first, last = np.searchsorted(rows, (start, stop))
        bar = np.full(stop - start, _NO_BAR)
        bar[rows[first:last] - start] = np.arange(first, last)
        return bar, open_price[bar]
