"""Bootstrap intervals, against replicates put together bar by bar.

Doctrine: the cells are an optimisation, so a plain loop over bars has to give the same metrics and
standard errors; the width of an interval is compared with theory where there is one, and intervals
of short records hold the truth about as often as their level says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glowback_trio.engine.analytics import returns
from glowback_trio.engine.analytics.bootstrap.cells import Cells, Sample, combine
from glowback_trio.engine.analytics.bootstrap.intervals import (
    Interval,
    intervals,
    mean_block_length,
)
from glowback_trio.engine.analytics.metrics import curve_metrics
from glowback_trio.model.bars import Floats

NAMES = ["sharpe_ratio", "total_return", "annualized_return", "max_drawdown"]


def noise(bars: int, seed: int = 1, drift: float = 0.0005) -> Floats:
    return np.random.default_rng(seed).normal(drift, 0.01, bars)


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def metrics_of(series: Floats) -> list[float]:
    value = np.cumprod(np.append(1.0, 1.0 + series))
    time = np.datetime64("2020-01-01", "ns") + np.arange(len(value)) * np.timedelta64(1, "D")
    found = curve_metrics(
        value,
        returns.drawdowns(value, 1.0),
        time,
        capital=1.0,
        periods=1.0,
        risk_free_rate=0.0001,
    )
    return [float(found[name]) for name in ("sharpe_ratio", "total_return", "max_drawdown")]


def errors_of(blocks: Sequence[Floats]) -> list[float]:
    """Standard errors of ratio and logarithm of growth, by the spread between blocks."""
    series = np.concatenate(blocks)
    ratio, sd = metrics_of(series)[0], series.std(ddof=1)
    logs, spare = np.log1p(series), len(blocks) / (len(blocks) - 1)
    ratio_sum = growth_sum = 0.0
    for block in blocks:
        away = (block - series.mean()) / sd
        ratio_sum += float((away - ratio / 2 * (away**2 - 1)).sum()) ** 2
        growth_sum += float((np.log1p(block) - logs.mean()).sum()) ** 2
    return [math.sqrt(spare * ratio_sum) / len(series), math.sqrt(spare * growth_sum)]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([60, 512, 513, 1_300, 2_049]))
def test_a_record_put_together_from_cells_has_the_metrics_of_its_bars(seed: int, bars: int) -> None:
    series = noise(bars, seed)
    cells = Cells.of(series, 0.0001)
    pieces = np.array_split(series, np.arange(cells.width, bars, cells.width))
    sample = Sample.draw(len(pieces), 3, 4.0, random(seed))
    rows = sample.rows()
    found = combine(cells, sample, rows)
    for record, row in enumerate(rows):
        ratio, grown, fall = metrics_of(np.concatenate([pieces[cell] for cell in row]))
        assert found.sharpe[record] == pytest.approx(ratio, rel=1e-9, abs=1e-9)
        assert np.expm1(found.growth[record]) * 100 == pytest.approx(grown, rel=1e-9, abs=1e-9)
        assert -np.expm1(-found.fall[record]) * 100 == pytest.approx(fall, rel=1e-9, abs=1e-9)
        lengths = np.split(sample.length, sample.first[1:])[record]
        blocks = [
            np.concatenate([pieces[cell] for cell in part])
            for part in np.split(row, np.cumsum(lengths)[:-1])
        ]
        errors = [found.sharpe_error[record], found.growth_error[record]]
        assert errors == pytest.approx(errors_of(blocks), rel=1e-6)


@pytest.mark.parametrize(
    ("pattern", "repeats", "fall"),
    [
        ((-0.01, 0.05), 512, 1.0),  # two bars to a cell: the low comes before the high
        ((0.05, -0.02, 0.05), 400, 2.0),  # three: high and low lie within
        ((0.05, 0.05, -0.02, -0.02), 512, 3.96),  # four
    ],
)
def test_a_fall_is_measured_from_the_peak_before_it(
    pattern: tuple[float, ...], repeats: int, fall: float
) -> None:
    found = intervals(np.tile(pattern, repeats), 252.0, 0.0, random())["max_drawdown"]
    assert found is not None
    assert found.low == pytest.approx(fall)
    assert found.high == pytest.approx(fall)


def test_blocks_are_as_long_as_wanted_on_average_and_wrap_around() -> None:
    cells, length = 400, 8.0
    rows = Sample.draw(cells, 1_000, length, random()).rows()
    assert rows.shape == (1_000, cells)
    goes_on = (np.diff(rows, axis=1) % cells) == 1
    # a block ends with probability 1/8, and one in 400 new ones looks as if it went on
    assert goes_on.mean() == pytest.approx(1 - (1 - 1 / cells) / length, abs=3e-3)
    assert ((rows[:, :-1] == cells - 1) & (rows[:, 1:] == 0) & goes_on).any()
    assert np.bincount(rows.ravel(), minlength=cells).min() > 0


def test_the_same_seed_gives_the_same_intervals_and_another_one_others() -> None:
    series = noise(300)
    first = intervals(series, 252.0, 0.0, random(1))
    assert first == intervals(series, 252.0, 0.0, random(1))
    assert first != intervals(series, 252.0, 0.0, random(2))


def test_an_interval_widens_with_its_level() -> None:
    narrow = intervals(noise(300), 252.0, 0.0, random(), level=0.5)
    wide = intervals(noise(300), 252.0, 0.0, random(), level=0.99)
    for name in NAMES:
        inner, outer = narrow[name], wide[name]
        assert inner is not None
        assert outer is not None
        assert outer.low < inner.low < inner.high < outer.high


@pytest.mark.parametrize("bars", [500, 5_000])
def test_the_interval_of_the_sharpe_ratio_has_the_width_theory_gives_it(bars: int) -> None:
    """Without memory in the returns the ratio's standard error is near sqrt((1 + SR^2/2) / T)."""
    series = noise(bars)
    found = intervals(series, 1.0, 0.0, random(), replicates=4_000)["sharpe_ratio"]
    ratio = series.mean() / series.std(ddof=1)
    assert found is not None
    assert found.low < ratio < found.high
    expected = 2 * 1.959964 * math.sqrt((1 + ratio**2 / 2) / bars)
    assert found.high - found.low == pytest.approx(expected, rel=0.12)


def test_the_dependence_between_neighbouring_returns_widens_an_interval() -> None:
    """Returns that come in streaks of 25 make means vary more, which single bars cannot show."""
    streaks = np.repeat(noise(80, drift=0.0), 25)
    shuffled = random().permutation(streaks)
    alone, in_streaks = (intervals(one, 252.0, 0.0, random()) for one in (shuffled, streaks))
    narrow, wide = alone["sharpe_ratio"], in_streaks["sharpe_ratio"]
    assert narrow is not None
    assert wide is not None
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_metric_that_too_many_replicates_leave_undefined_has_no_interval() -> None:
    once = np.zeros(60)
    once[30] = 0.02  # a third of the replicates or so never draw it
    found = intervals(once, 252.0, 0.0, random())
    assert found["sharpe_ratio"] is found["total_return"] is None
    assert found["max_drawdown"] == Interval(0.0, 0.0)


def test_the_growth_of_a_record_with_few_trades_has_an_interval() -> None:
    few = np.zeros(250)
    few[::40] = 0.02, -0.01, 0.03, 0.01, -0.02, 0.02, 0.01
    found = intervals(few, 252.0, 0.0, random())["total_return"]
    assert found is not None
    assert found.low < 100 * np.expm1(np.log1p(few).sum()) < found.high


def test_returns_that_are_equal_but_for_one_have_no_intervals_made_of_rounding() -> None:
    """A third of the replicates draw only the equal ones, whose spread is rounding."""
    for usual, once in ((0.001, 0.0), (0.0, -0.999), (-0.0003, 0.02)):
        series = np.full(49, usual)
        series[0] = once
        found = intervals(series, 252.0, 0.0, random())
        assert found["sharpe_ratio"] is found["total_return"] is found["annualized_return"] is None


def test_returns_that_are_all_equal_leave_no_doubt_about_their_growth() -> None:
    found = intervals(np.full(60, 0.001), 252.0, 0.0, random())
    assert found["sharpe_ratio"] is None
    grown = found["total_return"]
    assert grown is not None
    assert grown.low == grown.high == pytest.approx(100 * (1.001**60 - 1))


@pytest.mark.parametrize(
    "series", [[], [0.01], [0.01, -0.02] * 4 + [0.01], [0.01, -1.0] * 9, [0.01, -1.5, 0.0] * 9]
)
def test_a_record_too_short_or_lost_has_no_intervals(series: list[float]) -> None:
    assert intervals(np.array(series), 252.0, 0.0, random()) == dict.fromkeys(NAMES)


@pytest.mark.parametrize(
    "fields", [{"replicates": 0}, {"level": 1.0}, {"level": 0.0}, {"mean_length": 0.5}]
)
def test_arguments_that_make_no_interval_are_refused(fields: dict[str, Any]) -> None:
    (name, value), *_ = fields.items()
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        intervals(noise(30), 252.0, 0.0, random(), **fields)


@pytest.mark.parametrize(("slope", "least"), [(0.0, 0.92), (0.4, 0.9)])
def test_intervals_of_short_records_hold_the_truth_as_often_as_they_say(
    slope: float, least: float
) -> None:
    """Of sixty returns; `nox -s interval_coverage` prints the whole table of docs/engine.md."""
    draws, held = random(8), 0
    for _ in range(300):
        series = draws.standard_normal(60)
        for index in range(1, 60):
            series[index] = slope * series[index - 1] + math.sqrt(1 - slope**2) * series[index]
        one = intervals(0.0005 + 0.01 * series, 1.0, 0.0, draws, replicates=400)["sharpe_ratio"]
        held += one is not None and one.low <= 0.05 <= one.high
    assert held / 300 >= least


def test_blocks_are_as_long_as_the_dependence_of_the_returns_asks_for() -> None:
    plain = noise(500)
    streaks = np.convolve(noise(519), np.ones(20), "valid")
    assert mean_block_length(plain) < 5
    assert 12 < mean_block_length(streaks) <= 500 / 8
    assert mean_block_length(np.zeros(500)) == mean_block_length(plain[:1]) == 1.0


@pytest.mark.parametrize("bars", [11_585, 40_000])
def test_a_long_record_is_resampled_cell_by_cell(bars: int) -> None:
    cells = Cells.of(noise(bars), 0.0)
    assert 500 < len(cells.bars) <= 512
    assert cells.width <= mean_block_length(noise(bars)) < 3 * cells.width
