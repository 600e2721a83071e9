"""What a simulation expects of every trader, whichever strategy it trades.

By rule a trader stops at the requested row, at ruin, or at a failure, and says which; it sells
everything at a row of ruin and orders nothing after; it has a portfolio only if it holds weights.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from attrs import frozen
from support.engine_bars import make_bars, make_request
from support.scripted_orders import acting, ordering

from glowback_trio.engine.accounting.curve import blank_curve
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.kernel.choice import INTERPRETED, Kernel, using
from glowback_trio.engine.timeline import Timeline, align
from glowback_trio.engine.traders.factory import trader_factory
from glowback_trio.engine.traders.trader import Trader
from glowback_trio.errors import StrategyError
from glowback_trio.model.orders import OrderEventKind
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import BuyAndHold, TargetWeights

CLOSES = [10.0, 11.0, 12.0, 11.0, 10.0, 9.0, 10.0, 11.0]


@frozen
class Trade:
    """A timeline, the journal of its orders, and a way to a new trader."""

    timeline: Timeline
    journal: EventJournal
    trader: Callable[[], Trader]

    def run(self, trader: Trader, start: int, stop: int) -> object:
        return trader.run(start, stop, self.timeline.marks(max(start - 1, 0), stop))


def trade(request: BacktestRequest, kernel: Kernel | None = None) -> Trade:
    timeline, journal = align([make_bars("A", CLOSES)]), EventJournal()
    curve = blank_curve(request.initial_capital, timeline.time, timeline.date)
    with using(kernel):
        trader = trader_factory(request, timeline, journal, curve, lambda: None)
    return Trade(timeline, journal, trader)


REQUESTS = {
    "bar by bar": make_request(strategy=acting({0: ordering(quantity=5.0)})),
    "targets": make_request(strategy=BuyAndHold()),
    "weights": make_request(
        strategy=TargetWeights(),
        portfolio_construction=PortfolioConstruction(target_weights={"A": 0.5}),
    ),
}


@pytest.mark.parametrize("kernel", [None, INTERPRETED], ids=["broker", "kernel"])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_trader_that_nothing_befalls_stops_where_it_was_told_to(
    request_: BacktestRequest, kernel: Kernel | None
) -> None:
    made = trade(request_, kernel)
    trader = made.trader()
    stopped = trader.run(0, 5, made.timeline.marks(0, 5))
    assert (stopped.row, stopped.ruined, stopped.failure) == (5, False, None)


@pytest.mark.parametrize("kernel", [None, INTERPRETED], ids=["broker", "kernel"])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_trader_that_liquidates_sells_everything_and_orders_nothing_after(
    request_: BacktestRequest, kernel: Kernel | None
) -> None:
    made = trade(request_, kernel)
    trader = made.trader()
    made.run(trader, 0, 3)
    held = trader.account.units.item(0)
    assert held > 0.0
    trader.run(3, 3, made.timeline.marks(2, 4))
    trader.liquidate(3)
    made.journal.take()
    made.run(trader, 4, 8)
    records = made.journal.take()
    assert records.events["what"].tolist() == [OrderEventKind.FILLED]
    assert records.events["quantity"].tolist() == [-held]
    assert trader.account.units.item(0) == 0.0


def test_a_failure_is_returned_with_the_row_after_it() -> None:
    made = trade(make_request(strategy=acting({2: lambda _: 1 / 0})))
    trader = made.trader()
    stopped = trader.run(0, 8, made.timeline.marks(0, 8))
    assert stopped.row == 3
    assert isinstance(stopped.failure, StrategyError)
    assert isinstance(stopped.failure.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("kernel", [None, INTERPRETED], ids=["broker", "kernel"])
@pytest.mark.parametrize(("name", "request_"), REQUESTS.items(), ids=REQUESTS)
def test_only_a_trader_of_weights_has_a_portfolio(
    name: str, request_: BacktestRequest, kernel: Kernel | None
) -> None:
    made = trade(request_, kernel)
    trader = made.trader()
    made.run(trader, 0, 8)
    curve = blank_curve(1000.0, made.timeline.time, made.timeline.date)
    curve.drawdown[:] = np.zeros(8)
    assert (trader.portfolio(curve) is not None) == (name == "weights")
