"""Indicators, against plain loops over windows.

Doctrine: random prices of any length and window; then the traps: constant windows, narrow ranges at
high prices, one absurd price, and series long enough for several blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import numpy as np
import pytest

from glowback_trio.engine.strategies.indicators import rolling_mean, rsi, zscore
from glowback_trio.model.bars import Floats

ROWS = 137


def prices(rows: int = ROWS, symbols: int = 3) -> Floats:
    steps = np.random.default_rng(5).normal(0.0, 0.02, (rows, symbols))
    return np.asarray(100.0 * np.exp(np.cumsum(steps, axis=0)), dtype=np.float64)


def looped(values: Floats, window: int, statistic: Callable[[list[float]], float]) -> Floats:
    result = np.full_like(values, np.nan)
    for row in range(window - 1, len(values)):
        for column in range(values.shape[1]):
            result[row, column] = statistic(values[row - window + 1 : row + 1, column].tolist())
    return result


def mean(window: list[float]) -> float:
    return math.fsum(window) / len(window)


def score(window: list[float]) -> float:
    centre = mean(window)
    sd = math.sqrt(math.fsum((x - centre) ** 2 for x in window) / len(window))
    return (window[-1] - centre) / sd if sd else math.nan


def looped_rsi(close: list[float], period: int, smoothing: str) -> list[float]:
    change = [b - a for a, b in pairwise(close)]
    gains, losses = [max(c, 0.0) for c in change], [max(-c, 0.0) for c in change]
    result = [math.nan] * min(period, len(close))
    for last in range(period, len(close)):
        if last == period or smoothing == "cutler":
            gain, loss = mean(gains[last - period : last]), mean(losses[last - period : last])
        else:
            gain = (gain * (period - 1) + gains[last - 1]) / period
            loss = (loss * (period - 1) + losses[last - 1]) / period
        result.append(50.0 if gain + loss == 0 else 100.0 * gain / (gain + loss))
    return result


@pytest.mark.parametrize("window", [1, 2, 3, 10, 68, 69, ROWS - 1, ROWS, ROWS + 1])
def test_rolling_mean_equals_a_plain_loop(window: int) -> None:
    np.testing.assert_allclose(
        rolling_mean(prices(), window), looped(prices(), window, mean), rtol=1e-13
    )


@pytest.mark.parametrize("window", [3, 10, 68, 69, ROWS - 1, ROWS, ROWS + 1])
def test_zscore_equals_a_plain_loop(window: int) -> None:
    np.testing.assert_allclose(
        zscore(prices(), window), looped(prices(), window, score), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("smoothing", ["wilder", "cutler"])
@pytest.mark.parametrize("period", [1, 2, 14, 100, ROWS - 1, ROWS])
def test_rsi_equals_a_plain_loop(period: int, smoothing: Literal["wilder", "cutler"]) -> None:
    values = prices()
    expected = [looped_rsi(column.tolist(), period, smoothing) for column in values.T]
    np.testing.assert_allclose(rsi(values, period, smoothing), np.transpose(expected), rtol=1e-12)


def test_wilder_smoothing_holds_over_many_blocks() -> None:
    values = prices(3000, 1)
    expected = looped_rsi(values[:, 0].tolist(), 3, "wilder")
    np.testing.assert_allclose(rsi(values, 3, "wilder")[:, 0], expected, rtol=1e-12)


def test_rsi_is_50_when_nothing_moves_and_100_and_0_when_only_one_side_does() -> None:
    rows = np.arange(20.0)
    values = np.stack((np.full(20, 7.0), 10.0 + rows, 50.0 - rows), axis=1)
    for smoothing in ("wilder", "cutler"):
        assert (rsi(values, 14, smoothing)[14:] == [50.0, 100.0, 0.0]).all()


def test_zscore_of_a_constant_window_is_undefined() -> None:
    values = np.array([[0.1]] * 8 + [[0.2]])
    result = zscore(values, 4)
    assert np.isnan(result[:8]).all()
    assert result[8, 0] == pytest.approx(math.sqrt(3.0))


def test_zscore_keeps_its_digits_at_a_high_price() -> None:
    steps = np.array([[0.0], [1.0], [0.0], [2.0], [1.0], [3.0]]) / 1024.0
    np.testing.assert_allclose(zscore(steps + 2.0**30, 3), zscore(steps, 3), rtol=1e-12)


def test_one_absurd_price_spoils_only_the_windows_that_hold_it() -> None:
    values = prices(60, 1)
    spoiled = values.copy()
    spoiled[20] = 1e300
    for indicator in (rolling_mean, zscore):
        with np.errstate(over="ignore", invalid="ignore"):
            after = indicator(spoiled, 7)
        clean = indicator(values, 7)
        assert np.array_equal(after[:20], clean[:20], equal_nan=True)
        assert np.array_equal(after[27:], clean[27:])


def test_no_rows_give_no_rows() -> None:
    nothing = np.empty((0, 2))
    assert rolling_mean(nothing, 3).shape == (0, 2)
    assert zscore(nothing, 3).shape == (0, 2)
    assert rsi(nothing, 3, "wilder").shape == (0, 2)
