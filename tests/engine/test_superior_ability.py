"""Tests for superior ability, against a plain bootstrap of whole records and known probabilities.

Doctrine: an independent program resamples returns bar by bar, written from the papers' formulas; on
noise the p-values are as small as they say.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from glowback_trio.engine.analytics.honesty.sketch import SketchBatch, sketches_of
from glowback_trio.engine.analytics.honesty.superior import SuperiorAbility, superior_ability
from glowback_trio.model.bars import Floats


def sketched(returns: Floats) -> SketchBatch:
    return SketchBatch.of(sketches_of(returns))


def plain(returns: Floats, length: float, replicates: int, seed: int) -> SuperiorAbility:
    """Hansen (2005), equations 1 to 10, and White (2000), one replicate after the other."""
    random, bars = np.random.default_rng(seed), len(returns)
    mean = returns.mean(axis=0)
    drawn = []
    for _ in range(replicates):
        index = np.empty(bars, int)
        for bar in range(bars):
            new = bar == 0 or random.random() < 1 / length
            index[bar] = random.integers(bars) if new else (index[bar - 1] + 1) % bars
        drawn.append(returns[index].mean(axis=0))
    beyond = np.sqrt(bars) * (np.array(drawn) - mean)
    omega = np.sqrt((beyond**2).mean(axis=0))
    statistic = max(0.0, float((np.sqrt(bars) * mean / omega).max()))
    clearly_worse = np.sqrt(bars) * mean / omega < -math.sqrt(2 * math.log(math.log(bars)))

    def p_value(recentred: Floats) -> float:
        again = beyond + np.sqrt(bars) * (mean - recentred)
        largest = np.maximum((again / omega).max(axis=1), 0.0)
        return float((largest > statistic).mean())

    return SuperiorAbility(
        statistic,
        consistent=p_value(np.where(clearly_worse, 0.0, mean)),
        lower=p_value(np.maximum(mean, 0.0)),
        upper=p_value(mean),
        reality_check=float((beyond.max(axis=1) > np.sqrt(bars) * mean.max()).mean()),
    )


@pytest.mark.parametrize("seed", range(3))
def test_sketches_give_what_a_bootstrap_of_all_returns_gives(seed: int) -> None:
    """Blocks of one or two bars, so that nothing but chance differs."""
    random = np.random.default_rng(seed)
    spread = random.uniform(0.005, 0.03, 12)
    returns = random.normal(random.normal(-0.1, 0.1, 12) * spread, spread, (511, 12))
    found = superior_ability(sketched(returns), random, replicates=4000, mean_length=8.0)
    assert found is not None
    expected = plain(returns, 8.0, 400, seed)
    assert found.statistic == pytest.approx(expected.statistic, rel=0.08)
    for name in ("lower", "consistent", "upper", "reality_check"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=0.08)


def test_the_best_of_independent_trials_has_the_probability_that_it_should() -> None:
    """The largest of 50 normal statistics: 1 - (1 - Q(t))^50."""
    returns = np.random.default_rng(4).normal(0.0, 0.01, (2560, 50))
    returns[:, 7] += 0.0005
    found = superior_ability(sketched(returns), np.random.default_rng(1), replicates=4000)
    assert found is not None
    chance = 1 - (1 - math.erfc(found.statistic / math.sqrt(2)) / 2) ** 50
    assert found.upper == pytest.approx(chance, abs=0.03)
    assert found.lower <= found.consistent <= found.upper


def test_a_single_trial_is_tested_like_a_mean() -> None:
    returns = np.random.default_rng(8).normal(0.0004, 0.01, (2560, 1))
    found = superior_ability(sketched(returns), np.random.default_rng(1), replicates=4000)
    assert found is not None
    ratio = returns.mean() / returns.std() * math.sqrt(2560)
    assert found.statistic == pytest.approx(ratio, rel=0.08)
    assert found.consistent == pytest.approx(math.erfc(ratio / math.sqrt(2)) / 2, abs=0.02)
    assert found.reality_check == pytest.approx(found.upper, abs=1e-3)


def test_on_noise_few_p_values_are_small() -> None:
    """200 searches among 20 trials: the p-value is below 0.1 about as often as that says."""
    random = np.random.default_rng(6)
    found = [
        superior_ability(
            sketched(random.normal(0.0, 0.01, (512, 20))), random, replicates=200, mean_length=2.0
        )
        for _ in range(200)
    ]
    small = [one for one in found if one is not None and one.upper < 0.1]
    assert 8 <= len(small) <= 34


def test_trials_that_are_clearly_worse_hide_no_good_one() -> None:
    """They count in the upper bound only; White's check is misled by those with large swings."""
    random = np.random.default_rng(2)
    returns = random.normal(0.0, 0.05, (2520, 60)) - 0.01
    returns[:, 0] = random.normal(0.0004, 0.005, 2520)
    found = superior_ability(sketched(returns), random)
    assert found is not None
    assert found.consistent < 0.02
    assert found.upper > 0.2
    assert found.reality_check > 0.9


def test_trials_that_never_move_are_left_out() -> None:
    returns = np.random.default_rng(2).normal(0.0003, 0.01, (600, 3))
    still = np.concatenate((np.zeros((600, 2)), returns), axis=1)
    one, other = (
        superior_ability(sketched(each), np.random.default_rng(1)) for each in (returns, still)
    )
    assert one == other
    assert superior_ability(sketched(np.zeros((600, 3))), np.random.default_rng(1)) is None


def test_records_too_short_to_resample_have_none() -> None:
    returns = np.random.default_rng(2).normal(0.0003, 0.01, (31, 3))
    assert superior_ability(sketched(returns[:15]), np.random.default_rng(1)) is None
    assert superior_ability(sketched(returns), np.random.default_rng(1)) is not None


def test_the_same_seed_gives_the_same_p_values_however_the_trials_are_cut() -> None:
    returns = np.random.default_rng(2).normal(0.0, 0.01, (600, 700))
    found = {superior_ability(sketched(returns), np.random.default_rng(5)) for _ in range(2)}
    assert len(found) == 1


@pytest.mark.parametrize(("replicates", "length"), [(0, None), (100, 0.5)])
def test_no_replicates_or_blocks_below_one_bar_are_refused(
    replicates: int, length: float | None
) -> None:
    batch = sketched(np.zeros((600, 2)))
    with pytest.raises(ValueError, match="should be at least 1, not"):
        superior_ability(batch, np.random.default_rng(1), replicates=replicates, mean_length=length)
