"""The evidence on the best of many trials, and what makes it qualify.

Doctrine: each figure is the one of the formula that is tested by itself; on noise a search does not
qualify, with a planted edge it does, and what others have tried counts.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from glowback_trio.engine.analytics.honesty.clusters import effective_trials
from glowback_trio.engine.analytics.honesty.evidence import Evidence, weigh
from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch, SketchBatch, sketches_of
from glowback_trio.engine.analytics.honesty.superior import SuperiorAbility
from glowback_trio.engine.analytics.overfit import (
    backtest_overfit,
    deflated_sharpe,
    expected_max_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from glowback_trio.model.bars import Floats
from glowback_trio.model.ledger.totals import TrialTotals


def made(seed: int, trials: int = 60, edge: float = 0.0, bars: int = 1024) -> Floats:
    """Make returns of trials of which the seventh has an edge."""
    returns = np.random.default_rng(seed).normal(0.0, 0.01, (bars, trials))
    returns[:, 7] += edge
    return returns


def weighed(returns: Floats, failed: int = 0) -> Evidence:
    sketches = dict(enumerate(sketches_of(returns), start=1))
    best = max(sketches, key=lambda number: sketches[number].sharpe or -math.inf)
    found = weigh(sketches, best, trials=len(sketches) + failed, failed=failed, seed=1)
    assert found is not None
    return found


def test_each_figure_is_the_one_of_its_formula() -> None:
    returns = made(1, edge=0.0015)
    batch = SketchBatch.of(sketches_of(returns))
    found, own = weighed(returns), returns[:, 7]
    ratio = own.mean() / own.std(ddof=1)
    beyond = (own - own.mean()) / own.std()
    moments = (ratio, 1024, float((beyond**3).mean()), float((beyond**4).mean()) - 3)
    assert found.sharpe == pytest.approx(ratio)
    assert found.count == 1024
    assert (found.skewness, found.kurtosis) == pytest.approx(moments[2:])
    assert found.effective == effective_trials(batch) == 60
    assert found.luck == pytest.approx(expected_max_sharpe(60, 1 / 1023))
    assert found.probabilistic == pytest.approx(probabilistic_sharpe(*moments))
    assert found.deflated == pytest.approx(deflated_sharpe(*moments, trials=60, variance=1 / 1023))
    ratios = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    assert found.strictly_deflated == pytest.approx(
        deflated_sharpe(*moments, trials=60, variance=float(ratios.var(ddof=1)))
    )
    assert found.track_record == pytest.approx(minimum_track_record(ratio, *moments[2:]))
    assert found.overfit == pytest.approx(backtest_overfit(returns).probability, abs=2e-3)


def test_a_planted_edge_qualifies_and_noise_does_not() -> None:
    assert weighed(made(1, edge=0.002)).shortcomings == ()
    reasons = weighed(made(1)).shortcomings
    assert len(reasons) >= 2
    assert reasons[0].startswith("The deflated Sharpe ratio is 0.")
    assert reasons[0].endswith(" among 60 trials that count, and should be above 0.95")


@pytest.mark.parametrize("kind", ["independent", "alike by three quarters", "groups"])
def test_noise_seldom_qualifies_whatever_its_correlations(kind: str) -> None:
    random, qualified = np.random.default_rng(5), 0
    for _ in range(25):
        noise = random.normal(0.0, 0.01, (512, 300))
        if kind == "alike by three quarters":
            noise = 0.5 * noise + math.sqrt(0.75) * random.normal(0.0, 0.01, (512, 1))
        if kind == "groups":
            noise = 0.1 * noise + noise[:, np.arange(300) % 5]
        qualified += not weighed(noise).shortcomings
    assert qualified <= 3


def test_trials_that_failed_or_never_moved_do_not_count() -> None:
    returns = made(1, edge=0.002)
    found = weighed(np.concatenate((returns, np.zeros((1024, 40))), axis=1), failed=9)
    assert (found.trials, found.effective) == (109, 60)
    assert found.deflated == weighed(returns).deflated


def test_trials_on_a_record_of_another_length_all_count() -> None:
    sketches = dict(enumerate(sketches_of(made(1, edge=0.002))))
    others = dict(enumerate(sketches_of(made(2, bars=800)), start=100))
    found = weigh(sketches | others, 7, trials=120, failed=0, seed=1)
    assert found is not None
    assert found.effective == 120
    assert found.overfit == weighed(made(1, edge=0.002)).overfit


def test_what_others_have_tried_counts() -> None:
    own = weighed(made(1, edge=0.0015))
    assert own.shortcomings == ()
    totals = TrialTotals(trials=100_060, rated=100_060, sharpe_square_sum=98.0, alike=60)
    honest = own.with_ledger(totals)
    assert (honest.trials, honest.effective) == (100_060, 100_000)
    assert honest.variance == pytest.approx(98 / 100_059)
    assert honest.deflated is not None
    assert own.deflated is not None
    assert honest.deflated < own.deflated
    assert honest.shortcomings[0].startswith("The deflated Sharpe ratio is 0.")
    assert "among 100,000 trials that count" in honest.shortcomings[0]


def test_a_ledger_that_knows_less_takes_nothing_away() -> None:
    own = weighed(made(1, edge=0.0015))
    assert own.with_ledger(TrialTotals()) == own


def test_a_single_trial_has_no_choice_to_overfit_by() -> None:
    found = weighed(made(1, edge=0.002)[:, 7:8])
    assert found.overfit is None
    assert found.luck == 0.0
    assert found.deflated == found.probabilistic == found.strictly_deflated
    assert found.shortcomings == ()


def test_a_short_record_does_not_qualify() -> None:
    found = weighed(np.linspace(0.01, 0.02, 12)[:, np.newaxis])
    assert found.superior is None
    assert found.shortcomings == ("The record is too short for a test of superior ability",)


def test_moments_that_no_series_has_do_not_qualify() -> None:
    found = evolve(weighed(made(1, edge=0.002)), sharpe=1.0, skewness=3.0, kurtosis=0.0)
    assert found.deflated is None
    assert found.shortcomings == ("The returns have no deflated Sharpe ratio",)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"overfit": 0.5, "loss": 0.05}, "The probability of backtest overfitting is 0.500"),
        (
            {"superior": SuperiorAbility(1.0, 0.05, 0.05, 0.05, 0.05)},
            "The p-value of the test for superior ability is 0.050",
        ),
    ],
)
def test_each_bound_alone_disqualifies(changes: dict[str, Any], reason: str) -> None:
    sound = weighed(made(1, edge=0.002))
    (found,) = evolve(sound, **changes).shortcomings
    assert found.startswith(reason)


def test_where_nothing_that_is_picked_loses_it_does_not_matter_what_is_picked() -> None:
    found = evolve(weighed(made(1, edge=0.002)), overfit=0.7, loss=0.049)
    assert found.shortcomings == ()


def test_the_figures_are_plain_json_and_ratios_are_annualised() -> None:
    found = weighed(made(1, edge=0.002))
    figures = found.figures(252)
    assert json.loads(json.dumps(figures)) == figures
    assert figures["expected_best_sharpe_ratio"] == pytest.approx(found.luck * math.sqrt(252))
    assert figures["qualified"] is True
    assert figures["not_qualified_because"] == []
    short = weighed(np.linspace(0.01, 0.02, 12)[:, np.newaxis]).figures(252)
    assert short["superior_ability_p_value"] is None
    assert short["qualified"] is False


def test_a_best_trial_that_never_moved_has_no_evidence() -> None:
    sketches = {1: ReturnsSketch.of(np.zeros(100))}
    assert weigh(sketches, 1, trials=1, failed=0, seed=0) is None
    assert weigh(sketches, 2, trials=2, failed=1, seed=0) is None


def test_the_same_seed_gives_the_same_evidence() -> None:
    assert weighed(made(3)) == weighed(made(3))
