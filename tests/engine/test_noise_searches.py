"""Searches in noise, and searches where there is something to find.

Doctrine: the engine itself tries pairs of moving averages on prices that are made here; noise
qualifies as seldom as it must, a planted trend as often. `benchmarks/honesty.py` does it with ten
thousand pairs, two hundred times.
"""

from __future__ import annotations

import math

import numpy as np
from support.engine_bars import in_memory, make_bars, make_request

from glowback_trio.engine.analytics.honesty.evidence import Evidence, weigh
from glowback_trio.engine.trials.evaluation import evaluate
from glowback_trio.engine.trials.plan import FULL, Segment, TrialPlan
from glowback_trio.model.ledger.totals import TrialTotals
from glowback_trio.model.strategies.parameters import MaCrossover

PAIRS = [
    {"short_period": short, "long_period": long}
    for short in (2, 4, 8, 16)
    for long in (24, 40, 60, 90)
]


def prices(seed: int, trend: float = 0.0, bars: int = 1500) -> list[float]:
    """Make a random walk, with a hidden trend of so much a day that fades and turns."""
    random, state, price = np.random.default_rng(seed), 0.0, [100.0]
    for shock, noise in random.normal(0.0, 1.0, (bars - 1, 2)).tolist():
        state = 0.98 * state + 0.2 * shock
        price.append(price[-1] * (1 + trend * state + 0.01 * noise))
    return price


def search(close: list[float]) -> Evidence:
    """Try all pairs and weigh the evidence on the best."""
    costless = {"slippage_bps": 0, "commission_bps": 0}
    base = make_request(["A"], MaCrossover(), execution=costless)
    segment = Segment(FULL, base.start_date, base.end_date)
    plans = [
        TrialPlan(trial_number=number, parameters=pair, segments=(segment,))
        for number, pair in enumerate(PAIRS, start=1)
    ]
    outcomes = evaluate(base, in_memory([make_bars("A", close)]), plans)
    sketches = {one.trial_number: one.sketch for one in outcomes if one.sketch is not None}
    best = max(sketches, key=lambda number: sketches[number].sharpe or -math.inf)
    found = weigh(sketches, best, trials=len(plans), failed=0, seed=1)
    assert found is not None
    return found


def test_noise_seldom_qualifies() -> None:
    found = [search(prices(seed)) for seed in range(20)]
    lucky = [one for one in found if (one.probabilistic or 0.0) > 0.95]
    assert len(lucky) >= 2  # what would pass if nobody counted
    assert sum(not one.shortcomings for one in found) <= 1


def test_a_planted_trend_mostly_qualifies() -> None:
    found = [search(prices(seed, trend=0.003)) for seed in range(10)]
    assert sum(not one.shortcomings for one in found) >= 8


def test_after_a_million_trials_of_others_it_qualifies_no_more() -> None:
    found = search(prices(9, trend=0.003))
    assert not found.shortcomings
    (reason,) = found.with_ledger(TrialTotals(trials=1_000_016, rated=1_000_016)).shortcomings
    assert "deflated Sharpe ratio" in reason
