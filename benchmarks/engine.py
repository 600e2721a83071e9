"""How long the engine takes, beside what bare numpy needs for the least part of the same work.

    python benchmarks/engine.py [--quick]

Each case is a moving average crossover, 10 against 30 bars, with the whole result: curve, trades,
orders, metrics, manifest. The floor is numpy alone: means, sides, returns and one cumulative
product; no costs, no orders, no books, no metrics. Making the bars is not timed, nor is the
result's JSON. The digest of the bars is worked out once, when they are loaded, and stands apart.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Literal

import numpy as np
from attrs import evolve, frozen

from glowback_trio.engine import Simulation
from glowback_trio.model.bars import Bars, Dataset, Floats, Quality
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies import MaCrossover

FAST, SLOW = 10, 30


@frozen
class Case:
    """One row of the table.

    Attributes:
        symbols: How many.
        rows: Bars of each.
        resolution: Their length.
        target_ms: What the engine should stay below.
    """

    symbols: int
    rows: int
    resolution: Literal["minute", "day"]
    target_ms: float


CASES = (
    Case(1, 2_520, "day", 2.0),
    Case(500, 2_520, "day", 300.0),
    Case(1, 1_000_000, "minute", 400.0),
)


def make_dataset(case: Case) -> Dataset:
    """Random walks from a fixed seed."""
    rng = np.random.default_rng(42)
    spread = 0.02 if case.resolution == "day" else 0.0005
    step = np.timedelta64(1, "D") if case.resolution == "day" else np.timedelta64(1, "m")
    times = np.datetime64("2010-01-01", "ns") + np.arange(case.rows) * step
    bars = []
    for number in range(case.symbols):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, spread, case.rows)))
        opening = close * np.exp(rng.normal(0.0, spread / 4, case.rows))
        high, low = np.maximum(opening, close), np.minimum(opening, close)
        volume = np.full(case.rows, 1e6)
        bars.append(Bars(f"S{number:03}", times, opening, high, low, close, volume))
    quality = [Quality(one.symbol, len(one), len(one)) for one in bars]
    return Dataset(bars, "memory", "user_provided", quality)


def make_request(case: Case, dataset: Dataset) -> BacktestRequest:
    """The crossover over all of the data set."""
    return BacktestRequest(
        symbols=tuple(bars.symbol for bars in dataset.bars),
        start_date="2010-01-01",
        end_date="2030-01-01",
        resolution=case.resolution,
        strategy=MaCrossover(short_period=FAST, long_period=SLOW),
    )


def simulate(request: BacktestRequest, dataset: Dataset) -> float:
    """The engine's whole work."""
    simulation = Simulation(request, dataset)
    simulation.run()
    return simulation.result().final_cash


def floor(opening: Floats, close: Floats) -> float:
    """The least: where the fast mean is above, hold from open to open; (T, N) in, growth out."""
    total = np.cumsum(close, axis=0)
    fast = (total[SLOW:] - total[SLOW - FAST : -FAST]) / FAST
    slow = (total[SLOW:] - total[:-SLOW]) / SLOW
    side = np.where(fast > slow, 1.0, -1.0)
    returns = opening[SLOW + 1 :] / opening[SLOW:-1] - 1.0
    growth = np.cumprod(1.0 + side[:-1] * returns, axis=0)
    return float(growth[-1].mean())


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Median wall time of some runs after one to warm up, in milliseconds."""
    work()
    return statistics.median(elapsed_ms(work) for _ in range(repeats))


def elapsed_ms(work: Callable[[], object]) -> float:
    """Wall time of one run, in milliseconds."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def measure(case: Case, *, quick: bool) -> str:
    """One line of the table."""
    if quick:
        case = evolve(case, rows=max(case.rows // 20, SLOW * 4))
    dataset = make_dataset(case)
    request = make_request(case, dataset)
    opening = np.stack([bars.open for bars in dataset.bars], axis=1)
    close = np.stack([bars.close for bars in dataset.bars], axis=1)
    digest = elapsed_ms(dataset.digest)
    repeats = 5 if case.symbols * case.rows > 100_000 else 101
    engine = median_ms(lambda: simulate(request, dataset), repeats)
    bare = median_ms(lambda: floor(opening, close), repeats)
    name = f"{case.symbols} x {case.rows:,} {case.resolution}"
    target = "" if quick else f"{case.target_ms:10.1f}"
    return f"{name:24}{engine:12.2f}{bare:12.2f}{engine / bare:8.1f}{digest:12.2f}{target}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the engine.")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the bars")
    quick = parser.parse_args().quick
    heads = f"{'engine ms':>12}{'floor ms':>12}{'ratio':>8}{'digest ms':>12}"
    print(f"{'symbols x bars':24}{heads}" + ("" if quick else f"{'target ms':>10}"))
    for case in CASES:
        print(measure(case, quick=quick), flush=True)


if __name__ == "__main__":
    main()
