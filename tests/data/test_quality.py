"""Findings: what is wrong with rows is counted, reported, and decides what happens to them.

Rule: rows that cannot be bars raise; suspicious rows are kept and counted.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.data.calendars.gaps import with_gaps
from glowback_trio.data.calendars.resolution import check_resolution, resolution_of
from glowback_trio.data.rows import Rows, clean
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.instant import end_instant, start_instant
from glowback_trio.model.request import Resolution
from glowback_trio.model.sessions.date_range import DateRange
from glowback_trio.model.sessions.stamps import Stamps

FINE = (10.0, 12.0, 9.0, 11.0, 100.0)


def rows_of(
    times: Sequence[str], values: Sequence[Sequence[float]] | None = None, symbol: str = "AAPL"
) -> Rows:
    return Rows(
        symbol=symbol,
        source="AAPL_1d.csv",
        stamps=Stamps(np.array(times, dtype="M8[ns]")),
        values=np.array(values or [FINE] * len(times), dtype=np.float64).T,
        locate=lambda number: f"line {number + 2}",
    )


def dates(first: str, last: str) -> DateRange:
    return DateRange.of(start_instant(first), end_instant(last))


def cleaned(
    times: Sequence[str],
    values: Sequence[Sequence[float]] | None = None,
    symbol: str = "AAPL",
    resolution: Resolution = "day",
) -> tuple[Bars, Quality]:
    bars, quality = clean(rows_of(times, values, symbol))
    return bars, with_gaps([Stamps.of(bars)], [quality], resolution)[0]


WEEK = ["2020-03-02", "2020-03-03", "2020-03-04", "2020-03-05", "2020-03-06"]


def test_sound_rows_have_no_findings() -> None:
    bars, quality = cleaned(WEEK)
    assert len(bars) == 5
    assert (quality.rows, quality.bars) == (5, 5)
    assert quality.critical == quality.warnings == ()


def test_of_rows_with_the_same_timestamp_the_last_is_kept() -> None:
    other = (20.0, 22.0, 19.0, 21.0, 7.0)
    bars, quality = cleaned([WEEK[0], WEEK[1], WEEK[1], WEEK[2]], [FINE, FINE, other, FINE])
    assert bars.close.tolist() == [11.0, 21.0, 11.0]
    assert quality.duplicate_timestamps == 1
    assert quality.critical == (
        "AAPL: 1 row with the timestamp of a later row, which was kept instead",
    )


@pytest.mark.parametrize(
    "row",
    [
        (10.0, 9.5, 9.0, 9.2, 1.0),  # high under open
        (9.2, 9.5, 9.0, 10.0, 1.0),  # high under close
        (10.0, 12.0, 10.5, 11.0, 1.0),  # low over open
        (11.0, 12.0, 10.5, 10.0, 1.0),  # low over close
        (10.0, 8.0, 9.0, 8.5, 1.0),  # high under low
    ],
)
def test_prices_that_contradict_each_other_are_critical(row: Sequence[float]) -> None:
    bars, quality = cleaned(WEEK[:2], [FINE, row])
    assert len(bars) == 2, "the row is reported, not dropped"
    assert quality.invalid_ohlc_rows == 1
    assert "contradict" in quality.critical[0]


def test_a_negative_volume_is_critical() -> None:
    _, quality = cleaned(WEEK[:2], [FINE, (*FINE[:4], -1.0)])
    assert quality.negative_volume_rows == 1
    assert quality.critical == ("AAPL: 1 row with a negative volume",)


@pytest.mark.parametrize("column", range(4))
@pytest.mark.parametrize("price", [0.0, -0.01, np.nan, np.inf])
def test_an_impossible_price_is_refused_and_its_row_named(column: int, price: float) -> None:
    row = [*FINE]
    row[column] = price
    name = ("open", "high", "low", "close")[column]
    with pytest.raises(DataError) as caught:
        cleaned(WEEK[:3], [FINE, row, FINE])
    assert str(caught.value) == (
        f"AAPL_1d.csv, line 3, column {name!r}: expected a price above 0, got {price!r}"
    )


def test_an_infinite_volume_is_refused() -> None:
    with pytest.raises(DataError, match="column 'volume': expected a number, got inf"):
        cleaned(WEEK[:1], [(*FINE[:4], np.inf)])


def test_a_volume_that_is_not_a_number_is_unknown_and_reported() -> None:
    bars, quality = cleaned(WEEK[:2], [FINE, (*FINE[:4], np.nan)])
    assert np.isnan(bars.volume).tolist() == [False, True]
    assert quality.critical == ()
    assert quality.warnings == ("AAPL: 1 row without a volume, which is recorded as unknown",)


def test_unsorted_rows_are_sorted_and_reported() -> None:
    bars, quality = cleaned([WEEK[2], WEEK[0], WEEK[1], WEEK[3]])
    assert [str(day) for day in bars.time.astype("M8[D]")] == WEEK[:4]
    assert quality.unsorted_rows == 2
    assert quality.warnings == ("AAPL: 2 rows out of order in time, which were sorted",)
    assert quality.critical == ()


@given(st.permutations(range(20)), st.lists(st.integers(0, 19), max_size=5))
def test_the_order_of_rows_does_not_change_the_bars(order: list[int], again: list[int]) -> None:
    """Duplicates have the same values here, so that it does not matter which one is last."""
    days = np.datetime_as_string(np.datetime64("2020-03-02") + np.arange(20)).tolist()
    values = [(10.0 + i, 12.0 + i, 9.0 + i, 11.0 + i, 100.0 + i) for i in range(20)]
    straight, _ = cleaned(days, values)
    mixed = [*order, *again]
    random.Random(len(again)).shuffle(mixed)
    shuffled, quality = cleaned([days[i] for i in mixed], [values[i] for i in mixed])
    assert shuffled.digest() == straight.digest()
    assert quality.duplicate_timestamps == len(again)


def test_a_weekend_is_a_gap_only_where_the_bars_have_weekends() -> None:
    days = ["2020-03-06", "2020-03-09"]
    assert cleaned(days, symbol="BTC-USD")[1].missing_intervals == 0
    march = [f"2020-03-{day:02}" for day in range(1, 32) if day not in (7, 8)]
    assert cleaned(march)[1].missing_intervals == 2


def test_a_symbol_around_the_clock_misses_every_interval_it_has_no_bar_for() -> None:
    hours = np.arange("2020-03-01", "2020-03-16", dtype="M8[h]").astype(str).tolist()
    _, quality = cleaned([*hours[:50], *hours[52:]], resolution="hour")
    assert quality.missing_intervals == 2
    assert "2 hours between its first and its last bar have no bar" in quality.warnings[0]


def test_missing_minutes_of_an_equity_are_no_gap() -> None:
    minutes = ["2020-03-06T09:30", "2020-03-06T11:30", "2020-03-09T09:30"]
    assert cleaned(minutes, resolution="minute")[1].missing_intervals == 0


@pytest.mark.parametrize(
    ("times", "resolution"),
    [
        (WEEK, "day"),
        (list(reversed(WEEK)), "day"),
        (["2020-03-02", "2020-03-09", "2020-03-16"], "day"),
        (["2020-03-06T09:30", "2020-03-06T10:30", "2020-03-06T11:30", "2020-03-09T09:30"], "hour"),
        (["2020-03-06T09:30", "2020-03-06T09:35", "2020-03-06T09:40"], "minute"),
        (["2020-03-06T09:30:01", "2020-03-06T09:30:02"], "second"),
        (["2020-03-06T09:30:01.1", "2020-03-06T09:30:01.2"], "second"),
        (["2020-03-06", "2020-03-06"], None),
        (["2020-03-06"], None),
    ],
)
def test_the_resolution_is_inferred_from_the_spacing(
    times: list[str], resolution: Resolution | None
) -> None:
    assert resolution_of(np.array(times, dtype="M8[ns]")) == resolution


def test_bars_of_another_length_are_refused() -> None:
    daily = rows_of(WEEK).time
    with pytest.raises(DataError, match="X holds bars of resolution 'day'; 'hour' was requested"):
        check_resolution("X", resolution_of(daily), "hour")
    with pytest.raises(DataError, match="'day'"):
        check_resolution("X", resolution_of(daily + np.timedelta64(1, "s")), "minute")


def test_a_declared_resolution_allows_sparser_bars_but_not_denser_ones() -> None:
    daily = rows_of(WEEK).time
    check_resolution("X_1m.csv", resolution_of(daily), "minute", declared="minute")
    hours = np.array(["2020-03-06T09:30", "2020-03-06T10:30"], dtype="M8[ns]")
    with pytest.raises(DataError, match="'hour'; 'day' was requested"):
        check_resolution("X_1d.csv", resolution_of(hours), "day", declared="day")


def test_a_range_includes_both_its_ends_and_nothing_beyond() -> None:
    inside = rows_of(WEEK).between(dates("2020-03-03", "2020-03-05"))
    assert [str(day) for day in inside.time.astype("M8[D]")] == WEEK[1:4]
    assert [inside.place(row) for row in range(3)] == ["line 3", "line 4", "line 5"]


def test_an_empty_range_names_the_range_that_exists() -> None:
    with pytest.raises(DataError) as caught:
        rows_of(WEEK).between(dates("2021-01-01", "2021-12-31"))
    assert str(caught.value) == (
        "AAPL has no bars from 2021-01-01T00:00:00Z to 2021-12-31T23:59:59Z; AAPL_1d.csv holds "
        "2020-03-02T00:00:00Z to 2020-03-06T00:00:00Z"
    )
