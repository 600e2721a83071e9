"""Many curves measured at once are the curves measured one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.engine.analytics import returns
from glowback_trio.engine.analytics.metrics import curve_metrics
from glowback_trio.engine.analytics.relative import relative_metrics
from glowback_trio.model.bars import Floats, Times

CAPITAL = 1_000.0


@st.composite
def curves(draw: st.DrawFn) -> Floats:
    """Curves that start at the capital, (T, K): some wander, some stand still, some are lost."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bars, count = draw(st.integers(1, 60)), draw(st.integers(1, 5))
    steps = random.normal(0.0, 0.03, (bars, count))
    steps *= random.choice((0.0, 1.0, 1.0, 30.0), count)
    steps[0] = 0.0
    return CAPITAL * (1.0 + np.cumsum(steps, axis=0))


def every_other_day(count: int) -> Times:
    return np.datetime64("2024-01-01", "ns") + np.arange(count) * np.timedelta64(48, "h")


def measure(value: Floats) -> dict[str, Floats]:
    measured = curve_metrics(
        value,
        returns.drawdowns(value, CAPITAL),
        every_other_day(len(value)),
        capital=CAPITAL,
        periods=252.0,
        risk_free_rate=0.01,
    )
    return {name: np.asarray(number) for name, number in measured.items()}


@given(curves())
def test_metrics_of_many_curves_are_those_of_each(value: Floats) -> None:
    together = measure(value)
    for column in range(value.shape[1]):
        alone = measure(np.ascontiguousarray(value[:, column]))
        assert {name: float(many[column]) for name, many in together.items()} == {
            name: pytest.approx(float(one), rel=1e-9, abs=1e-9, nan_ok=True)
            for name, one in alone.items()
        }


@given(curves(), st.integers(0, 2**32 - 1))
def test_many_curves_are_measured_against_one_benchmark(value: Floats, seed: int) -> None:
    series = returns.bar_returns(value)
    market = np.random.default_rng(seed).normal(0.0, 0.01, len(series))
    together = relative_metrics(series, market, 252.0, 0.01)
    for column in range(value.shape[1]):
        alone = relative_metrics(np.ascontiguousarray(series[:, column]), market, 252.0, 0.01)
        for name, one in alone.items():
            many = np.broadcast_to(together[name], value.shape[1:])
            assert float(many[column]) == pytest.approx(float(one), rel=1e-9, abs=1e-9, nan_ok=True)


def test_the_longest_time_under_water_is_found_in_each_of_several_curves() -> None:
    value = np.array(
        [
            [1000.0, 1000.0, 1000.0, 1000.0],
            [900.0, 1100.0, 990.0, 1000.0],
            [950.0, 1000.0, 1000.0, 1000.0],
            [990.0, 1100.0, 990.0, 1000.0],
        ]
    )
    days = returns.max_drawdown_duration_days(returns.drawdowns(value, CAPITAL), every_other_day(4))
    assert days.tolist() == [6.0, 4.0, 4.0, 0.0]


@given(curves())
def test_the_longest_time_under_water_is_what_a_plain_loop_finds(value: Floats) -> None:
    drawdown, time = returns.drawdowns(value, CAPITAL), every_other_day(len(value))
    found = returns.max_drawdown_duration_days(drawdown, time)
    for column, days in zip(drawdown.T.tolist(), found.tolist(), strict=True):
        longest = peak = 0
        for row, fall in enumerate(column):
            if fall or (row and column[row - 1]):
                longest = max(longest, row - peak)
            peak = peak if fall else row
        assert days == 2 * longest


def test_a_drawdown_is_measured_from_the_capital_on() -> None:
    found = returns.drawdowns(np.array([1000.0, 1200.0, 900.0, 1200.0]), 1500.0)
    assert found.tolist() == pytest.approx([1 / 3, 0.2, 0.4, 0.2])


def test_a_return_on_a_value_that_is_not_positive_is_zero() -> None:
    found = returns.bar_returns(np.array([100.0, -50.0, 25.0, 50.0]))
    assert found.tolist() == [-1.5, 0.0, 1.0]
