"""Custom strategies: called at every bar, or returning all targets at once from arrays.

Run this file as it is, or serve its strategies so that requests can name them:

    glowback-trio serve --data demo --strategies custom_strategy:STRATEGIES
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import trio
from annotated_types import Ge, Gt, Le
from attrs import frozen

from glowback_trio import (
    BacktestRequest,
    BarStrategy,
    Context,
    MaCrossover,
    OnBar,
    Panel,
    TargetStrategy,
    demo_path,
    open_gateway,
)

Size = Annotated[float, Gt(0), Le(1)]
Bars = Annotated[int, Ge(1), Le(1_000)]


@frozen
class Crossing(BarStrategy):
    """Be long while the fast mean of closes is above the slow mean, and short while it is below.

    Attributes:
        fast: Bars in the fast mean.
        slow: Bars in the slow mean.
        size: Fraction of the symbol's share of equity.
    """

    name: ClassVar[str] = "crossing"
    title: ClassVar[str] = "Crossing Means"

    fast: Bars = 10
    slow: Bars = 30
    size: Size = 0.95

    def start(self) -> OnBar:
        """Start a run and return the function that is called at every bar."""
        # State belongs in here, not on the strategy, which several runs may share.
        sides: dict[str, bool] = {}

        def on_bar(context: Context) -> None:
            for symbol in context.active:
                closes = context.history(symbol, self.slow)
                if len(closes) < self.slow:
                    continue
                rising = bool(closes[-self.fast :].mean() > closes.mean())
                if sides.get(symbol) != rising:
                    sides[symbol] = rising
                    context.target(symbol, self.size if rising else -self.size)

        return on_bar


@frozen
class Breakout(BarStrategy):
    """Buy when the price rises above its highest high; exit at a stop loss or a take profit.

    Attributes:
        lookback: Bars whose highest high must be exceeded.
        risk: Distance of the stop loss below the entry, as a fraction of the price.
        units: Quantity of each order.
    """

    name: ClassVar[str] = "breakout"
    title: ClassVar[str] = "Breakout"

    lookback: Bars = 50
    risk: Size = 0.05
    units: Annotated[float, Gt(0)] = 100.0

    def start(self) -> OnBar:
        """Start a run. No state is needed, because the context lists the open orders."""

        def on_bar(context: Context) -> None:
            for symbol in context.active:
                highs = context.history(symbol, self.lookback, "high")
                if len(highs) < self.lookback or context.position(symbol):
                    continue
                # Replace the order of the bar before, whose level is out of date.
                for number in context.open_orders(symbol):
                    context.cancel(number)
                level = float(highs.max())
                context.order(
                    symbol,
                    self.units,
                    stop=level,
                    stop_loss=level * (1.0 - self.risk),
                    take_profit=level * (1.0 + 2.0 * self.risk),
                )

        return on_bar


@frozen
class Dip(TargetStrategy):
    """Hold a symbol after its close has fallen for some bars in a row, until it rises.

    Attributes:
        falls: Number of falling bars in a row.
    """

    name: ClassVar[str] = "dip"
    title: ClassVar[str] = "Buy the Dip"

    falls: Bars = 3

    def targets(self, panel: Panel) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return targets, (T, N): 0 where the close has risen, 0.9 after enough falls, else NaN."""
        rise = np.diff(panel.column("close"), axis=0)
        fallen = np.lib.stride_tricks.sliding_window_view(rise < 0, self.falls, axis=0).all(axis=-1)
        # NaN means: no new target, keep the position.
        weights = np.full((len(panel.time), len(panel.symbols)), np.nan)
        weights[1:][rise > 0] = 0.0
        weights[self.falls :][fallen] = 0.9
        return weights


STRATEGIES = [Crossing, Breakout, Dip]


async def main() -> None:
    """Compare a custom strategy with its built-in twin, and run the other two."""
    built_in = MaCrossover(short_period=10, long_period=30)
    async with open_gateway(data=demo_path(), strategies=STRATEGIES) as gateway:
        for strategy in (built_in, Crossing(), Breakout(), Dip()):
            run = gateway.submit(
                BacktestRequest(
                    symbols=["AAPL", "IBM", "SPY"],
                    start_date="2015-01-01",
                    end_date="2020-12-31",
                    strategy=strategy,
                )
            )
            await run.wait_finished()
            result = run.result()
            print(f"{strategy.title}: {len(result.trades)} fills, {result.curve.value[-1]:.2f}")


if __name__ == "__main__":
    trio.run(main)
