"""Generated prices: the same on every machine and for every range, and always valid bars."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.data.calendars.calendar import STEPS, calendar_of
from glowback_trio.data.sample import sample_bars
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import Resolution

FIRST, LAST = np.datetime64("1900-01-01", "ns"), np.datetime64("2200-12-31T23:59:59", "ns")
SPAN_DAYS = 109_938
symbols = st.sampled_from(["AAPL", "SPY", "X", "^GSPC", "BRK.B", "BTC-USD", "DOGEUSDT"])
days = st.integers(0, SPAN_DAYS - 800)
resolutions = st.sampled_from(list(STEPS))


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "ns")


def after(start: int, length: float) -> tuple[np.datetime64, np.datetime64]:
    begin = (FIRST.astype("M8[D]") + np.timedelta64(start, "D")).astype("M8[ns]")
    return begin, begin + np.timedelta64(int(length * 86400), "s")


def rows_of(bars: Bars) -> list[tuple[float, ...]]:
    columns = (bars.time.astype(int), bars.open, bars.high, bars.low, bars.close, bars.volume)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def length_for(resolution: Resolution) -> float:
    return {"day": 700.0, "hour": 20.0, "minute": 3.0, "second": 0.4}[resolution]


@given(symbols, resolutions, days)
def test_generated_bars_are_always_valid(symbol: str, resolution: Resolution, start: int) -> None:
    bars = sample_bars(symbol, resolution, *after(start, length_for(resolution)))
    assert (bars.low > 0).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()
    assert (bars.volume >= 1).all()
    assert (bars.volume == np.rint(bars.volume)).all()
    for column in (bars.open, bars.high, bars.low, bars.close):
        assert (column == column.round(4)).all()


@given(symbols, resolutions, days, st.floats(0, 1), st.floats(0, 1))
def test_a_bar_does_not_depend_on_the_requested_range(
    symbol: str, resolution: Resolution, start: int, cut: float, width: float
) -> None:
    length = length_for(resolution)
    begin, end = after(start, length)
    whole = rows_of(sample_bars(symbol, resolution, begin, end))
    first = begin + np.timedelta64(int(cut * length * 86400), "s")
    last = first + np.timedelta64(int(width * length * 86400), "s")
    part = rows_of(sample_bars(symbol, resolution, first, min(last, end)))
    wanted = [row for row in whole if first.astype(int) <= row[0] <= last.astype(int)]
    assert part == wanted


@given(symbols, resolutions, days, st.floats(0, 1))
def test_the_calendar_counts_what_is_generated(
    symbol: str, resolution: Resolution, start: int, width: float
) -> None:
    begin, end = after(start, width * length_for(resolution))
    generated = sample_bars(symbol, resolution, begin, end)
    assert calendar_of(symbol).count(resolution, begin, end) == len(generated)


@pytest.mark.parametrize("resolution", ["hour", "minute"])
@pytest.mark.parametrize("symbol", ["AAPL", "BTC-USD"])
def test_intraday_bars_lead_from_the_open_of_their_day_to_its_close(
    symbol: str, resolution: Resolution
) -> None:
    begin, end = day("2020-03-02"), day("2020-03-06T23:59:59")
    daily = sample_bars(symbol, "day", begin, end)
    intraday = sample_bars(symbol, resolution, begin, end)
    for index, date in enumerate(daily.time.astype("M8[D]")):
        of_day = intraday.time.astype("M8[D]") == date
        assert intraday.open[of_day][0] == daily.open[index]
        assert intraday.close[of_day][-1] == daily.close[index]
        assert intraday.high[of_day].max() <= daily.high[index]
        assert intraday.low[of_day].min() >= daily.low[index]


def test_each_intraday_bar_opens_where_the_one_before_closed() -> None:
    bars = sample_bars("AAPL", "minute", day("2020-03-02"), day("2020-03-02T23:59"))
    assert (bars.open[1:] == bars.close[:-1]).all()


def test_equities_trade_on_weekdays_from_half_past_nine_to_four() -> None:
    bars = sample_bars("AAPL", "minute", day("2020-02-28"), day("2020-03-03"))
    times = bars.time.astype("M8[m]").astype(str).tolist()
    assert len(times) == 2 * 390
    assert (times[0], times[389]) == ("2020-02-28T09:30", "2020-02-28T15:59")
    assert times[390] == "2020-03-02T09:30"
    hours = sample_bars("AAPL", "hour", day("2020-02-28"), day("2020-02-28T23:59")).time
    assert hours.astype("M8[m]").astype(str).tolist()[-1] == "2020-02-28T15:30"


@pytest.mark.parametrize("symbol", ["BTC-USD", "ETHUSDT"])
def test_currencies_trade_every_day_around_the_clock(symbol: str) -> None:
    assert len(sample_bars(symbol, "day", day("2020-02-01"), day("2020-02-29"))) == 29
    assert len(sample_bars(symbol, "hour", day("2020-02-01"), day("2020-02-01T23:00"))) == 24


def test_both_ends_of_the_range_are_included() -> None:
    bars = sample_bars("AAPL", "day", day("2020-03-02"), day("2020-03-04"))
    assert bars.time.astype("M8[D]").astype(str).tolist() == [
        "2020-03-02",
        "2020-03-03",
        "2020-03-04",
    ]


def test_a_weekend_has_no_bars() -> None:
    assert len(sample_bars("AAPL", "day", day("2020-02-29"), day("2020-03-01"))) == 0
    assert len(sample_bars("AAPL", "minute", day("2020-02-29"), day("2020-03-01"))) == 0


def test_three_centuries_can_be_generated_at_once() -> None:
    assert len(sample_bars("BTC-USD", "day", FIRST, LAST)) == SPAN_DAYS
    equity = sample_bars("AAPL", "day", FIRST, LAST)
    assert equity.time[0] == FIRST
    assert equity.close.max() / equity.close.min() < np.exp(4.1)


@pytest.mark.parametrize("resolution", ["day", "hour"])
def test_an_offset_may_reach_beyond_the_first_and_the_last_day(resolution: Resolution) -> None:
    begin, end = day("1899-12-30"), day("1900-01-02T23:59:59")
    bars = sample_bars("BTC-USD", resolution, begin, end)
    assert bars.time[0] == FIRST
    assert len(bars) == calendar_of("BTC-USD").count(resolution, begin, end)
    assert len(sample_bars("BTC-USD", resolution, begin, begin)) == 0
    beyond = sample_bars("BTC-USD", resolution, day("2200-12-31"), day("2201-01-01T12:00"))
    assert (beyond.close > 0).all()


def test_symbols_move_independently() -> None:
    """With one path for all symbols, diversification would show nothing."""
    begin, end = day("2010-01-01"), day("2019-12-31")
    paths = [np.log(sample_bars(f"S{i}", "day", begin, end).close) for i in range(12)]
    correlation = np.corrcoef([np.diff(path) for path in paths])
    np.fill_diagonal(correlation, 0.0)
    assert np.abs(correlation).max() < 0.1


def test_daily_returns_look_like_a_random_walk() -> None:
    close = sample_bars("AAPL", "day", day("1950-01-01"), day("2150-01-01")).close
    returns = np.diff(np.log(close))
    assert 0.15 < returns.std() * np.sqrt(252) < 0.45
    assert abs(np.corrcoef(returns[1:], returns[:-1])[0, 1]) < 0.03
    standard = (returns - returns.mean()) / returns.std()
    assert 2.5 < (standard**4).mean() < 3.2


def test_the_bytes_are_the_same_on_every_machine() -> None:
    """These digests must never change, or every run on sample prices changes with them."""
    begin, end = day("2015-01-01"), day("2020-12-31")
    bars = [
        sample_bars("AAPL", "day", begin, end),
        sample_bars("BTC-USD", "hour", begin, day("2015-02-01")),
        sample_bars("^GSPC", "minute", begin, day("2015-01-10")),
        sample_bars("X", "second", day("2015-01-05"), day("2015-01-06")),
    ]
    digest = hashlib.sha256("".join(one.digest() for one in bars).encode()).hexdigest()
    assert digest == "0c5c2cbafe1f33fe61ae310c4466e2699d78ca98e4937a6556a1ce2ab691011d"
