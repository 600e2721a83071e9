"""Sketches of returns: what is kept of a trial, and how exact it is.

Doctrine: every number of a sketch is compared with the record itself; the moments are exact, sums
of blocks within half a unit.
"""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glowback_trio.engine.analytics.honesty.sketch import (
    ReturnsSketch,
    SketchBatch,
    block_starts,
    sketches_of,
)
from glowback_trio.engine.analytics.returns import kurtosis, moments, skewness


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 700), st.integers(1, 5))
def test_a_sketch_has_the_moments_and_the_sums_of_blocks(seed: int, bars: int, trials: int) -> None:
    returns = np.random.default_rng(seed).standard_t(4, (bars, trials)) * 0.01 + 0.0003
    batch, spread = SketchBatch.of(sketches_of(returns)), moments(returns)
    assert batch.count == bars
    assert batch.mean == pytest.approx(spread.mean)
    assert batch.variance == pytest.approx(spread.second)
    assert batch.skewness == pytest.approx(np.asarray(skewness(spread)), nan_ok=True)
    assert batch.kurtosis == pytest.approx(np.asarray(kurtosis(spread)), nan_ok=True)
    beyond = returns - spread.mean
    for sums, unit, values in (
        (batch.total, batch.unit, beyond),
        (batch.square, batch.square_unit, beyond**2),
    ):
        exact = np.add.reduceat(values, block_starts(bars, sums.shape[1])).T
        assert (
            np.abs(sums * unit[:, np.newaxis] - exact) <= 0.500001 * unit[:, np.newaxis] + 1e-16
        ).all()


def test_the_sharpe_ratio_is_the_records() -> None:
    returns = np.random.default_rng(3).normal(0.0005, 0.01, 500)
    assert ReturnsSketch.of(returns).sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))


@pytest.mark.parametrize(
    ("bars", "blocks"), [(1, 1), (3, 1), (4, 2), (31, 8), (32, 16), (511, 128), (512, 256)]
)
def test_a_block_has_two_returns_at_least(bars: int, blocks: int) -> None:
    batch = SketchBatch.of([ReturnsSketch.of(np.arange(bars) / 100)])
    assert batch.total.shape == (1, blocks)
    assert batch.square.shape == (1, min(blocks, 16))


@pytest.mark.parametrize("returns", [np.zeros(100), np.full(100, 0.1), np.zeros(1), np.zeros(0)])
def test_a_record_that_never_moves_has_no_ratio(returns: np.ndarray) -> None:
    sketch = ReturnsSketch.of(returns)
    assert sketch.sharpe is None
    assert not SketchBatch.of([sketch]).total.any()


def test_a_record_that_is_not_finite_is_one_that_never_moves() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, (60, 3))
    returns[7, 1] = math.inf
    returns[9, 2] = math.nan
    sound, *rest = sketches_of(returns)
    assert sound.sharpe is not None
    assert rest == [ReturnsSketch.of(np.zeros(60))] * 2


def test_a_sketch_survives_as_bytes_and_says_how_large_it_is() -> None:
    sketch = ReturnsSketch.of(np.random.default_rng(1).normal(0.001, 0.01, 2520))
    assert len(sketch.data) == 600
    assert ReturnsSketch(bytes(sketch.data)) == pickle.loads(pickle.dumps(sketch)) == sketch
    assert repr(sketch).startswith("<ReturnsSketch 2,520 returns, sharpe=0.")
    assert repr(SketchBatch.of([sketch])) == "<SketchBatch 1 trial, 2,520 returns>"


@pytest.mark.parametrize("cut", [0, 5, 8, 300, 599])
def test_bytes_that_are_no_sketch_are_refused(cut: int) -> None:
    whole = ReturnsSketch.of(np.random.default_rng(1).normal(0.001, 0.01, 2520)).data
    with pytest.raises(ValueError, match=f"{cut} bytes that are no sketch of version 1"):
        ReturnsSketch(whole[:cut])
    with pytest.raises(ValueError, match="600 bytes that are no sketch"):
        ReturnsSketch(b"\x09" + whole[1:])


def test_trials_on_other_bars_are_not_put_together() -> None:
    sketches = [ReturnsSketch.of(np.zeros(bars)) for bars in (600, 700, 600)]
    with pytest.raises(ValueError, match=r"not on records of \[600, 700\]"):
        SketchBatch.of(sketches)
    with pytest.raises(ValueError, match=r"not on records of \[\]"):
        SketchBatch.of([])


@pytest.mark.parametrize("trials", [1, 2, 120])
def test_many_records_are_sketched_as_each_of_them(trials: int) -> None:
    """To the last bit, however they lie in memory: chunks of trials may have any size."""
    returns = np.random.default_rng(5).normal(0.0, 0.01, (2520, trials))
    alone = [ReturnsSketch.of(one) for one in returns.T]
    assert list(sketches_of(returns)) == list(sketches_of(np.asfortranarray(returns))) == alone
