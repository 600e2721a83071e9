"""Bootstrap intervals, against replicates put together bar by bar.

Doctrine: the cells are an optimisation, so a plain loop over bars has to give the same metrics; the
width of an interval is compared with theory where there is one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glowback_trio.engine.analytics import bootstrap, returns
from glowback_trio.engine.analytics.bootstrap import Interval, intervals
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
        periods=252.0,
        risk_free_rate=0.02,
    )
    return [float(found[name]) for name in NAMES]


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 60, 512, 513, 1_300, 2_049]))
def test_a_record_put_together_from_cells_has_the_metrics_of_its_bars(seed: int, bars: int) -> None:
    series = noise(bars, seed)
    cells = bootstrap._Cells.of(series, 0.02 / 252)
    pieces = np.array_split(series, np.arange(cells.width, bars, cells.width))
    rows = next(bootstrap._resample(len(pieces), 3, 4.0, random(seed)))
    found = bootstrap._measure(cells, rows, 252.0)
    for record, row in enumerate(rows):
        expected = metrics_of(np.concatenate([pieces[cell] for cell in row]))
        assert found[:, record].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)


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
    rows = np.concatenate(list(bootstrap._resample(cells, 1_000, length, random())))
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


def test_blocks_keep_the_dependence_between_neighbouring_returns() -> None:
    """Returns that come in streaks of 25 make means vary more, which single bars cannot show."""
    streaks = np.repeat(noise(80, drift=0.0), 25)
    alone = intervals(streaks, 252.0, 0.0, random(), block_length=1.0)["total_return"]
    in_blocks = intervals(streaks, 252.0, 0.0, random(), block_length=100.0)["total_return"]
    assert alone is not None
    assert in_blocks is not None
    assert in_blocks.high - in_blocks.low > 2 * (alone.high - alone.low)


def test_a_metric_that_some_replicate_leaves_undefined_has_no_interval() -> None:
    once = np.zeros(60)
    once[30] = 0.02  # a third of the replicates or so never draw it
    found = intervals(once, 252.0, 0.0, random())
    assert found["sharpe_ratio"] is None
    assert found["max_drawdown"] == Interval(0.0, 0.0)


@pytest.mark.parametrize("series", [[], [0.01], [0.01, -1.0, 0.02], [0.01, -1.5, 0.0]])
def test_a_record_too_short_or_lost_has_no_intervals(series: list[float]) -> None:
    assert intervals(np.array(series), 252.0, 0.0, random()) == dict.fromkeys(NAMES)


@pytest.mark.parametrize(
    "fields", [{"replicates": 0}, {"level": 1.0}, {"level": 0.0}, {"block_length": 0.5}]
)
def test_arguments_that_make_no_interval_are_refused(fields: dict[str, Any]) -> None:
    (name, value), *_ = fields.items()
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        intervals(noise(30), 252.0, 0.0, random(), **fields)
