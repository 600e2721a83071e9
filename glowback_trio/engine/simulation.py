"""The simulation: request and bars in, drafts and a result out. No clock, no files, no tasks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from glowback_trio.engine import tape as events
from glowback_trio.engine.broker import Broker
from glowback_trio.engine.curve import blank_curve, draw, draw_drawdown, seal
from glowback_trio.engine.drafts import drafts, log_draft
from glowback_trio.engine.execution import terms
from glowback_trio.engine.manifest import manifest
from glowback_trio.engine.metrics import metrics
from glowback_trio.engine.report import ruin_warning, summary, warnings
from glowback_trio.engine.signals import work_out
from glowback_trio.engine.tape import Tape, joined
from glowback_trio.engine.timeline import align
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from glowback_trio.engine.ledger import Ledger
    from glowback_trio.engine.tape import Recording
    from glowback_trio.model.events import Draft
    from glowback_trio.model.request import BacktestRequest

__all__ = ["Simulation", "backtest"]

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
        self._timeline = align(dataset.bars)
        self._tape = Tape()
        self._recordings: list[Recording] = []
        agreed = terms(request.execution)
        signals = work_out(request.strategy, agreed, self._timeline, checkpoint)
        capital = request.initial_capital
        self._open = partial(Broker, self._timeline, signals, agreed, self._tape, capital)
        self._broker = self._open()
        self._curve = blank_curve(capital, self._timeline.time)
        self._peak = capital
        self._done = 0
        self._sentences = warnings(dataset)
        self._untold = [log_draft(0, sentence) for sentence in self._sentences]
        self._ruined = False

    @property
    def bars(self) -> int:
        """Timestamps on the timeline."""
        return len(self._timeline)

    @property
    def finished(self) -> bool:
        """Whether the last bar has been simulated."""
        return self._done == self.bars

    def advance(self, bars: int) -> list[Draft]:
        """Simulate the next bars, at most as many as are left.

        Args:
            bars: How many, at least 1.

        Returns:
            What there is to tell of them, in order.

        Raises:
            ValueError: `bars` is less than 1.
        """
        if bars < 1:
            raise ValueError(f"bars to advance should be at least 1, not {bars!r}")
        start, recorded = self._done, len(self._recordings)
        self._simulate(start + bars)
        told = drafts(
            self._request.stream,
            range(start, self._done),
            self._curve,
            joined(self._recordings[recorded:]),
            symbols=self._timeline.symbols,
            strategy_id=self._request.strategy.name,
            warnings=self._untold,
        )
        self._untold = []
        return told

    def run(self) -> None:
        """Simulate all bars that are left and tell nothing of them."""
        self._simulate(self.bars)

    def result(self) -> Result:
        """Everything the finished simulation has to say.

        Raises:
            RuntimeError: Bars are left to simulate.
        """
        if not self.finished:
            raise RuntimeError(f"{self.bars - self._done} of {self.bars} bars are left to simulate")
        recording = joined(self._recordings)
        symbols, time = self._timeline.symbols, self._timeline.time
        fills = recording.trades(time, symbols, self._request.strategy.name)
        measured = metrics(self._request, self._dataset, self._curve, fills, self._ledger)
        return Result(
            metrics=measured,
            curve=self._curve,
            trades=fills,
            orders=recording.order_log(time),
            logs=[*summary(self._curve, fills, len(recording.events)), *self._sentences],
            final_cash=self._ledger.cash,
            final_positions={
                symbol: units
                for symbol, units in zip(symbols, self._ledger.units.tolist(), strict=True)
                if units
            },
            manifest=manifest(self._request, self._dataset, self._timeline, measured),
        )

    @property
    def _ledger(self) -> Ledger:
        return self._broker.ledger

    def _simulate(self, stop: int) -> None:
        """Simulate the rows before `stop`, which may lie past the end."""
        stop = min(stop, self.bars)
        while self._done < stop:
            self._done = self._block(self._done, min(self._done + self._rows_at_once, stop))
        if self.finished:
            self._broker.cancel_open(self.bars - 1, events.UNFILLED)
            self._recordings.append(self._tape.take())
            seal(self._curve)

    @property
    def _rows_at_once(self) -> int:
        return max(1, _CELLS // len(self._timeline.bars))

    def _block(self, start: int, stop: int) -> int:
        """Simulate rows as if the account survived them; where it did not, go back and close it.

        Ruin can only be seen on the whole curve, which is worked out at once. It is rare, so going
        back costs less than looking at every row on the way.

        Returns:
            One past the last row that is now final.
        """
        before = self._ledger.cash, self._ledger.units.copy()
        marks = self._timeline.marks(max(start - 1, 0), stop)
        self._broker.run(start, stop, marks)
        recording = self._tape.take()
        draw(self._curve, before, recording, marks[start - stop :], start)
        lost = np.flatnonzero(self._curve.value[start:stop] <= 0)
        if len(lost) and not self._ruined:
            stop = start + int(lost[0]) + 1
            self._broker = self._rerun(start)
            self._broker.run(start, stop - 1, marks)
            self._broker.liquidate(stop - 1)
            recording = self._tape.take()
            self._ruin(stop - 1)
        self._recordings.append(recording)
        self._peak = draw_drawdown(self._curve, self._peak, start, stop)
        return stop

    def _rerun(self, stop: int) -> Broker:
        """Carry out all rows before `stop` once more, to come back to that moment."""
        broker, most = self._open(), self._rows_at_once
        for start in range(0, stop, most):
            end = min(start + most, stop)
            broker.run(start, end, self._timeline.marks(max(start - 1, 0), end))
        self._tape.take()
        return broker

    def _ruin(self, row: int) -> None:
        self._ruined = True
        warning = ruin_warning(self._curve, row)
        self._sentences.append(warning)
        self._untold.append(log_draft(row, warning))


def backtest(request: BacktestRequest, bars: Sequence[Bars]) -> Result:
    """Run one backtest on bars held in memory.

    Args:
        request: What to simulate. Bars outside its range are left out.
        bars: One `Bars` for each requested symbol.

    Raises:
        DataError: As `Simulation`, or no bar of a symbol lies within the range.
    """
    within = [_within(one, request) for one in bars]
    quality = [Quality(one.symbol, rows=len(one), bars=len(one)) for one in within]
    simulation = Simulation(request, Dataset(within, "memory", "user_provided", quality))
    simulation.run()
    return simulation.result()


def _within(bars: Bars, request: BacktestRequest) -> Bars:
    start, end = (
        np.datetime64(moment.replace(tzinfo=None), "ns")
        for moment in (request.start_date, request.end_date)
    )
    first = int(np.searchsorted(bars.time, start))
    stop = int(np.searchsorted(bars.time, end, side="right"))
    if stop - first == len(bars):
        return bars
    rows = slice(first, stop)
    prices = (column[rows] for column in (bars.open, bars.high, bars.low, bars.close, bars.volume))
    return Bars(bars.symbol, bars.time[rows], *prices)


def _same_symbols(request: BacktestRequest, dataset: Dataset) -> None:
    given = sorted(bars.symbol for bars in dataset.bars)
    if given != sorted(request.symbols):
        raise DataError(
            f"bars should be for the requested symbols {sorted(request.symbols)}, "
            f"one each; they are for {given}"
        )
