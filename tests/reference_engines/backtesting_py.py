"""The engine against backtesting.py: the same trades and the same money on real prices.

backtesting.py is run here and nowhere else: its license is not that of this package, so no part of
the package depends on it. Not collected with the other tests: `nox -s backtesting_py`.

Its rules are available here as options: whole shares, a target of all equity that is sized at the
fill price (`size_at="fill"`), market orders at the next open, a commission rate. It also does what
no option expresses; the tests avoid that as follows:

* It skips the warm-up of the indicators and one bar more. So the side is given to it as one series
  without a gap, and no position is wanted on the first bar.
* It turns a position by two orders, one to close and one to open; here one order does both. So the
  tests compare the units traded on each bar, and what they cost.
* Its full size is 1 - 2^-52 of equity: one share less where money is a whole multiple of the price.
* It closes open trades at the open of the last bar, if at all. So trades are left open on both
  sides, and final equity is at the last close.
* It sizes an entry with a stop-loss and a take-profit at all of equity; bracket orders here have a
  number of units. So both are given units, worked out from equity at the close.
* It delays an entry at a limit or a stop to the next bar if the exits lie within the entry's bar,
  with a warning. So entries are market orders.
* It takes the stop-loss where a bar opens beyond the take-profit and reaches the stop-loss later. A
  bar's open is known to come first, so here it is the take-profit. One test shows such a bar; the
  distances of the others meet none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from attrs import frozen
from backtesting import Backtest
from backtesting import Strategy as TheirStrategy
from support.engine_bars import audit, make_request

from glowback_trio.data import Catalogue, demo_path
from glowback_trio.engine import backtest
from glowback_trio.model.bars import Bars
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar
from glowback_trio.model.strategies.parameters import MaCrossover, Strategy

pytestmark = pytest.mark.filterwarnings("default")  # what it warns of is not ours to fail on

CAPITAL = 1_000_000.0
CENT = 0.005

Turnover = dict[int, tuple[float, float]]
Wanted = Sequence[float]


@cache
def prices(symbol: str) -> Bars:
    request = make_request((symbol,), start_date="2015-01-01", end_date="2020-12-31")
    (bars,) = Catalogue(demo_path()).load(request).bars
    return bars


def ours(bars: Bars, strategy: Strategy, commission_bps: float, **execution: Any) -> Result:
    request = make_request(
        (bars.symbol,),
        strategy,
        execution={"whole_shares": True, "commission_bps": commission_bps, **execution},
        initial_capital=CAPITAL,
        start_date="2015-01-01",
    )
    result = backtest(request, [bars])
    audit(result, [bars])
    return result


def theirs(bars: Bars, strategy: type[TheirStrategy], commission_bps: float) -> Any:
    names = ("open", "high", "low", "close", "volume")
    columns = {name.capitalize(): getattr(bars, name) for name in names}
    table = pd.DataFrame(columns, index=pd.DatetimeIndex(bars.time))
    there = Backtest(table, strategy, cash=CAPITAL, commission=commission_bps / 1e4)
    return there.run()


def our_turnover(result: Result) -> Turnover:
    """Return for each bar the units bought less those sold, and their cost."""
    trades = result.trades
    rows = np.searchsorted(result.curve.time, trades.time).tolist()
    return gathered(zip(rows, trades.quantity.tolist(), trades.price.tolist(), strict=True))


def their_turnover(stats: Any) -> Turnover:
    def fills() -> Iterator[tuple[int, float, float]]:
        for one in (*stats._strategy.closed_trades, *stats._strategy.trades):
            yield one.entry_bar, one.size, one.entry_price
            if one.exit_bar is not None:
                yield one.exit_bar, -one.size, one.exit_price

    return gathered(fills())


def gathered(fills: Iterable[tuple[int, float, float]]) -> Turnover:
    units: dict[int, float] = defaultdict(float)
    money: dict[int, float] = defaultdict(float)
    for bar, quantity, price in fills:
        units[bar] += quantity
        money[bar] += quantity * price
    return {bar: (units[bar], round(money[bar], 6)) for bar in sorted(units)}


def agree(result: Result, stats: Any, *, least: int) -> None:
    mine, other = our_turnover(result), their_turnover(stats)
    assert len(mine) >= least
    assert mine == other
    equity = stats._equity_curve.Equity.to_numpy()
    assert result.curve.value[-1] == pytest.approx(equity[-1], abs=CENT, rel=0)
    first = min(mine)
    assert np.abs(result.curve.value[first:] - equity[first:]).max() < CENT


def sides(bars: Bars, short: int, long: int) -> list[float]:
    """Return 1.0 where the short mean is above the long one, -1.0 below, the last side if equal."""
    close, found = bars.close.tolist(), [0.0] * len(bars)
    for bar in range(long - 1, len(close)):
        fast = sum(close[bar + 1 - short : bar + 1]) / short
        slow = sum(close[bar + 1 - long : bar + 1]) / long
        equal = abs(fast - slow) <= 1e-12 * slow
        found[bar] = found[bar - 1] if equal else 1.0 if fast > slow else -1.0
    return found


def crossing(wanted: Wanted, *, long_only: bool) -> type[TheirStrategy]:
    class Crossing(TheirStrategy):  # type: ignore[misc]  # it has no types
        def init(self) -> None:
            self.wanted = self.I(lambda: np.array(wanted))

        def next(self) -> None:
            side = self.wanted[-1]
            if side > 0 and not self.position.is_long:
                self.position.close()
                self.buy()
            elif side < 0 and not self.position.is_short:
                self.position.close()
                if not long_only:
                    self.sell()

    return Crossing


@pytest.mark.parametrize("commission_bps", [0.0, 10.0])
@pytest.mark.parametrize("direction", ["long_short", "long_only"])
@pytest.mark.parametrize(("short", "long"), [(10, 20), (3, 8), (50, 200)])
@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "SPY"])
def test_a_crossover_makes_the_same_trades_and_the_same_money(
    symbol: str, short: int, long: int, direction: Any, commission_bps: float
) -> None:
    bars = prices(symbol)
    strategy = MaCrossover(short, long, direction, position_size=1.0)
    result = ours(bars, strategy, commission_bps, size_at="fill")
    other = crossing(sides(bars, short, long), long_only=direction == "long_only")
    agree(result, theirs(bars, other, commission_bps), least=3)


@frozen
class Distances:
    """Distances of the exits of a position from the close before it, as fractions of that."""

    loss: float
    profit: float

    def order(self, close: float, equity: float, side: float) -> tuple[float, float, float]:
        """Return units, stop-loss and take-profit to order at a close where nothing is held."""
        loss, profit = close * (1.0 - side * self.loss), close * (1.0 + side * self.profit)
        return side * (0.9 * equity // close), loss, profit


def their_bracketing(wanted: Wanted, distances: Distances) -> type[TheirStrategy]:
    class Bracketing(TheirStrategy):  # type: ignore[misc]  # it has no types
        def init(self) -> None:
            self.wanted = self.I(lambda: np.array(wanted))

        def next(self) -> None:
            side = self.wanted[-1]
            if side and not self.position:
                close = float(self.data.Close[-1])
                units, loss, profit = distances.order(close, self.equity, side)
                (self.buy if units > 0 else self.sell)(size=abs(units), sl=loss, tp=profit)

    return Bracketing


def our_bracketing(wanted: Wanted, distances: Distances) -> BarStrategy:
    @frozen
    class Bracketing(BarStrategy):
        name: ClassVar[str] = "bracketing"
        title: ClassVar[str] = "Bracketing"

        def start(self) -> OnBar:
            def on_bar(context: Context) -> None:
                (symbol,) = context.symbols
                side = wanted[context.count(symbol) - 1]
                if side and not context.position(symbol):
                    close = context.close(symbol)
                    units, loss, profit = distances.order(close, context.equity, side)
                    context.order(symbol, units, stop_loss=loss, take_profit=profit)

            return on_bar

    return Bracketing()


def bracketed(symbol: str, distances: Distances, commission_bps: float) -> tuple[Result, Any]:
    bars = prices(symbol)
    wanted = sides(bars, 10, 20)
    result = ours(bars, our_bracketing(wanted, distances), commission_bps)
    return result, theirs(bars, their_bracketing(wanted, distances), commission_bps)


@pytest.mark.parametrize("commission_bps", [0.0, 10.0])
@pytest.mark.parametrize("distances", [Distances(0.02, 0.15), Distances(0.06, 0.04)])
@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "SPY"])
def test_brackets_end_at_the_same_prices_on_the_same_bars(
    symbol: str, distances: Distances, commission_bps: float
) -> None:
    agree(*bracketed(symbol, distances, commission_bps), least=40)


def test_of_two_exits_the_one_that_the_open_is_beyond_comes_first_here() -> None:
    result, stats = bracketed("AAPL", Distances(0.03, 0.05), 0.0)
    mine, other = our_turnover(result), their_turnover(stats)
    bar = min(bar for bar in mine | other if mine.get(bar) != other.get(bar))
    bars = prices("AAPL")
    assert str(bars.time[bar])[:10] == "2017-08-02"
    (trade,) = (one for one in stats._strategy.closed_trades if one.exit_bar == bar)
    assert bars.open[bar] > trade.tp
    assert bars.low[bar] <= trade.sl
    assert other[bar] == (-trade.size, round(-trade.size * trade.sl, 6))
    assert mine[bar] == (-trade.size, round(-trade.size * bars.open.item(bar), 6))
