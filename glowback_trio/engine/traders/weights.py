"""Orders towards portfolio weights: by arrays where these can fill them, else by the broker."""

from __future__ import annotations

from functools import partial

import numpy as np
from attrs import frozen

from glowback_trio.engine.batch.many_symbols import BatchFiller, RowTargets
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Floats, Indices

__all__ = ["Selection", "WeightOrders"]

#: Some of the M symbols of a portfolio.
Selection = slice | np.ndarray[tuple[int], np.dtype[np.intp]]

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


class WeightOrders:
    """Orders what M symbols lack to their weights.

    Args:
        symbol: (M,) their indices among the run's.
        timeline: The bars.
        broker: Fills the orders.
        costs: Conditions of a fill.
        journal: Receives what happens to orders.
        shortcuts: False lets the broker fill every order, which changes nothing but the time it
            takes.
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
        self._latency = costs.latency
        self._filler = BatchFiller(costs, broker, journal, enabled=shortcuts)
        self._stop = 0
        self._bars: _Bars | None = None  # of the rows before `stop`, once they are needed

    def begin(self, stop: int) -> None:
        """Begin a stretch of rows, of which none from `stop` on may be filled yet."""
        self._stop, self._bars = stop, None

    def order(self, row: int, some: Selection, weight: Floats, close: Floats) -> None:
        """Order what is missing at a row's closes.

        Args:
            row: The row.
            some: Which of the M symbols; all of them have had a bar.
            weight: (n,) the weight of each, a fraction of equity.
            close: (n,) their last closes, currency.
        """
        fraction = weight * len(self._timeline.bars)  # of each symbol's share of equity
        targets = partial(self._row_targets, row, some, fraction, close)
        if self._filler.try_fill(row, self._stop, len(close), targets):
            return
        broker = self._broker
        columns = (self._symbol[some], fraction, close)
        for symbol, target, price in zip(*(c.tolist() for c in columns), strict=True):
            bar = broker.blotter.first_bar(row, symbol, self._latency)
            broker.order_target(row, symbol, target, price, bar)

    def write(self) -> None:
        """Write into the journal what has been filled since the last call."""
        self._filler.write()

    def _row_targets(
        self, row: int, some: Selection, fraction: Floats, close: Floats
    ) -> RowTargets | None:
        time, due = self._timeline.time, row + 1
        # Laid out on first use: with few symbols or open orders the arrays are never needed.
        if self._bars is None:
            self._bars = self._laid_out(row)
        bar = self._bars.bar[due - self._bars.first][some]
        # Latency moves fills past the next row; a symbol without a bar there fills later too.
        if time[due] - time[row] < self._latency or bar.min() == _NO_BAR:
            return None
        open_price = self._bars.open_price[due - self._bars.first][some]
        return RowTargets(self._symbol[some], fraction, close, bar, open_price)

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
