"""Traders: what decides, row by row, and what a simulation expects of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import cost_model
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.strategies.signals import work_out
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.traders.bar import BarTrader
from glowback_trio.engine.traders.construction import plan
from glowback_trio.engine.traders.rebalancing import RebalancingTrader
from glowback_trio.engine.traders.target import TargetTrader
from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Floats
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.api import BarStrategy
from glowback_trio.model.strategies.parameters import TargetWeights

__all__ = ["AnyTrader", "BlindTrader", "Trader", "opener"]


class Trader(Protocol):
    """Decides what to order, and has a broker carry it out.

    Attributes:
        broker: It.
        failure: What went wrong on the last row it carried out; it carries out no more.
    """

    broker: Broker
    failure: StrategyError | None

    def run(self, start: int, stop: int, marks: Floats) -> int:
        """Carry out everything that happens on the rows from `start` to before `stop`.

        Args:
            start: First row.
            stop: One past the last row.
            marks: Last closes, (rows, N), from the row before `start` on (from row 0 at the start).

        Returns:
            One past the last row that was carried out: `stop`, or the row after that of ruin or
            failure.
        """

    def take_told(self) -> list[tuple[int, str]]:
        """What it had to say since this was last asked: rows and sentences."""


class BlindTrader(Trader, Protocol):
    """A trader that does not see equity fall to zero, and is told of it afterwards."""

    def ruin(self, row: int) -> None:
        """Carry out what is due at this row, then order everything closed and want nothing more."""


AnyTrader = BarTrader | BlindTrader


def opener(
    request: BacktestRequest,
    timeline: Timeline,
    journal: EventJournal,
    checkpoint: Callable[[], object],
) -> Callable[[], AnyTrader]:
    """How to begin the request's trading, as often as one likes.

    What a vectorised strategy wants is worked out here, once.
    """
    strategy, agreed = request.strategy, cost_model(request.execution)
    broker = partial(Broker, timeline, agreed, journal, request.initial_capital)
    if isinstance(strategy, BarStrategy):
        return lambda: BarTrader(strategy, timeline, broker(), agreed)
    if isinstance(strategy, TargetWeights):
        assert request.portfolio_construction is not None  # a request is not made without it
        aims = plan(request.portfolio_construction, timeline)
        return lambda: RebalancingTrader(aims, timeline, broker(), agreed, journal)
    signals = work_out(strategy, agreed, timeline, checkpoint)
    return lambda: TargetTrader(signals, broker(), agreed, journal)
