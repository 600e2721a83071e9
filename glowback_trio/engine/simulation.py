"""The simulation: request and bars in, drafts and a result out. No clock, no files, no tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from glowback_trio.engine.accounting.curve import blank_curve, draw, draw_drawdown, seal
from glowback_trio.engine.accounting.ledger import Ledger
from glowback_trio.engine.accounting.statement import Entry, Statement
from glowback_trio.engine.execution.journal import EventJournal, Records
from glowback_trio.engine.reporting.event_drafts import drafts, log_draft
from glowback_trio.engine.reporting.messages import ruin_warning, warnings
from glowback_trio.engine.reporting.result_builder import Ended, result
from glowback_trio.engine.timeline import align
from glowback_trio.engine.traders.bar import BarTrader
from glowback_trio.engine.traders.rebalancing import RebalancingTrader
from glowback_trio.engine.traders.trader import AnyTrader, opener
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Dataset, Floats
from glowback_trio.model.events import EventDraft
from glowback_trio.model.orders import OrderEventKind
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result

__all__ = ["Simulation"]

_CELLS = 1 << 18


class Simulation:
    """One backtest, advanced as many bars at a time as its owner likes.

    How it is cut into slices changes neither a draft nor the result by a single byte.

    Args:
        request: What to simulate.
        dataset: The bars of the requested symbols, within the requested range.
        checkpoint: Called now and then while the signals of many symbols are worked out, which
            happens here; what it raises ends the work.

    Raises:
        DataError: Bars for other symbols than requested, a symbol without bars, or a price that is
            not a positive finite number.
    """

    def __init__(
        self,
        request: BacktestRequest,
        dataset: Dataset,
        checkpoint: Callable[[], object] = lambda: None,
    ) -> None:
        _same_symbols(request, dataset)
        self._request = request
        self._dataset = dataset
        symbols = frozenset(request.symbols)
        traded = [bars for bars in dataset.bars if bars.symbol in symbols]
        self._timeline = align(traded)
        self._journal = EventJournal()
        self._entries: list[Entry] = []
        self._ledger = Ledger(len(traded))
        capital = request.initial_capital
        self._open = opener(request, self._timeline, self._journal, checkpoint)
        self._trader = self._open()
        self._curve = blank_curve(capital, self._timeline.time)
        self._peak = capital
        self._done = 0
        self._sentences = warnings(dataset)
        self._untold = [log_draft(0, sentence) for sentence in self._sentences]
        self._said: list[str] = []  # by the strategy
        self._ruined = False

    @property
    def bars(self) -> int:
        """Timestamps on the timeline."""
        return len(self._timeline)

    @property
    def finished(self) -> bool:
        """Whether the last bar has been simulated, and nothing has gone wrong on it."""
        return self._done == self.bars and self._trader.failure is None

    def advance(self, bars: int) -> list[EventDraft]:
        """Simulate the next bars, at most as many as are left.

        Args:
            bars: How many, at least 1.

        Returns:
            What there is to tell of them, in order.

        Raises:
            ValueError: `bars` is less than 1.
            StrategyError: The strategy failed on the bar that was told last: what happened up to
                there is told first.
        """
        if bars < 1:
            raise ValueError(f"bars to advance should be at least 1, not {bars!r}")
        if self._trader.failure is not None:
            raise self._trader.failure
        start, entered = self._done, len(self._entries)
        self._simulate(start + bars)
        statement = self._statement(self._entries[entered:])
        rows = range(start, self._done)
        told = drafts(self._request.stream, rows, self._curve, statement, self._untold)
        self._untold = []
        return told

    def run(self) -> None:
        """Simulate all bars that are left and tell nothing of them.

        Raises:
            StrategyError: The strategy failed.
        """
        self._simulate(self.bars)
        if self._trader.failure is not None:
            raise self._trader.failure

    def result(self) -> Result:
        """Everything the finished simulation has to say.

        Raises:
            RuntimeError: Bars are left to simulate.
        """
        if not self.finished:
            raise RuntimeError(f"{self.bars - self._done} of {self.bars} bars are left to simulate")
        timeline, trader = self._timeline, self._trader
        portfolio = None
        if isinstance(trader, RebalancingTrader):
            portfolio = trader.portfolio(self._curve)
        ended = Ended(
            self._request,
            self._dataset,
            self._curve,
            timeline,
            self._statement(self._entries),
            self._ledger.round_trips,
            trader.broker.account,
            portfolio,
        )
        return result(ended, [*self._sentences, *self._said])

    def _statement(self, entries: Sequence[Entry]) -> Statement:
        symbols, name = self._timeline.symbols, self._request.strategy.name
        specs = self._trader.broker.blotter.specs
        return Statement(entries, self._timeline.time, symbols, name, specs)

    def _simulate(self, stop: int) -> None:
        """Simulate the rows before `stop`, which may lie past the end."""
        stop = min(stop, self.bars)
        while self._done < stop and self._trader.failure is None:
            self._done = self._block(self._done, min(self._done + self._rows_at_once, stop))
        if self.finished:
            self._trader.broker.blotter.close_all(self.bars - 1, OrderEventKind.DATA_ENDED)
            self._enter(self._journal.take())
            seal(self._curve)

    @property
    def _rows_at_once(self) -> int:
        return max(1, _CELLS // len(self._timeline.bars))

    def _block(self, start: int, stop: int) -> int:
        """Simulate rows as if the account survived them; where it did not, go back and close it.

        Ruin can only be seen on the whole curve, which is worked out at once. It is rare, so going
        back costs less than looking at every row on the way. A trader that looks at every row
        anyway ends there by itself.

        Returns:
            One past the last row that is now final.
        """
        account = self._trader.broker.account
        before = account.cash, account.units.copy()
        marks = self._timeline.marks(max(start - 1, 0), stop)
        stop = self._trader.run(start, stop, marks)
        records = self._journal.take()
        first = min(start, 1)  # of the marks: the row before comes along
        draw(self._curve, before, records, marks[first : first + stop - start], start)
        if not self._ruined and isinstance(self._trader, BarTrader):
            if self._trader.ruined:
                self._ruin(stop - 1)
        elif not self._ruined:
            lost = np.flatnonzero(self._curve.value[start:stop] <= 0)
            if len(lost):
                stop = start + int(lost[0]) + 1
                records = self._end_in_ruin(start, stop, marks)
        self._enter(records)
        self._peak = draw_drawdown(self._curve, self._peak, start, stop)
        return stop

    def _end_in_ruin(self, start: int, stop: int, marks: Floats) -> Records:
        """Simulate a block once more, so that its last row is that of ruin."""
        trader = self._trader = self._rerun(start)
        assert not isinstance(trader, BarTrader)  # which ends at ruin by itself
        trader.run(start, stop - 1, marks)
        trader.ruin(stop - 1)
        self._ruin(stop - 1)
        return self._journal.take()

    def _enter(self, records: Records) -> None:
        if len(records.events) or len(records.financing):
            self._entries.append(Entry(records, self._ledger.keep(records)))
        told = self._trader.take_told()
        self._untold += [log_draft(row, text, "info") for row, text in told]
        self._said += [text for _, text in told]

    def _rerun(self, stop: int) -> AnyTrader:
        """Carry out all rows before `stop` once more, to come back to that moment."""
        trader, most = self._open(), self._rows_at_once
        for start in range(0, stop, most):
            end = min(start + most, stop)
            trader.run(start, end, self._timeline.marks(max(start - 1, 0), end))
        self._journal.take()
        trader.take_told()
        return trader

    def _ruin(self, row: int) -> None:
        self._ruined = True
        warning = ruin_warning(self._curve, row)
        self._sentences.append(warning)
        self._untold.append(log_draft(row, warning))


def _same_symbols(request: BacktestRequest, dataset: Dataset) -> None:
    given = sorted(bars.symbol for bars in dataset.bars)
    if given != sorted(request.priced):
        raise DataError(
            f"bars should be for the requested symbols {sorted(request.priced)}, "
            f"one each; they are for {given}"
        )
