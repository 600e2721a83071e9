"""Statistics of overfitting, against the examples that their authors published.

Doctrine: published figures first; plain loops over all splits for the rest.
"""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from glowback_trio.engine.analytics.honesty.sketch import SketchBatch, sketches_of
from glowback_trio.engine.analytics.honesty.splits import sketched_overfit
from glowback_trio.engine.analytics.overfit import (
    backtest_overfit,
    deflated_sharpe,
    expected_max_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from glowback_trio.model.bars import Floats

# Bailey and Lopez de Prado, The Deflated Sharpe Ratio (2014), the numerical example: an annualised
# ratio of 2.5 over 1,250 days of 250 a year, and a variance of 1/2 among the annualised ratios.
DAILY_SHARPE, DAYS = 2.5 / math.sqrt(250), 1250
VARIANCE = 0.5 / 250


def test_the_published_example_of_luck_among_a_hundred_trials() -> None:
    assert expected_max_sharpe(100, VARIANCE) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "published"),
    [(100, -3.0, 7.0, 0.9004), (46, -3.0, 7.0, 0.9505), (88, 0.0, 0.0, 0.9505)],
)
def test_the_published_examples_of_the_deflated_sharpe_ratio(
    trials: int, skewness: float, kurtosis: float, published: float
) -> None:
    found = deflated_sharpe(
        DAILY_SHARPE, DAYS, skewness, kurtosis, trials=trials, variance=VARIANCE
    )
    assert found == pytest.approx(published, abs=5e-5)


@pytest.mark.parametrize(
    ("skewness", "kurtosis", "published"), [(-2.448, 7.164, 0.913), (0.0, 0.0, 0.982)]
)
def test_the_published_example_of_the_probabilistic_sharpe_ratio(
    skewness: float, kurtosis: float, published: float
) -> None:
    """Two years of a fund's months, as they were and as if they were normal (2012)."""
    found = probabilistic_sharpe(0.458, 24, skewness, kurtosis)
    assert found == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(("periods", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_published_track_records_needed_to_tell_a_ratio_of_two_from_one(
    periods: int, years: float
) -> None:
    root = math.sqrt(periods)
    found = minimum_track_record(2 / root, 0.0, 0.0, 1 / root)
    assert found is not None
    assert found / periods == pytest.approx(years, abs=5e-3)


@given(st.floats(0.01, 1.0), st.floats(-1.0, 1.0), st.floats(0.0, 8.0), st.floats(0.6, 0.99))
def test_a_record_of_the_minimum_length_just_reaches_the_level(
    sharpe: float, skewness: float, kurtosis: float, level: float
) -> None:
    length = minimum_track_record(sharpe, skewness, kurtosis, level=level)
    assert length is not None
    count = math.ceil(length)
    assume(count >= 3)
    enough = probabilistic_sharpe(sharpe, count, skewness, kurtosis)
    short = probabilistic_sharpe(sharpe, count - 1, skewness, kurtosis)
    assert short is not None
    assert enough is not None
    assert short - 1e-9 <= level <= enough + 1e-9


def test_undefined_probabilities_are_none() -> None:
    assert probabilistic_sharpe(0.1, 1, 0.0, 0.0) is None
    assert probabilistic_sharpe(1.0, 10, 3.0, 0.0) is None  # no series has such moments
    assert minimum_track_record(0.1, 0.0, 0.0, target=0.1) is None
    assert minimum_track_record(1.0, 3.0, 0.0) is None


def test_a_single_trial_deflates_nothing() -> None:
    alone = deflated_sharpe(0.1, 500, -0.5, 2.0, trials=1, variance=0.01)
    assert alone == probabilistic_sharpe(0.1, 500, -0.5, 2.0)


@pytest.mark.parametrize(("trials", "variance"), [(0, 0.1), (5, -0.1)])
def test_luck_among_no_trials_or_with_no_real_spread_is_refused(
    trials: int, variance: float
) -> None:
    with pytest.raises(ValueError, match=f"not \\({trials}, {variance}\\)"):
        expected_max_sharpe(trials, variance)


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_a_level_that_no_record_is_needed_for_or_reaches_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match=f"within .* not {level}"):
        minimum_track_record(0.1, 0.0, 0.0, level=level)


def plain_overfit(returns: Floats, blocks: int) -> tuple[float, float, list[float]]:
    """Split by split, trial by trial."""
    bars, trials = returns.shape
    cuts = [block * bars // blocks for block in range(blocks + 1)]
    parts = [returns[a:b] for a, b in pairwise(cuts)]

    def sharpe(chosen: tuple[int, ...], trial: int) -> float:
        series = np.concatenate([parts[block][:, trial] for block in chosen])
        spread = series.std(ddof=1)
        return float(series.mean() / spread) if spread > 1e-14 else 0.0

    logits, losses = [], 0
    for inside in combinations(range(blocks), blocks // 2):
        outside = tuple(block for block in range(blocks) if block not in inside)
        scores = [sharpe(inside, trial) for trial in range(trials)]
        later = [sharpe(outside, trial) for trial in range(trials)]
        chosen = later[scores.index(max(scores))]
        rank = sum(one < chosen for one in later) + (later.count(chosen) + 1) / 2
        logits.append(math.log(rank / (trials + 1 - rank)))
        losses += chosen < 0
    return sum(one <= 0 for one in logits) / len(logits), losses / len(logits), sorted(logits)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.sampled_from([2, 4, 6]), st.integers(0, 9))
def test_block_sums_give_what_a_loop_over_all_splits_gives(
    seed: int, trials: int, blocks: int, extra: int
) -> None:
    random = np.random.default_rng(seed)
    returns = random.normal(0.0005, 0.01, (2 * blocks + extra, trials))
    returns[:, random.integers(trials, size=2)] = 0.0  # one or two never trade
    found = backtest_overfit(returns, blocks)
    probability, loss, logits = plain_overfit(returns, blocks)
    assert found.probability == pytest.approx(probability)
    assert found.loss_probability == pytest.approx(loss)
    assert sorted(found.logits.tolist()) == pytest.approx(logits)


def test_all_splits_of_sixteen_blocks_agree_with_the_loop() -> None:
    returns = np.random.default_rng(7).normal(0.001, 0.01, (40, 7))
    found = backtest_overfit(returns)
    probability, loss, logits = plain_overfit(returns, 16)
    assert len(found.logits) == math.comb(16, 8) == 12_870
    assert found.probability == pytest.approx(probability)
    assert found.loss_probability == pytest.approx(loss)
    assert sorted(found.logits.tolist()) == pytest.approx(logits)


def test_a_trial_that_is_always_best_is_no_overfit() -> None:
    noise = np.random.default_rng(1).normal(0.0, 0.01, (160, 5))
    noise[:, 3] += 0.05
    found = backtest_overfit(noise)
    assert found.probability == found.loss_probability == 0.0
    assert set(found.logits.tolist()) == {math.log(5.0)}


def test_trials_that_only_shine_where_they_were_picked_are_all_overfit() -> None:
    up, down = [0.01, 0.03], [-0.01, -0.03]
    found = backtest_overfit(np.array([up + down, down + up]).T, blocks=2)
    assert found.probability == found.loss_probability == 1.0


@pytest.mark.parametrize("blocks", [0, 1, 3, -2])
def test_blocks_that_cannot_be_halved_are_refused(blocks: int) -> None:
    with pytest.raises(ValueError, match=f"even number from 2, not {blocks}"):
        backtest_overfit(np.zeros((100, 2)), blocks)


@pytest.mark.parametrize("shape", [(31, 2), (32, 1), (32,)])
def test_too_little_to_split_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 2 trials on 32 bars"):
        backtest_overfit(np.zeros(shape))


@pytest.mark.parametrize(("bars", "blocks"), [(2520, 16), (333, 16), (20, 8), (4, 2)])
def test_sketches_give_the_same_probability_as_the_returns(bars: int, blocks: int) -> None:
    returns = np.random.default_rng(bars).normal(0.0003, 0.01, (bars, 40))
    returns[:, 3:5] = 0.0
    found = sketched_overfit(SketchBatch.of(sketches_of(returns)))
    expected = backtest_overfit(returns, blocks)
    assert found is not None
    # A trial may pass another one that is as good within 16 bits.
    assert found.probability == pytest.approx(expected.probability, abs=2e-3)
    assert found.loss_probability == pytest.approx(expected.loss_probability, abs=2e-3)
    assert found.logits.mean() == pytest.approx(expected.logits.mean(), abs=2e-3)


def test_a_sketch_knows_in_which_half_a_trial_did_not_move() -> None:
    """There it scores exactly 0, which is neither a loss nor better than another such trial."""
    returns = np.random.default_rng(4).normal(0.002, 0.01, (512, 12))
    returns[256:, :6] = 0.0
    returns[:256, 6:] = 0.0
    expected = backtest_overfit(returns)
    found = sketched_overfit(SketchBatch.of(sketches_of(returns)))
    assert found is not None
    # The first split is the one in halves: six trials share the lowest ranks.
    for one in (found, expected):
        assert one.logits[0] == pytest.approx(math.log(3.5 / 9.5))
    assert found.loss_probability == pytest.approx(expected.loss_probability, abs=1e-3)
    assert found.probability == pytest.approx(expected.probability, abs=1e-3)


def test_nothing_to_choose_from_or_to_cut_has_no_probability() -> None:
    for shape in ((100, 1), (3, 5)):
        returns = np.random.default_rng(1).normal(0.0, 0.01, shape)
        assert sketched_overfit(SketchBatch.of(sketches_of(returns))) is None
