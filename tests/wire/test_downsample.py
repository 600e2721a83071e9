"""Thinned curves keep their extremes: of the whole, and of every stretch.

Doctrine: random series, any number of them, against the extremes found by a plain loop.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from glowback_trio.model.bars import Floats
from glowback_trio.wire.downsample import thin

SERIES = st.integers(1, 3).flatmap(
    lambda count: st.integers(0, 200).flatmap(
        lambda length: st.lists(
            arrays(np.float64, length, elements=st.floats(allow_infinity=False)),
            min_size=count,
            max_size=count,
        )
    )
)
MOST = st.integers(8, 220)


@given(SERIES, MOST)
def test_points_are_picked_in_order_each_once_and_no_more_than_wanted(
    series: list[Floats], most: int
) -> None:
    picked = thin(series, most)
    assert len(picked) <= most
    assert (np.diff(picked) > 0).all()
    assert set(picked.tolist()) <= set(range(len(series[0])))


@given(SERIES, MOST)
def test_both_ends_are_picked(series: list[Floats], most: int) -> None:
    picked, count = thin(series, most), len(series[0])
    assert picked[[0, -1]].tolist() == [0, count - 1] if count else len(picked) == 0


@given(SERIES, MOST)
def test_the_extremes_of_every_series_are_picked(series: list[Floats], most: int) -> None:
    picked = thin(series, most)
    for one in series:
        if not np.isnan(one).all():
            assert np.nanmin(one[picked]) == np.nanmin(one)
            assert np.nanmax(one[picked]) == np.nanmax(one)


@given(SERIES, MOST)
def test_the_extremes_of_every_stretch_are_picked(series: list[Floats], most: int) -> None:
    picked, count = set(thin(series, most).tolist()), len(series[0])
    buckets = (most - 2) // (2 * len(series))
    width = -(-(count - 2) // buckets)
    for start in range(1, count - 1, max(width, 1)):
        stretch = slice(start, min(start + width, count - 1))
        for one in series:
            if not np.isnan(one[stretch]).all():
                assert start + int(np.nanargmin(one[stretch])) in picked
                assert start + int(np.nanargmax(one[stretch])) in picked


@given(st.integers(0, 50), st.integers(8, 220))
def test_a_series_that_is_short_enough_stays_whole(count: int, most: int) -> None:
    picked = thin([np.zeros(count)], most)
    if count <= most:
        assert picked.tolist() == list(range(count))


def test_a_spike_of_one_bar_in_a_million_is_not_lost() -> None:
    series = np.zeros(1_000_000)
    series[[654_321, 654_322]] = 1.0, -1.0
    picked = thin([series], 100)
    assert {0, 654_321, 654_322, 999_999} <= set(picked.tolist())


def test_points_spread_over_the_whole_series() -> None:
    picked = thin([np.sin(np.arange(10_000.0))], 100)
    assert len(picked) == 100
    assert np.diff(picked).max() < 2 * 10_000 / 49


def test_fewer_points_than_ends_and_extremes_are_refused() -> None:
    series = [np.arange(9.0), np.arange(9.0)]
    assert len(thin(series, 6)) <= 6
    with pytest.raises(ValueError, match="at least 6, not 5"):
        thin(series, 5)
