"""The effective number of trials, where it is known.

Doctrine: trials are made of factors, so that their correlations and so their clusters are known; a
plain loop over pairs of whole records agrees.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from glowback_trio.engine.analytics.honesty.clusters import effective_trials
from glowback_trio.engine.analytics.honesty.sketch import SketchBatch, sketches_of
from glowback_trio.model.bars import Floats


def count(returns: Floats, shared: float = 0.5) -> int:
    return effective_trials(SketchBatch.of(sketches_of(returns)), shared)


def plain(returns: Floats, shared: float) -> int:
    """Leaders, one trial after the other, from the correlations of the returns."""
    correlation = np.asarray(np.corrcoef(returns.T))
    ratio = returns.mean(axis=0) / returns.std(axis=0)
    leaders: list[int] = []
    for trial in np.argsort(-ratio, kind="stable").tolist():
        if all(correlation[trial, one] < math.sqrt(shared) for one in leaders):
            leaders.append(trial)
    return len(leaders)


@pytest.mark.parametrize("factors", [1, 7, 60])
@pytest.mark.parametrize("trials", [60, 700])
def test_trials_that_follow_some_factors_count_as_many_as_these(factors: int, trials: int) -> None:
    random = np.random.default_rng(factors)
    lead = random.normal(0.0, 0.01, (2520, factors))
    returns = lead[:, np.arange(trials) % factors] + random.normal(0.0, 0.002, (2520, trials))
    assert count(returns) == factors


@pytest.mark.parametrize("shared", [0.3, 0.5, 0.8])
def test_blocks_give_about_what_all_pairs_of_whole_records_give(shared: float) -> None:
    random = np.random.default_rng(5)
    mix = random.normal(0.0, 1.0, (4, 400))
    returns = random.normal(0.0, 0.01, (2560, 4)) @ mix + random.normal(0.0, 0.002, (2560, 400))
    assert count(returns, shared) == pytest.approx(plain(returns, shared), rel=0.25)


def test_independent_trials_all_count() -> None:
    assert count(np.random.default_rng(3).normal(0.0, 0.01, (2520, 900))) == 900


def test_opposites_count_as_two() -> None:
    one = np.random.default_rng(3).normal(0.0, 0.01, (300, 1))
    assert count(np.concatenate((one, -one, 2 * one), axis=1)) == 2


def test_trials_that_never_move_count_nothing() -> None:
    assert count(np.zeros((300, 5))) == 0
    assert count(np.concatenate((np.zeros((300, 2)), np.eye(300, 1) - 0.1), axis=1)) == 1


@pytest.mark.parametrize("shared", [0.0, 1.0])
def test_a_part_that_all_or_none_share_is_refused(shared: float) -> None:
    with pytest.raises(ValueError, match=r"within \(0, 1\), not"):
        count(np.zeros((300, 5)), shared)
