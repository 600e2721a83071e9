"""The backtests that the engine is timed on: bars, requests and how they are run."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from attrs import frozen

from glowback_trio.engine import Simulation
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest, Execution
from glowback_trio.model.strategies.parameters import MaCrossover

__all__ = [
    "CASES",
    "COST",
    "FAST",
    "INVESTED",
    "SLOW",
    "Case",
    "make_dataset",
    "make_request",
    "simulate",
]

FAST, SLOW = 10, 30
INVESTED, COST = 0.95, 0.0005  # share of equity; share of the traded value


@frozen
class Case:
    """One row of the table.

    Attributes:
        symbols: Number of symbols.
        rows: Bars per symbol.
        resolution: Length of a bar.
        target_ms: The engine's time should be below this.
        weights: True to rebalance to equal weights at every close instead of the crossover.
        target_mb: The memory of a run should be below this, in 10^6 bytes; None: not measured.
    """

    symbols: int
    rows: int
    resolution: Literal["minute", "day"]
    target_ms: float
    weights: bool = False
    target_mb: float | None = None


CASES = (
    Case(1, 2_520, "day", 1.0),
    Case(500, 2_520, "day", 100.0, target_mb=100.0),
    Case(500, 2_520, "day", 150.0, weights=True, target_mb=250.0),
    Case(1, 1_000_000, "minute", 100.0),
)


def make_dataset(case: Case) -> Dataset:
    """Make random walks from a fixed seed."""
    rng = np.random.default_rng(42)
    spread = 0.02 if case.resolution == "day" else 0.0005
    step = np.timedelta64(1, "D") if case.resolution == "day" else np.timedelta64(1, "m")
    times = np.datetime64("2010-01-01", "ns") + np.arange(case.rows) * step
    bars = []
    for number in range(case.symbols):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, spread, case.rows)))
        open_price = close * np.exp(rng.normal(0.0, spread / 4, case.rows))
        high, low = np.maximum(open_price, close), np.minimum(open_price, close)
        volume = np.full(case.rows, 1e6)
        bars.append(Bars(f"S{number:03}", times, open_price, high, low, close, volume))
    quality = [Quality(one.symbol, len(one), len(one)) for one in bars]
    return Dataset(bars, "memory", "user_provided", quality)


def make_request(case: Case, dataset: Dataset) -> BacktestRequest:
    """Ask for the crossover, or the weights, over the whole data set."""
    symbols = tuple(bars.symbol for bars in dataset.bars)
    ask = partial(
        BacktestRequest,
        symbols=symbols,
        start_date="2010-01-01",
        end_date="2030-01-01",
        resolution=case.resolution,
    )
    if not case.weights:
        return ask(strategy=MaCrossover(short_period=FAST, long_period=SLOW))
    weights = dict.fromkeys(symbols, INVESTED / len(symbols))
    return ask(
        portfolio_construction=PortfolioConstruction(
            target_weights=weights, rebalance_frequency="daily"
        ),
        execution=Execution(slippage_bps=COST * 1e4 / 2, commission_bps=COST * 1e4 / 2),
    )


def simulate(request: BacktestRequest, dataset: Dataset) -> float:
    """Run a backtest up to its result and return its final cash."""
    simulation = Simulation(request, dataset)
    simulation.run()
    return simulation.result().final_cash
