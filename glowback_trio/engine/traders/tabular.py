"""The trader of targets and weights by the kernel, which works on tables of many rows at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import frozen

from glowback_trio.engine.batch.records import event_records
from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal, RecordArray
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.kernel.rows import NO_ROW, STEPS, CarryOut
from glowback_trio.engine.kernel.tables import (
    DECISION,
    LIMITS,
    Curves,
    Limits,
    Run,
    Tables,
    Wanted,
    new_book,
    no_plan,
    none_wanted,
    plan_of,
    wanted_targets,
)
from glowback_trio.engine.strategies.signals import Signals
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.traders.plan import Plan
from glowback_trio.engine.traders.portfolio_record import held_portfolio
from glowback_trio.engine.traders.rebalancing import stop_sentence
from glowback_trio.engine.traders.trader import Stopped
from glowback_trio.engine.traders.watch import reached
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind, OrderSpec
from glowback_trio.model.portfolio import Portfolio, RebalanceReason
from glowback_trio.model.result import Curve
from glowback_trio.wire.percent import as_fraction

__all__ = ["Market", "TabularTrader", "limits_of", "wanted_of"]

_ROOM = 4096  # events and fills that are made room for, besides what one row may need
_NO_BARS = np.zeros((0, 0))


@frozen(eq=False)
class Market:
    """The bars as the kernel reads them, with the costs that depend on them.

    Attributes:
        timeline: The bars.
        costs: Conditions of a fill.
        time: (T,) nanoseconds.
        earliest: (T,) the first row that may fill what is ordered at a row; (0,) without latency.
        closing: (N,) the row on which a position is closed, as its data have ended; -1: none.
    """

    timeline: Timeline
    costs: CostModel
    time: RecordArray
    earliest: RecordArray
    closing: RecordArray

    @classmethod
    def of(cls, timeline: Timeline, costs: CostModel) -> Market:
        """Lay out what does not change from row to row."""
        time, count = timeline.time, len(timeline)
        earliest = np.zeros(0, np.int64)
        if costs.latency:
            earliest = np.maximum(
                np.arange(1, count + 1), np.searchsorted(time, time + costs.latency)
            )
        closing = np.full(len(timeline.bars), -1)
        if costs.closes_ended:
            for row, symbols in timeline.endings.items():
                closing[symbols] = row
        return cls(timeline, costs, time.view(np.int64), earliest, closing)

    def tables(self, first: int, stop: int, marks: Floats) -> Tables:
        """Return the tables of the rows from `first` on, with their last closes."""
        volumes = _NO_BARS
        if self.costs.impact or self.costs.participation is not None:
            volumes = self.timeline.column("volume", first, stop)
        opens = self.timeline.column("open", first, stop)
        own = (self.time, self.earliest, self.closing)
        return Tables.closed(first, marks, opens, volumes, *own)


class TabularTrader:
    """Carries out a run's targets or weights by the kernel.

    Args:
        market: The bars.
        journal: Receives what happens to orders.
        curve: Receives the account at every close.
        carry_out: The kernel, compiled or not.
        wanted: The targets; None for a portfolio.
        plan: The portfolio; None without.
    """

    def __init__(
        self,
        market: Market,
        journal: EventJournal,
        curve: Curve,
        carry_out: CarryOut,
        *,
        wanted: Wanted | None = None,
        plan: Plan | None = None,
    ) -> None:
        symbols, rows = len(market.timeline.bars), len(market.timeline)
        self._market, self._journal, self._carry_out = market, journal, carry_out
        self._plan, self._limits = plan, no_plan() if plan is None else limits_of(plan)
        self._wanted = none_wanted() if wanted is None else wanted
        self._book = new_book(market.costs, curve.capital, symbols)
        self._book.state["arrival"] = NEVER if plan is None else plan.arrival(0)
        self._book.state["scheduled"] = NEVER
        worth = np.zeros((rows, len(self._limits.symbol)))
        self._curves = Curves(curve.value, curve.cash, curve.gross, worth)
        self._decisions: list[RecordArray] = []
        self._messages: list[tuple[int, str]] = []
        self._out = False
        self._tables: Tables | None = None
        self.account = Account(curve.capital, self._book.units)
        self.specs: Mapping[int, OrderSpec] = {}

    def run(self, start: int, stop: int, marks: Floats) -> Stopped:
        """Carry out the rows from `start` to before `stop`; see `Trader`."""
        self._tables = self._market.tables(max(start - 1, 0), stop, marks)
        self._go_on(start, stop)
        return Stopped(stop, drawn=True)

    def liquidate(self, row: int) -> None:
        """Carry out what is due at this row, order every position closed, and then nothing more."""
        first = max(row - 1, 0)
        marks = self._market.timeline.marks(first, row + 1)
        self._tables = self._market.tables(first, row + 1, marks)
        self._go_on(row, row + 1, last=row)

    def end(self, row: int) -> None:
        """Cancel every open order: the row was the last."""
        orders, book, before = self._book.orders, self._book, self._written()
        ended = np.flatnonzero(orders["number"])
        ended = ended[np.argsort(orders["number"][ended])]
        # Behind all others, so that all lie in one piece of memory.
        place = slice(before[0], before[0] + len(ended))
        if len(book.events) < place.stop:
            self._book = book = book.with_room(len(ended), 0)
            before, place = self._written(), slice(0, len(ended))
        kind, own = OrderEventKind.DATA_ENDED, orders[ended]
        book.events[place] = event_records(kind, row, own["number"], ended, own["remaining"])
        book.state["events"] = place.stop
        self._write(before)

    def take_messages(self) -> list[tuple[int, str]]:
        """Return when a stop sold everything, and when it ended, since the last call."""
        messages, self._messages = self._messages, []
        return messages

    def portfolio(self, curve: Curve) -> Portfolio | None:
        """Return how target weights were held, given the finished curve; None without them."""
        if self._plan is None:
            return None
        decisions = np.concatenate([np.empty(0, DECISION), *self._decisions])
        return held_portfolio(self._plan, decisions, self._curves.worth, curve)

    @quiet
    def _go_on(self, start: int, stop: int, last: int = NO_ROW) -> None:
        assert self._tables is not None
        row = start
        if not len(self._book.events):
            self._make_room(row)
        while row < stop:
            before = self._written()
            run = Run(self._book, self._tables, self._wanted, self._limits, self._curves)
            row = self._carry_out(run, row, stop, last)
            self._write(before)
            if row < stop:
                self._make_room(row)
        self.account.cash = self._book.state["cash"].item()

    def _make_room(self, row: int) -> None:
        """Make room for what will probably be written until the end, and for any one row."""
        rows, symbols = len(self._market.time) - row, len(self._book.units)
        if self._plan is None:
            fills = len(self._wanted.row) - int(np.searchsorted(self._wanted.row, row))
            decisions = 0
        else:
            periods = len(np.unique(self._plan.period[row:]))
            fills, decisions = (periods + 1) * len(self._plan.symbol), rows
        self._book = self._book.with_room(
            2 * fills + (STEPS + 1) * symbols + _ROOM,
            fills + symbols + _ROOM,
            payments=rows if self._market.costs.has_financing else 0,
            decisions=decisions,
        )

    def _written(self) -> tuple[int, int, int, int]:
        """Return how many events, fills, payments and decisions have been written."""
        state = self._book.state[0]
        return (
            int(state["events"]),
            int(state["fills"]),
            int(state["paid"]),
            int(state["decisions"]),
        )

    def _write(self, before: tuple[int, int, int, int]) -> None:
        """Put into the journal what has been written since there was so much."""
        book, now = self._book, self._written()
        written = (book.events, book.fills, book.paid, book.decisions)
        new = [one[slice(*part)] for one, *part in zip(written, before, now, strict=True)]
        self._journal.extend(*new[:3])
        if self._plan is not None and len(new[3]):
            self._note(self._plan, new[3])

    def _note(self, plan: Plan, decisions: RecordArray) -> None:
        self._decisions.append(decisions)
        out = decisions["reason"] == RebalanceReason.GUARD
        before = np.concatenate(((self._out,), out[:-1]))
        self._out = bool(out[-1])
        for at in np.flatnonzero(out != before).tolist():
            row, fall = decisions["row"].item(at), decisions["drawdown"].item(at)
            sentence = stop_sentence(plan.construction, fall if out[at] else None)
            self._messages.append((row, sentence))


def wanted_of(signals: Signals) -> Wanted:
    """Return signals as the kernel reads them."""
    return wanted_targets(signals.row, signals.symbol, signals.target, signals.due)


def limits_of(plan: Plan) -> Limits:
    """Return a plan as the kernel reads it."""
    construction, limits = plan.construction, np.full((1, 3), np.nan).view(LIMITS)[0]
    if construction.max_turnover_pct is not None:
        limits["turnover"] = as_fraction(construction.max_turnover_pct)
    if construction.drift_threshold_pct is not None:
        limits["drift"] = reached(construction.drift_threshold_pct)
    if construction.max_drawdown_pct is not None:
        limits["fall"] = reached(construction.max_drawdown_pct)
    scheduled = np.searchsorted(plan.period, plan.period, side="right")
    scheduled[scheduled == len(plan.period)] = NEVER
    columns = (plan.symbol, plan.target, plan.first, plan.end, plan.arrivals, scheduled)
    return plan_of(limits, *columns)
