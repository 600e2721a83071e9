"""The simulation: request and bars in, event drafts and a result out. No clock, files or tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy

import numpy as np

from glowback_trio.engine.accounting.curve import (
    blank_curve,
    draw,
    draw_drawdown,
    drawn_soundly,
    first_beyond_range,
    seal,
)
from glowback_trio.engine.accounting.ledger import Ledger
from glowback_trio.engine.accounting.statement import BookedRecords, Statement
from glowback_trio.engine.execution.journal import EventJournal, Records
from glowback_trio.engine.reporting.event_drafts import draft_events, log_draft
from glowback_trio.engine.reporting.messages import (
    ending_warning,
    out_of_range,
    ruin_warning,
    volume_warnings,
    warmup_warnings,
    warnings,
)
from glowback_trio.engine.reporting.result_builder import Ended, Measured, measure, result
from glowback_trio.engine.timeline import align
from glowback_trio.engine.traders.factory import trader_factory
from glowback_trio.engine.traders.trader import Trader
from glowback_trio.errors import DataError, GlowbackError
from glowback_trio.model.bars import Dataset, Floats
from glowback_trio.model.events import EventDraft
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Curve, Result

__all__ = ["Simulation"]

# Bytes that the columns of a result take: of an order's step and of a fill, and, for each bar, of
# the account. A portfolio adds the worth of each symbol.
_STEP_BYTES, _FILL_BYTES, _BAR_BYTES, _WORTH_BYTES = 48, 80, 96, 8
_CELLS = 1 << 18  # of a (rows, symbols) table that is worked on at once


class Simulation:
    """One backtest, advanced as many bars at a time as its owner likes.

    How it is cut into slices changes neither a draft nor the result by a single byte.

    Args:
        request: What to simulate.
        dataset: The bars of the requested symbols, within the requested range.
        checkpoint: Called now and then while the signals of many symbols are computed, which
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
        _check_symbols(request, dataset)
        self._request = request
        self._dataset = dataset
        symbols = frozenset(request.symbols)
        traded = [bars for bars in dataset.bars if bars.symbol in symbols]
        self._timeline = align(traded, dataset.warmup)
        self._endings = self._timeline.endings
        self._journal = EventJournal()
        self._booked: list[BookedRecords] = []
        self._booked_bytes = 0
        self._ledger = Ledger(len(traded))
        capital = request.initial_capital
        self._curve = blank_curve(capital, self._timeline.time, self._timeline.date)
        self._new_trader = trader_factory(
            request, self._timeline, self._journal, self._curve, checkpoint
        )
        self._trader = self._new_trader()
        self._peak = capital
        self._done = 0  # rows that are final
        self._ruined = False
        self._failure: GlowbackError | None = None
        self._warnings = [*warnings(dataset), *warmup_warnings(request, dataset)]
        self._messages: list[str] = []  # logged by the strategy
        self._pending = [log_draft(0, sentence) for sentence in self._warnings]

    @property
    def bars(self) -> int:
        """Timestamps on the timeline."""
        return len(self._timeline)

    @property
    def finished(self) -> bool:
        """True if the last bar has been simulated, and nothing has gone wrong on it."""
        return self._done == self.bars and self._failure is None

    @property
    def result_bytes(self) -> int:
        """The bytes that the result's arrays take, with the steps and fills so far; rounded up."""
        portfolio = self._request.portfolio_construction is not None
        worths = len(self._timeline.symbols) if portfolio else 0
        return self._booked_bytes + self.bars * (_BAR_BYTES + _WORTH_BYTES * worths)

    def advance(self, bars: int) -> list[EventDraft]:
        """Simulate the next bars, at most as many as are left.

        Args:
            bars: How many, at least 1.

        Returns:
            The drafts of their events, in order.

        Raises:
            ValueError: `bars` is less than 1.
            StrategyError: The strategy failed on the last bar of the call before, which returned
                the events up to there.
            DataError: Likewise, where prices have taken the account out of the range of numbers.
        """
        if bars < 1:
            raise ValueError(f"bars to advance should be at least 1, not {bars!r}")
        self._raise_failure()
        start, booked = self._done, len(self._booked)
        self._simulate(start + bars)
        statement = self._statement(self._booked[booked:])
        rows = range(start, self._done)
        pending, self._pending = self._pending, []
        return draft_events(self._request.stream, rows, self._curve, statement, pending)

    def run(self, bars: int | None = None) -> None:
        """Simulate all bars that are left, or the next few, without drafts of events.

        Args:
            bars: How many, at least 1; None: all.

        Raises:
            StrategyError: The strategy failed.
            DataError: Prices have taken the account out of the range of numbers.
        """
        self._simulate(self.bars if bars is None else self._done + bars)
        self._raise_failure()

    def result(self) -> Result:
        """Return the result of the finished simulation.

        Raises:
            RuntimeError: Bars are left to simulate.
        """
        return result(self._ended(), [*self._warnings, *self._messages])

    def measured(self) -> Measured:
        """Return the metrics of the finished simulation: those of its result.

        Raises:
            RuntimeError: Bars are left to simulate.
        """
        return measure(self._ended())

    @property
    def curve(self) -> Curve:
        """The account, bar by bar; rows that are still to be simulated hold any numbers."""
        return self._curve

    def _ended(self) -> Ended:
        if not self.finished:
            raise RuntimeError(f"{self.bars - self._done} of {self.bars} bars are left to simulate")
        return Ended(
            self._request,
            self._dataset,
            self._curve,
            self._timeline,
            self._statement(self._booked),
            self._ledger.round_trips,
            self._trader.account,
            self._trader.portfolio(self._curve),
        )

    def _raise_failure(self) -> None:
        if self._failure is not None:
            # What is raised holds this simulation by the frames of its traceback. It must not be
            # held in return, so a copy stays here, without the traceback.
            failure, self._failure = self._failure, copy(self._failure)
            try:
                raise failure
            finally:
                del failure

    def _statement(self, booked: Sequence[BookedRecords]) -> Statement:
        symbols, name = self._timeline.symbols, self._request.strategy.name
        specs = self._trader.specs
        return Statement(booked, self._timeline.time, symbols, name, specs)

    def _simulate(self, stop: int) -> None:
        """Simulate the rows before `stop`, which may lie past the end."""
        stop = min(stop, self.bars)
        # In blocks, so that no (T, N) table is made for many symbols.
        while self._done < stop and self._failure is None:
            self._done = self._block(self._done, min(self._done + self._rows_at_once, stop))
        if self.finished:
            self._trader.end(self.bars - 1)
            self._enter(self._journal.take(), stop)
            for warning in volume_warnings(self._timeline, [one.records for one in self._booked]):
                self._warn(self.bars - 1, warning)
            seal(self._curve)

    @property
    def _rows_at_once(self) -> int:
        return max(1, _CELLS // len(self._timeline.bars))

    def _block(self, start: int, stop: int) -> int:
        """Simulate rows as if the account survived them; if it did not, go back and close it.

        Ruin shows on the curve, which is computed for all rows at once. It is rare, so going back
        costs less than looking at every row on the way.

        Returns:
            One past the last row that is now final.
        """
        account = self._trader.account
        # The units are copied, because the trader changes the array.
        before = account.cash, account.units.copy()
        marks = self._timeline.marks(max(start - 1, 0), stop)
        stopped = self._trader.run(start, stop, marks)
        self._failure, stop, ruined = stopped.failure, stopped.row, stopped.ruined
        drawn = stopped.drawn
        del stopped  # this frame is in the traceback that a failure holds
        records = self._journal.take()
        first = min(start, 1)  # of the marks: the row before comes along
        if not drawn:
            draw(self._curve, before, records, marks[first : first + stop - start], start)
        if (peak := drawn_soundly(self._curve, records, self._peak, start, stop)) is None:
            stop, records, ruined = self._inspected(start, stop, records, marks, ruined=ruined)
        self._note_endings(range(start, stop), records)
        if ruined:
            self._note_ruin(stop - 1)
        self._enter(records, stop)
        if peak is None:
            peak = draw_drawdown(self._curve, self._peak, start, stop)
        self._peak = peak
        return stop

    def _inspected(
        self, start: int, stop: int, records: Records, marks: Floats, *, ruined: bool
    ) -> tuple[int, Records, bool]:
        """Look for the first row that the account did not survive, or that is beyond all range.

        Returns:
            One past the last row that is final, the journal up to there, and whether it is the row
            of ruin.
        """
        sound = first_beyond_range(self._curve, records, start, stop)
        ruined = ruined and sound == stop
        lost = np.flatnonzero(self._curve.value[start:sound] <= 0)
        if len(lost) and not (ruined or self._ruined):
            stop = start + int(lost[0]) + 1
            return stop, self._end_in_ruin(start, stop, marks), True
        if sound < stop:
            self._failure = DataError(out_of_range(self._timeline.time, sound))
            return sound, records.before(sound), ruined
        return stop, records, ruined

    def _end_in_ruin(self, start: int, stop: int, marks: Floats) -> Records:
        """Simulate a block once more, with the row of ruin as its last."""
        self._trader = self._rerun(start)
        self._trader.run(start, stop - 1, marks)
        self._trader.liquidate(stop - 1)
        return self._journal.take()

    def _rerun(self, stop: int) -> Trader:
        """Return a new trader that has carried out all rows before `stop`."""
        trader, most = self._new_trader(), self._rows_at_once
        for start in range(0, stop, most):
            end = min(start + most, stop)
            trader.run(start, end, self._timeline.marks(max(start - 1, 0), end))
        # Both are known from the first time.
        self._journal.take()
        trader.take_messages()
        return trader

    def _enter(self, records: Records, stop: int) -> None:
        """Book what happened before a row, and keep what was logged there."""
        if len(records.events) or len(records.financing):
            self._booked.append(BookedRecords(records, self._ledger.book(records)))
            steps, fills = len(records.events), len(records.fills)
            self._booked_bytes += steps * _STEP_BYTES + fills * _FILL_BYTES
        messages = [one for one in self._trader.take_messages() if one[0] < stop]
        self._pending += [log_draft(row, text, "info") for row, text in messages]
        self._messages += [text for _, text in messages]

    def _note_endings(self, rows: range, records: Records) -> None:
        """Warn of positions whose data have ended on the row before one of these."""
        closed = self._request.execution.on_data_end == "close"
        for row in sorted(row for row in self._endings if row in rows):
            filled = records.filled
            for symbol in self._endings[row]:
                # Without a bar nothing trades but what closes the position, on this row.
                late = (filled["symbol"] == symbol) & (filled["row"] >= row)
                units = self._trader.account.units.item(symbol)
                if units := units - float(filled["quantity"][late].sum()):
                    self._warn(
                        row, ending_warning(self._timeline.bars[symbol], units, closed=closed)
                    )

    def _note_ruin(self, row: int) -> None:
        self._ruined = True
        self._warn(row, ruin_warning(self._curve, row))

    def _warn(self, row: int, warning: str) -> None:
        self._warnings.append(warning)
        self._pending.append(log_draft(row, warning))


def _check_symbols(request: BacktestRequest, dataset: Dataset) -> None:
    given = sorted(bars.symbol for bars in dataset.bars)
    if given != sorted(request.priced):
        raise DataError(
            f"bars should be for the requested symbols {sorted(request.priced)}, "
            f"one each; they are for {given}"
        )
