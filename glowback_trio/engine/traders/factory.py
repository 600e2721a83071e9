"""The trader for a request's strategy."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import cost_model
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.kernel.choice import chosen
from glowback_trio.engine.strategies.signals import work_out
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.traders.bar import BarTrader
from glowback_trio.engine.traders.plan import make_plan
from glowback_trio.engine.traders.rebalancing import RebalancingTrader
from glowback_trio.engine.traders.tabular import Market, TabularTrader, wanted_of
from glowback_trio.engine.traders.target import TargetTrader
from glowback_trio.engine.traders.trader import Trader
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Curve
from glowback_trio.model.strategies.api import BarStrategy
from glowback_trio.model.strategies.parameters import TargetWeights

__all__ = ["trader_factory"]


def trader_factory(
    request: BacktestRequest,
    timeline: Timeline,
    journal: EventJournal,
    curve: Curve,
    checkpoint: Callable[[], object],
) -> Callable[[], Trader]:
    """Return a function that makes a new trader for the request, as often as it is called.

    The signals of a vectorised strategy are computed here, once.

    Args:
        request: What to simulate.
        timeline: The traded bars.
        journal: Receives what happens to orders.
        curve: Receives the account at every close, from a trader that draws it itself.
        checkpoint: Called now and then while signals are computed; what it raises ends that.
    """
    strategy, costs = request.strategy, cost_model(request.execution)
    broker = partial(Broker, timeline, costs, journal, request.initial_capital)
    if isinstance(strategy, BarStrategy):
        return lambda: BarTrader(strategy, timeline, broker(), costs)
    kernel, market = chosen(), Market.of(timeline, costs)
    if isinstance(strategy, TargetWeights):
        assert request.portfolio_construction is not None  # a request is not made without it
        plan = make_plan(request.portfolio_construction, timeline, closes_ended=costs.closes_ended)
        if kernel is not None:
            return partial(TabularTrader, market, journal, curve, kernel.carry_out, plan=plan)
        return lambda: RebalancingTrader(plan, timeline, broker(), costs, journal)
    signals = work_out(strategy, costs, timeline, checkpoint)
    if kernel is not None:
        wanted = wanted_of(signals)
        return partial(TabularTrader, market, journal, curve, kernel.carry_out, wanted=wanted)
    return lambda: TargetTrader(signals, broker(), costs, journal)
