"""Gaps: days on which a market was open and a symbol has no bar.

Rule: the counts equal those of a loop over the days, for random symbols and days.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.data import Catalogue, MemoryCatalogue, demo_path
from glowback_trio.data.calendars.exchanges import trading_days
from glowback_trio.data.calendars.gaps import with_gaps
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.request import BacktestRequest, Resolution
from glowback_trio.model.sessions.stamps import Stamps

WEEK = ["2020-03-02", "2020-03-03", "2020-03-04", "2020-03-05", "2020-03-06"]
HOLIDAY = ["2020-12-24", "2020-12-28", "2020-12-29"]  # the 25th was a Friday

# Deprecation warnings between the calendars' dependencies are not for these tests.
outspoken = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def missing(
    symbols: Mapping[str, Sequence[str]],
    resolution: Resolution = "day",
    exchange: str | None = None,
) -> dict[str, int]:
    times = [Stamps(np.array(stamps, dtype="M8[ns]")) for stamps in symbols.values()]
    quality = [Quality(symbol, len(symbols[symbol]), len(symbols[symbol])) for symbol in symbols]
    found = with_gaps(times, quality, resolution, exchange)
    for report in found:
        assert bool(report.missing_intervals) == bool(report.warnings)
    return {report.symbol: report.missing_intervals for report in found}


def test_a_day_on_which_no_symbol_traded_is_no_gap() -> None:
    assert missing({"A": HOLIDAY, "B": HOLIDAY}) == {"A": 0, "B": 0}


def test_a_day_on_which_another_symbol_traded_is_a_gap() -> None:
    assert missing({"A": WEEK, "B": [WEEK[0], WEEK[3]], "C": WEEK[1:3]}) == {"A": 0, "B": 2, "C": 0}


def test_a_gap_is_one_warning_that_names_the_unit() -> None:
    times = [Stamps(np.array(days, dtype="M8[ns]")) for days in (WEEK, [WEEK[0], *WEEK[2:]])]
    quality = [Quality("A", 5, 5), Quality("B", 4, 4, warnings=("B: something else",))]
    [_, report] = with_gaps(times, quality, "day")
    assert report.warnings == (
        "B: something else",
        "B: 1 day between its first and its last bar has no bar although other symbols have one",
    )


def test_a_single_symbol_has_no_gaps() -> None:
    assert missing({"A": [WEEK[0], WEEK[4]]}) == {"A": 0}


def test_weekend_bars_of_one_symbol_are_no_gaps_of_another() -> None:
    every = [f"2020-03-{day:02}" for day in range(2, 16)]
    weekdays = [day for day in every if day not in {"2020-03-07", "2020-03-08", "2020-03-14"}]
    weekdays.remove("2020-03-15")
    found = missing({"SPY": weekdays, "BTCUSD": every, "ETHUSD": [*every[:3], *every[4:]]})
    assert found == {"SPY": 0, "BTCUSD": 0, "ETHUSD": 1}


def hours(first: str, last: str) -> list[str]:
    return np.arange(first, last, dtype="M8[h]").astype(str).tolist()


def test_a_symbol_around_the_clock_misses_every_step_whatever_its_name() -> None:
    every = hours("2020-03-06", "2020-03-16")
    two_days_later = [*every[:100], *every[148:]]
    found = missing({"BTCEUR": two_days_later, "ETH-USD": every}, "hour")
    assert found == {"BTCEUR": 48, "ETH-USD": 0}
    daily = [f"2020-03-{day:02}" for day in range(2, 30) if day not in (17, 18)]
    assert missing({"BTCEUR": daily}) == {"BTCEUR": 2}


def test_a_name_makes_no_market_open_at_night() -> None:
    days = [f"2020-03-{day:02}" for day in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13)]
    assert missing({"STABLE-USD": days}) == {"STABLE-USD": 0}
    in_session = [f"{day}T{hour}" for day in days for hour in ("10", "11", "12")]
    assert missing({"STABLE-USD": in_session}, "hour") == {"STABLE-USD": 0}
    # Open on all days, but not at night.
    bazaar = [f"2020-03-{day:02}T{hour}" for day in range(2, 30) for hour in ("10", "11", "13")]
    assert missing({"BAZAAR": bazaar}, "hour") == {"BAZAAR": 0}


@pytest.mark.parametrize(
    ("step", "resolution", "unit"),
    [
        ("4h", "hour", "bars of 4 hours"),
        ("12h", "hour", "bars of 12 hours"),
        ("5m", "minute", "bars of 5 minutes"),
        ("90m", "hour", "bars of 1.5 hours"),
        ("30s", "second", "bars of 30 seconds"),
        ("1h", "hour", "hours"),
    ],
)
def test_a_step_is_the_distance_that_most_bars_have(
    step: str, resolution: Resolution, unit: str
) -> None:
    length = np.timedelta64(int(step[:-1]), step[-1])  # type: ignore[call-overload]  # a unit
    time = np.arange("2023-01-01", "2023-01-22", length, dtype="M8[s]").astype("M8[ns]")
    [report] = with_gaps(
        [Stamps(np.delete(time, [10, 11, 19]))], [Quality("COIN", 1, 1)], resolution
    )
    assert report.missing_intervals == 3
    assert report.warnings == (f"COIN: 3 {unit} between its first and its last bar have no bar",)


def test_a_special_session_on_a_saturday_does_not_make_another_market() -> None:
    days = [f"2020-02-{day:02}" for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14)]
    budget = [*days[:5], "2020-02-08", *days[5:]]
    assert missing({"RELIANCE": budget, "TCS": [*budget[:8], *budget[9:]]}) == {
        "RELIANCE": 0,
        "TCS": 1,
    }


def test_days_of_gaps_are_session_dates() -> None:
    """Bars from 23:00 to 04:00 UTC, which are one day of Sydney and two of UTC."""
    days = [f"2020-01-{day:02}" for day in (13, 14, 15, 16)]
    time = np.array([f"{day}T23" for day in days], "M8[ns]")
    sydney = Stamps(time, np.full(4, 11 * 3600, "m8[s]"))
    plain = Stamps(np.array(["2020-01-14T10", "2020-01-15T10", "2020-01-17T10"], "M8[ns]"))
    quality = [Quality("S", 4, 4), Quality("P", 3, 3)]
    assert [one.missing_intervals for one in with_gaps([sydney, plain], quality, "hour")] == [0, 1]


def test_an_equity_misses_whole_days_only() -> None:
    minutes = ["2020-03-05T09:30", "2020-03-05T15:59", "2020-03-09T09:30"]
    other = ["2020-03-05T09:30", "2020-03-06T09:30", "2020-03-09T09:30"]
    assert missing({"A": minutes, "B": other}, "minute") == {"A": 1, "B": 0}


@given(st.lists(st.sets(st.integers(0, 30), min_size=1), min_size=1, max_size=4))
def test_gaps_are_what_a_loop_over_days_finds(symbols: list[set[int]]) -> None:
    """Weekdays only, so that all symbols are of one market: day n is the n-th weekday."""
    first = np.datetime64("2020-03-02")
    every = [np.busday_offset(first, sorted(days)).astype(str).tolist() for days in symbols]
    open_days = set.union(*symbols)
    expected = {
        str(place): sum(min(days) <= day <= max(days) for day in open_days - days)
        for place, days in enumerate(symbols)
    }
    assert missing({str(place): days for place, days in enumerate(every)}) == expected


@outspoken
def test_an_exchange_s_calendar_knows_its_holidays() -> None:
    pytest.importorskip("exchange_calendars")
    assert missing({"A": HOLIDAY}, exchange="XNYS") == {"A": 0}
    assert missing({"A": HOLIDAY}, exchange="24/7") == {"A": 3}
    few = hours("2020-03-02", "2020-03-05")
    assert missing({"A": [*few[:20], *few[30:]]}, "hour", exchange="24/7") == {"A": 10}
    assert missing({"A": [WEEK[0], WEEK[4]], "B": WEEK}, exchange="XNYS") == {"A": 3, "B": 0}
    assert missing({"A": WEEK[:1]}, exchange="XNYS") == {"A": 0}


@outspoken
def test_the_shipped_prices_have_every_day_of_their_exchange() -> None:
    pytest.importorskip("exchange_calendars")
    [bars] = Catalogue(demo_path()).load(asking("SPY")).bars
    days = bars.time.astype("M8[D]").astype(int)
    assert trading_days("XNYS", int(days[0]), int(days[-1])).tolist() == days.tolist()


@outspoken
@pytest.mark.parametrize(
    ("exchange", "message"),
    [
        ("XNYX", "No calendar is called 'XNYX'; did you mean 'XNYS'"),
        ("?", "No calendar is called '?'"),
        ("XKRX", "Calendar 'XKRX': The XKRX holidays are only recorded back to"),
    ],
)
def test_an_unknown_calendar_is_refused(exchange: str, message: str) -> None:
    pytest.importorskip("exchange_calendars")
    with pytest.raises(DataError) as caught:
        missing({"A": ["1950-01-02", "1950-01-03"]}, exchange=exchange)
    assert str(caught.value).startswith(message)


def asking(*symbols: str, **fields: Any) -> BacktestRequest:
    dates = {"start_date": "2015-01-01", "end_date": "2020-12-31"}
    return BacktestRequest(**({"symbols": symbols} | dates | fields))


def test_without_the_extra_a_calendar_is_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)  # which means: not installed
    for source in (MemoryCatalogue([bars_on("A", WEEK)]), Catalogue(), Catalogue(demo_path())):
        found = source.problems(asking("A", calendar="XNYS"))
        [problem] = [one for one in found if one.path == ("calendar",)]
        assert "pip install exchange-calendars" in problem.message


def bars_on(symbol: str, days: Iterable[str]) -> Bars:
    time = np.array(list(days), dtype="M8[ns]")
    price = np.ones(len(time))
    return Bars(symbol, time, price, price, price, price, price)


@outspoken
def test_a_request_names_the_calendar_for_every_source() -> None:
    pytest.importorskip("exchange_calendars")
    memory = MemoryCatalogue([bars_on("A", [WEEK[0], WEEK[4]])])
    assert memory.load(asking("A")).quality[0].warnings == ()
    [warning] = memory.load(asking("A", calendar="XNYS")).quality[0].warnings
    assert warning == (
        "A: 3 days between its first and its last bar have no bar although XNYS was open"
    )
    assert Catalogue(demo_path()).load(asking("SPY", calendar="XNYS")).quality[0].warnings == ()
    for source in (memory, Catalogue()):
        with pytest.raises(DataError, match="No calendar is called 'MARS'"):
            source.load(asking("A", calendar="MARS"))
