"""Measure what a leak check costs beside one run of the strategy.

    python benchmarks/leak_check.py

Built-in strategies, one of arrays that fits a regression at every fifth bar, and one that is called
at every bar, on the shipped prices of three symbols and of one. Processor time, the best of five.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
from attrs import frozen

from glowback_trio import (
    BacktestRequest,
    BarStrategy,
    BuyAndHold,
    Context,
    MaCrossover,
    MeanReversion,
    Momentum,
    OnBar,
    Panel,
    Rsi,
    TargetStrategy,
    backtest,
    check_strategy,
    load_dataset,
)

ROUNDS = 5


@frozen
class Fitted(TargetStrategy):
    """Fit a line through the last fifty closes at every fifth bar."""

    name: ClassVar[str] = "fitted"
    title: ClassVar[str] = "Fitted"

    def targets(self, panel: Panel) -> np.ndarray:
        """Work out all targets."""
        close, days = panel.column("close"), np.arange(50)
        wanted = np.full(close.shape, np.nan)
        for row in range(50, len(close), 5):
            wanted[row] = np.where(np.polyfit(days, close[row - 50 : row], 1)[0] > 0, 0.9, 0.0)
        return wanted


@frozen
class Called(BarStrategy):
    """Compare each close with the mean of the last twenty."""

    name: ClassVar[str] = "called"
    title: ClassVar[str] = "Called"

    def start(self) -> OnBar:
        """Begin a run."""

        def on_bar(context: Context) -> None:
            for symbol in context.active:
                past = context.history(symbol, 20)
                context.target(symbol, 0.9 if past[-1] > past.mean() else 0.0)

        return on_bar


def processor_time(work: Callable[[], object]) -> float:
    """Return the least seconds of processor time that some work takes."""
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def main() -> None:
    """Print a line for each strategy and number of symbols."""
    strategies = (BuyAndHold(), MaCrossover(), Momentum(), MeanReversion(), Rsi())
    for strategy in (*strategies, Fitted(), Called()):
        for symbols in (["AAPL"], ["AAPL", "SPY", "IBM"]):
            request = BacktestRequest(
                symbols=symbols, start_date="2015-01-01", end_date="2020-12-31", strategy=strategy
            )
            bars = load_dataset(request, "demo")
            run = processor_time(partial(backtest, request, bars))
            check = processor_time(partial(check_strategy, request, bars))
            print(
                f"{strategy.name:16} {len(symbols)} symbols: run {run * 1e3:7.2f} ms, "
                f"check {check * 1e3:8.2f} ms, {check / run:5.1f} x"
            )


if __name__ == "__main__":
    main()
