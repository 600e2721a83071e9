"""The verdict on searches: how often noise qualifies, and how often a planted edge does.

A search tries 10,000 pairs of moving averages on 2,520 daily prices: long while the short average
is above the long one, otherwise out of the market, without costs. Its best pair by Sharpe ratio is
judged as an optimization judges it. Prices are a random walk, a walk with the clustered swings and
fat tails of a market, or a walk with a hidden trend that fades and turns. The first table is what
the statistics cost. All of it takes some twenty minutes on an idle machine, or less with fewer
searches: `python benchmarks/honesty.py 20`.
"""

from __future__ import annotations

import math
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from glowback_trio.engine.analytics.honesty.clusters import effective_trials
from glowback_trio.engine.analytics.honesty.evidence import Evidence, weigh
from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch, SketchBatch, sketches_of
from glowback_trio.engine.analytics.honesty.splits import sketched_overfit
from glowback_trio.engine.analytics.honesty.superior import superior_ability
from glowback_trio.engine.analytics.honesty.surface import surface_stability
from glowback_trio.engine.analytics.overfit import backtest_overfit
from glowback_trio.model.bars import Floats

BARS, SIDE = 2520, 100  # SIDE x SIDE pairs
SHORT = tuple(range(2, 2 + SIDE))
PAIRS = tuple((short, short + 5 * step) for short in SHORT for step in range(1, SIDE + 1))
SD = 0.01  # of a day's return
_AT_ONCE = 128  # pairs

Prices = Callable[[np.random.Generator], Floats]


def walk(random: np.random.Generator) -> Floats:
    """Return a random walk without drift."""
    return _prices(SD * random.standard_normal(BARS))


def market(random: np.random.Generator) -> Floats:
    """Return a walk whose returns are a GARCH(1, 1) of Student's t with 5 degrees of freedom."""
    shocks = random.standard_t(5, BARS) / math.sqrt(5 / 3)
    returns, variance = np.empty(BARS), 1.0
    for bar, shock in enumerate(shocks.tolist()):
        returns[bar] = SD * math.sqrt(variance) * shock
        variance = 0.02 + 0.08 * variance * shock * shock + 0.9 * variance
    return _prices(returns)


def trending(strength: float) -> Prices:
    """Return a maker of walks with a hidden trend.

    Args:
        strength: Standard deviation of the trend, a fraction per day; it forgets itself with a mean
            life of 30 days.
    """

    def prices(random: np.random.Generator) -> Floats:
        shocks, keep = random.standard_normal(BARS), math.exp(-1 / 30)
        trend, state = np.empty(BARS), 0.0
        for bar, shock in enumerate(shocks.tolist()):
            state = keep * state + math.sqrt(1 - keep * keep) * shock
            trend[bar] = state
        return _prices(strength * trend + SD * random.standard_normal(BARS))

    return prices


def _prices(returns: Floats) -> Floats:
    growth: Floats = 1.0 + np.maximum(returns, -0.5)
    return np.asarray(100.0 * np.cumprod(growth), np.float64)


def searched(close: Floats) -> Mapping[int, ReturnsSketch]:
    """Try all pairs and return their sketches."""
    sketches = [one for some in _returns(close) for one in sketches_of(some)]
    return dict(enumerate(sketches, start=1))


def _returns(close: Floats) -> Iterator[Floats]:
    """Yield the returns of some pairs at a time, (T, n)."""
    change = np.diff(close) / close[:-1]
    running = np.concatenate(([0.0], np.cumsum(close)))
    averages = {}
    for window in {window for pair in PAIRS for window in pair}:
        averages[window] = np.full(BARS, np.nan)
        averages[window][window - 1 :] = (running[window:] - running[:-window]) / window
    for first in range(0, len(PAIRS), _AT_ONCE):
        some = PAIRS[first : first + _AT_ONCE]
        short, long = (np.array([averages[pair[side]] for pair in some]) for side in (0, 1))
        # A decision at a close earns the next day's return.
        yield ((short > long)[:, :-1] * change).T


def judged(prices: Prices, seed: int) -> Evidence | None:
    """Search once and judge the best pair."""
    sketches = searched(prices(np.random.default_rng(seed)))
    best = max(sketches, key=lambda number: sketches[number].sharpe or -math.inf)
    return weigh(sketches, best, trials=len(sketches), failed=0, seed=seed)


def verdicts(name: str, prices: Prices, searches: int) -> None:
    """Print one line of the table: how often each figure and the verdict say yes."""
    found = [one for seed in range(searches) if (one := judged(prices, seed)) is not None]
    tests = [one.superior for one in found if one.superior is not None]

    def part(hits: int) -> str:
        return f"{hits / searches:.1%}"

    cells = (
        f"{np.mean([one.sharpe for one in found]) * math.sqrt(252):.2f}",
        f"{np.median([one.effective for one in found]):.0f}",
        part(sum((one.probabilistic or 0) > 0.95 for one in found)),
        part(sum((one.deflated or 0) > 0.95 for one in found)),
        part(sum((one.strictly_deflated or 0) > 0.95 for one in found)),
        part(sum((one.overfit or 0) < 0.5 for one in found)),
        part(sum(one.consistent < 0.05 for one in tests)),
        part(sum(one.reality_check < 0.05 for one in tests)),
        f"**{part(sum(not one.shortcomings for one in found))}**",
    )
    print(f"| {name} | {searches} | " + " | ".join(cells) + " |", flush=True)


def costs() -> None:
    """Print what the statistics cost on independent trials, the worst case."""
    random = np.random.default_rng(1)
    returns = random.normal(0.0, SD, (BARS, len(PAIRS)))
    begun = time.process_time()
    sketches = dict(enumerate(sketches_of(returns)))
    each = (time.process_time() - begun) / len(sketches)
    size = len(sketches[0].data)
    print(f"A sketch takes {each * 1e6:.0f} us and {size} bytes.\n")
    del returns
    batch = SketchBatch.of(sketches.values())
    parameters = [{"short": short, "long": long} for short, long in PAIRS]
    work: Mapping[str, Callable[[], object]] = {
        "overfitting, 12,870 splits": lambda: sketched_overfit(batch),
        "clusters": lambda: effective_trials(batch),
        "superior ability, 1,000 replicates": lambda: superior_ability(batch, random),
        "surface": lambda: surface_stability(parameters, batch.sharpe.tolist()),
        "all evidence": lambda: weigh(sketches, 1, trials=len(sketches), failed=0, seed=1),
    }
    print(
        f"| of {len(PAIRS):,} independent trials | processor time | memory |\n| --- | --- | --- |"
    )
    for name, call in work.items():
        begun = time.process_time()
        call()
        took = time.process_time() - begun
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"| {name} | {took:.2f} s | {peak / 1e6:.0f} MB |", flush=True)


def accuracy(searches: int) -> None:
    """Print how far the figures of sketches are from those of all returns."""
    overfit, share = [], []
    for seed in range(searches):
        close = (walk if seed % 2 else trending(0.003))(np.random.default_rng(seed))
        returns = np.concatenate(list(_returns(close)), axis=1)[:, ::25]
        sketched = sketched_overfit(SketchBatch.of(sketches_of(returns)))
        assert sketched is not None
        overfit.append(abs(sketched.probability - backtest_overfit(returns).probability))
        some = returns[:, :: 400 // 25]
        sums = SketchBatch.of(sketches_of(some)).total.astype(float)
        apart = np.abs(np.corrcoef(sums) - np.corrcoef(some.T))
        share.append(float(np.quantile(apart, 0.95)))
    print(f"\nOf {searches} searches among 400 pairs, sketches differ from all returns by at most")
    print(f"{max(overfit):.4f} in the probability of overfitting, and by at most")
    print(f"{max(share):.3f} in 95 of 100 correlations.\n")


def main(searches: int = 200) -> None:
    """Print the tables, as Markdown."""
    costs()
    accuracy(max(searches // 20, 2))
    print(
        "| prices | searches | Sharpe ratio of the best, mean | effective trials, median "
        "| probabilistic > 0.95 | deflated > 0.95 | deflated by all trials > 0.95 "
        "| overfitting < 0.5 | superior ability < 0.05 | reality check < 0.05 | qualified |"
    )
    print("| --- |" + " --- |" * 10)
    verdicts("random walk", walk, searches)
    verdicts("clustered swings, fat tails", market, searches)
    verdicts("hidden trend of 0.003 a day", trending(0.003), searches)
    verdicts("hidden trend of 0.002 a day", trending(0.002), max(searches // 4, 1))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
