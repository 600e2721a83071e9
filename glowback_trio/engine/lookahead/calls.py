"""Replays of a strategy that is called at every bar.

One call after the other is a replay of every bar at once: at each call the later bars can be others
than they will be. So two replays suffice: in one the bars after the next cut are missing, in the
other those after each row are changed until their row comes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

import numpy as np
from attrs import frozen

from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel, cost_model
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.lookahead.cuts import spread_cuts
from glowback_trio.engine.lookahead.found import Found
from glowback_trio.engine.lookahead.later_bars import RevealedBars, timeline_until
from glowback_trio.engine.lookahead.trace import Decision, NotingDesk, ReplayDesk, Trace
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.traders.bar import BarTrader
from glowback_trio.engine.traders.context import BrokerContext
from glowback_trio.interrupt import is_interrupt
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar
from glowback_trio.model.strategies.foreign import said
from glowback_trio.model.strategies.leak_report import WithoutLaterBars

__all__ = ["check_calls"]

_ROWS_AT_ONCE = 1024

#: By row, what is shown from that row on; None where that does not change.
_Shown = Iterator[Timeline | None]


def check_calls(
    strategy: BarStrategy,
    request: BacktestRequest,
    timeline: Timeline,
    cuts: int,
    checkpoint: Callable[[], object],
) -> Generator[None, None, Found]:
    """Check a strategy by replays; yield every thousand rows or so.

    Raises:
        StrategyError: It fails on the bars as they are.
        DataError: It decides too much to be checked.
    """
    costs, capital = cost_model(request.execution), request.initial_capital
    run = _Run(strategy, timeline, costs, Trace(), checkpoint)
    yield from run.noted(Broker(timeline, costs, EventJournal(), capital))
    trace = run.trace
    chosen = spread_cuts(trace.rows + 1, np.array(sorted(trace.answers), dtype=np.intp), cuts)
    found = yield from run.replayed(_in_stages(timeline, chosen), chosen[-1] + 1 if chosen else 0)
    if found is not None:
        cut = next(cut for cut in chosen if cut >= found.row)
        again = yield from run.replayed(_as_it_is(timeline), found.row + 1)
        return found.outcome(len(chosen), trace.count, cut, "missing", repeatable=again is None)
    found = yield from run.replayed(_revealed(timeline), trace.rows)
    if found is not None:
        again = yield from run.replayed(_as_it_is(timeline), found.row + 1)
        return found.outcome(
            len(chosen), trace.count, found.row, "changed", repeatable=again is None
        )
    return Found(len(chosen), trace.count)


def _as_it_is(timeline: Timeline) -> _Shown:
    """Show all bars, at once."""
    yield timeline
    yield from (None for _ in range(1, len(timeline)))


def _in_stages(timeline: Timeline, cuts: Sequence[int]) -> _Shown:
    """Show the bars up to the next cut."""
    row = 0
    for cut in cuts:
        yield timeline_until(timeline, cut)
        yield from (None for _ in range(row + 1, cut + 1))
        row = cut + 1


def _revealed(timeline: Timeline) -> _Shown:
    """Show the bars up to each row, and changed ones after it."""
    bars = RevealedBars(timeline)
    for row in range(len(timeline)):
        bars.reveal(row)
        yield bars.timeline if row == 0 else None


@frozen
class _Difference:
    """The first decision of a replay that is another one."""

    row: int
    symbol: int
    decided: str
    instead: str

    def outcome(
        self, cuts: int, decisions: int, cut: int, later: WithoutLaterBars, *, repeatable: bool
    ) -> Found:
        """Return what was found."""
        return Found(
            cuts,
            decisions,
            later,
            cut,
            self.row,
            self.symbol,
            self.decided,
            self.instead,
            repeatable,
        )


@frozen(eq=False)
class _Run:
    """A strategy that is called at the same bars again and again."""

    strategy: BarStrategy
    timeline: Timeline
    costs: CostModel
    trace: Trace
    checkpoint: Callable[[], object]

    def noted(self, broker: Broker) -> Generator[None, None, None]:
        """Call the strategy on the bars as they are, and note what it decides."""
        timeline, row = self.timeline, 0
        watched = _Watched(self.strategy, broker, self.trace)
        trader = BarTrader(watched, timeline, broker, self.costs)
        trader.context = BrokerContext(timeline, NotingDesk(broker, self.trace), self.costs)
        while row < len(timeline):
            self.checkpoint()
            yield
            stop = min(row + _ROWS_AT_ONCE, len(timeline))
            stopped = trader.run(row, stop, timeline.marks(max(row - 1, 0), stop))
            self.trace.check_length()
            if stopped.failure is not None:
                raise stopped.failure
            if stopped.ruined:
                return
            row = stopped.row

    def replayed(self, shown: _Shown, rows: int) -> Generator[None, None, _Difference | None]:
        """Call the strategy again; return the first decision that is another one."""
        desk = ReplayDesk(self.trace, self.timeline)
        context = BrokerContext(self.timeline, desk, self.costs)
        on_bar = self.strategy.start() if rows else None
        for row, now in zip(range(rows), shown, strict=False):
            assert on_bar is not None
            if row % _ROWS_AT_ONCE == 0:
                self.checkpoint()
                yield
            if now is not None:
                context.show(now)
                desk.marks = now
            context.row = row
            desk.begin(row)
            if (found := _called(on_bar, context, desk, row)) is not None:
                return found
        return None


def _called(
    on_bar: OnBar, context: BrokerContext, desk: ReplayDesk, row: int
) -> _Difference | None:
    try:
        on_bar(context)
    except BaseException as error:
        if is_interrupt(error):
            raise
        if desk.differs is None:
            expected = desk.expected
            return _Difference(row, _symbol(expected), _said(expected), f"it fails ({said(error)})")
    desk.end()
    if desk.differs is None:
        return None
    decided, instead = desk.differs
    return _Difference(row, _symbol(decided or instead), _said(decided), _said(instead))


def _symbol(decision: Decision | None) -> int:
    return -1 if decision is None else decision.symbol


def _said(decision: Decision | None) -> str:
    return "nothing" if decision is None else str(decision)


class _Watched:
    """A strategy that has noted what is held before each of its calls."""

    def __init__(self, strategy: BarStrategy, broker: Broker, trace: Trace) -> None:
        self.name = strategy.name
        self._strategy = strategy
        self._broker = broker
        self._trace = trace

    def start(self) -> OnBar:
        """Begin a run."""
        on_bar, broker, trace = self._strategy.start(), self._broker, self._trace

        def noted(context: Context) -> None:
            row: int = context.row  # type: ignore[attr-defined] # of the context that the trader has
            trace.hold(row, broker.account, broker.open_orders())
            on_bar(context)

        return noted
