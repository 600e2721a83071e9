"""Bars as rows of a chart.

Rule: merged rows are compared with a loop over the bars.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.model.bars import Bars
from glowback_trio.model.sessions.window import WHOLE, Window
from glowback_trio.wire.bar_rows import chart_bars, chart_document


def made(count: int, seed: int = 1) -> Bars:
    random = np.random.default_rng(seed)
    prices = random.uniform(50, 100, (4, count))
    volume = np.where(random.random(count) < 0.3, np.nan, random.uniform(0, 9, count))
    time = np.datetime64("2020-01-01", "ns") + np.arange(count) * np.timedelta64(1, "D")
    low, high = prices.min(axis=0), prices.max(axis=0)
    return Bars("X", time, prices[0], high, low, prices[1], volume)


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 5))
def test_a_row_merges_its_bars(count: int, most: int, seed: int) -> None:
    bars = made(count, seed)
    chart = chart_bars(bars, WHOLE, most)
    assert chart.count == count
    assert len(chart.bars) <= most
    assert len(chart.bars) == -(-count // chart.per_row)
    for row in range(len(chart.bars)):
        part = slice(row * chart.per_row, (row + 1) * chart.per_row)
        assert chart.bars.time[row] == bars.time[part][0]
        assert chart.bars.open[row] == bars.open[part][0]
        assert chart.bars.high[row] == bars.high[part].max()
        assert chart.bars.low[row] == bars.low[part].min()
        assert chart.bars.close[row] == bars.close[part][-1]
        known = [each for each in bars.volume[part] if not np.isnan(each)]
        wanted = sum(known) if known else np.nan
        assert chart.bars.volume[row] == pytest.approx(wanted, nan_ok=True)


def test_no_more_bars_than_wanted_stay_as_they_are() -> None:
    bars = made(10)
    chart = chart_bars(bars, WHOLE, 10)
    assert chart.bars is bars
    assert chart.per_row == 1


def test_a_window_is_cut_first() -> None:
    window = Window(datetime(2020, 1, 3, tzinfo=UTC), datetime(2020, 1, 6, tzinfo=UTC))
    chart = chart_bars(made(10), window, 2)
    assert (chart.count, chart.per_row) == (4, 2)
    assert chart.bars.time.astype("M8[D]").astype(str).tolist() == ["2020-01-03", "2020-01-05"]


def test_the_document_has_an_array_for_each_row() -> None:
    bars = made(3)
    document = json.loads(chart_document(chart_bars(bars, WHOLE, 3), "day", "csv"))
    assert document["symbol"] == "X"
    assert (document["resolution"], document["source"]) == ("day", "csv")
    assert document["columns"] == ["timestamp", "open", "high", "low", "close", "volume"]
    assert (document["bars"], document["per_row"]) == (3, 1)
    for index, (time, *numbers) in enumerate(document["rows"]):
        assert time == f"2020-01-0{index + 1}T00:00:00+00:00"
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        wanted = [float(column[index]) for column in columns]
        assert [np.nan if each is None else each for each in numbers] == pytest.approx(
            wanted, rel=0, abs=0, nan_ok=True
        )


def test_no_bars_are_no_rows() -> None:
    document = json.loads(chart_document(chart_bars(made(0), WHOLE, 3), "day", "csv"))
    assert (document["rows"], document["bars"], document["per_row"]) == ([], 0, 1)
