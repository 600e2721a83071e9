"""Bars per year: counted from the bars, near a convention of the trade that convention.

Rule: neither a symbol's name nor a single bar decides. Values are worked out by hand, from years
whose bars anyone can count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.engine_bars import make_request

from glowback_trio.engine import backtest
from glowback_trio.engine.analytics.annualisation import annualisation
from glowback_trio.model.bars import Bars, Times

MONTHS = np.arange("2019-01", "2024-01", dtype="M8[M]")
HOLIDAYS = ("01-01", "01-20", "02-17", "04-10", "05-25", "07-03", "09-07", "11-26", "12-25")


def every_day(first: str, last: str) -> Times:
    return np.arange(first, last, dtype="M8[D]")


def weekdays(first: str, last: str) -> Times:
    days = every_day(first, last)
    return days[np.is_busday(days)]


def exchange(first: int, last: int) -> Times:
    """Weekdays without nine holidays a year, where they fall on one."""
    days = weekdays(f"{first}-01-01", f"{last + 1}-01-01")
    closed = [f"{year}-{day}" for year in range(first, last + 1) for day in HOLIDAYS]
    return days[~np.isin(days, np.array(closed, "M8[D]"))]


def per_year(days: Times) -> float:
    return annualisation(days.astype("M8[ns]"), days).periods


def intraday(days: Times, clock: Any) -> float:
    time = (days[:, None].astype("M8[ns]") + clock).ravel()
    return annualisation(time, time.astype("M8[D]")).periods


def hours(first: int, last: int) -> Any:
    return np.arange(first, last) * np.timedelta64(1, "h")


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (exchange(2000, 2022), 252.0),
        (np.append(exchange(2000, 2022), np.datetime64("2023-01-07")), 252.0),
        (every_day("2019-01-01", "2021-01-01"), 365.0),
        (np.delete(every_day("2019-01-01", "2021-01-01"), [100, 101, 350]), 365.0),
        (np.arange("2019-01-04", "2020-03-06", 7, dtype="M8[D]"), 52.18),
        ((MONTHS + np.timedelta64(1, "M")).astype("M8[D]") - np.timedelta64(1, "D"), 12.0),
        ((MONTHS[::3][np.arange(40) % 20]).astype("M8[D]")[:20], 4.0),
    ],
    ids=["stocks", "one Saturday", "coins", "coins with gaps", "weeks", "months", "quarters"],
)
def test_bars_near_a_convention_have_it(days: Times, expected: float) -> None:
    assert per_year(days) == expected


def test_bars_near_no_convention_are_counted() -> None:
    assert per_year(weekdays("2020-01-01", "2023-01-01")) == pytest.approx(260.89, abs=0.3)
    six_days = every_day("2020-01-01", "2023-01-01")
    six_days = six_days[(six_days.astype(int) + 3) % 7 != 5]
    assert per_year(six_days) == pytest.approx(313.1, abs=0.3)


def test_a_part_of_a_year_without_a_holiday_is_one_of_trading_days() -> None:
    assert per_year(weekdays("2023-03-20", "2023-05-13")) == 252.0
    minutes = np.arange(570, 960) * np.timedelta64(1, "m")
    assert intraday(weekdays("2023-03-20", "2023-05-13"), minutes) == 252.0 * 390
    currency = intraday(weekdays("2023-03-20", "2023-05-13"), hours(0, 24))
    assert currency == pytest.approx(260.9 * 24, rel=1e-3)


def test_a_part_of_a_week_at_the_end_changes_nothing() -> None:
    days = exchange(2020, 2020)
    assert {per_year(days[: len(days) - cut]) for cut in range(7)} == {252.0}


@pytest.mark.parametrize(
    ("days", "clock", "expected"),
    [
        (exchange(2018, 2020), hours(9, 16), 252.0 * 7),
        (every_day("2019-01-01", "2020-01-01"), hours(0, 24), 365.0 * 24),
    ],
    ids=["stocks", "coins"],
)
def test_intraday_bars_count_by_session(days: Times, clock: Any, expected: float) -> None:
    assert intraday(days, clock) == expected


@pytest.mark.parametrize("first", ["2023-02-20", "2023-10-09", "2023-03-02"])
def test_a_clock_that_is_changed_moves_no_session_out_of_the_count(first: str) -> None:
    days = weekdays(first, str(np.datetime64(first) + np.timedelta64(60, "D")))
    summer = (days >= np.datetime64("2023-03-12")) & (days < np.datetime64("2023-11-05"))
    shift = np.where(summer, 4, 5).astype("m8[h]")
    local = days[:, None].astype("M8[ns]") + hours(9, 16) + np.timedelta64(30, "m")
    time = (local + shift[:, None]).ravel()
    assert annualisation(time, local.ravel().astype("M8[D]")).periods == 252.0 * 7


def test_a_first_session_of_which_the_range_has_only_a_part_is_not_counted() -> None:
    days = every_day("2023-01-01", "2023-02-01")
    time = (days[:, None].astype("M8[ns]") + hours(0, 24)).ravel()[23:]
    assert annualisation(time, time.astype("M8[D]")).periods == 365.0 * 24


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [("2024-01-02", "2024-01-03", 365.0), ("2024-01-01", "2024-01-06", 365.0)],
)
def test_few_sessions_around_the_clock_without_a_weekend_are_taken_for_coins(
    first: str, last: str, expected: float
) -> None:
    assert intraday(every_day(first, last), hours(0, 24)) == expected * 24
    assert intraday(weekdays("2024-01-04", "2024-01-10"), hours(0, 24)) == 252.0 * 24


def test_hours_of_a_market_that_never_closes_in_the_week_are_counted() -> None:
    days = every_day("2020-01-01", "2023-01-01")
    time = (days[:, None].astype("M8[ns]") + hours(0, 24)).ravel()
    weekday, hour = (
        (time.astype("M8[D]").astype(int) + 3) % 7,
        time.astype("M8[h]").astype(int) % 24,
    )
    closed = (weekday == 5) | ((weekday == 6) & (hour < 22)) | ((weekday == 4) & (hour >= 22))
    forex = time[~closed]
    assert annualisation(forex, forex.astype("M8[D]")).periods == pytest.approx(6261, rel=0.002)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (every_day("2024-01-01", "2024-01-02"), 252.0),
        (every_day("2024-01-01", "2024-01-06"), 252.0),
        # A week with a single Saturday, as of a budget; and one with a whole weekend.
        (every_day("2024-01-01", "2024-01-07"), 252.0),
        (every_day("2024-01-05", "2024-01-12"), 365.0),
        (weekdays("2024-01-01", "2024-02-01"), 252.0),
        (np.arange("2024-01-05", "2024-04-01", 7, dtype="M8[D]"), 52.18),
        (MONTHS[:12].astype("M8[D]"), 12.0),
        (MONTHS[::3].astype("M8[D]"), 4.0),
        (MONTHS[::12].astype("M8[D]"), 365.25 / 365),
    ],
)
def test_few_bars_are_judged_by_their_distance_and_weekdays(days: Times, expected: float) -> None:
    assert per_year(days) == pytest.approx(expected)


def test_few_sessions_of_minutes_count_by_their_median() -> None:
    minutes = np.arange(570, 960) * np.timedelta64(1, "m")
    assert intraday(weekdays("2024-01-01", "2024-01-13"), minutes) == 252.0 * 390


def bars_on(days: Times) -> Bars:
    close = np.array([100.0, 101.0, 102.0])[np.arange(len(days)) % 3]
    return Bars("A", days, close, close, close, close, close)


def test_the_manifest_says_how_the_bars_per_year_were_found() -> None:
    request = make_request(start_date="2000-01-01", end_date="2023-12-31")
    said = backtest(request, [bars_on(exchange(2000, 2022))]).manifest["annualisation"]
    assert said["periods_per_year"] == 252.0
    assert said["derived_from"] == "bars"
    assert said["how"].startswith("252 trading days a year, near to the 25")
    few = backtest(request, [bars_on(every_day("2020-01-01", "2020-01-03"))])
    assert few.manifest["annualisation"]["how"] == (
        "252 trading days a year, by the distance of the bars and weekdays, "
        "as 2 bars on 2 days are too few to count"
    )


def test_large_counts_are_written_in_full() -> None:
    days = every_day("2019-01-01", "2020-01-01")
    time = (days[:, None].astype("M8[ns]") + hours(0, 24)).ravel()
    assert annualisation(time, time.astype("M8[D]")).how == (
        "365 days a year with 24 bars each, near to the 8,766 bars a year "
        "from 2019-01-01 to 2019-12-31"
    )


def test_the_requests_number_goes_first() -> None:
    request = make_request(periods_per_year=260.0, start_date="2000-01-01", end_date="2023-12-31")
    result = backtest(request, [bars_on(exchange(2000, 2022))])
    assert result.metrics["periods_per_year"] == 260.0
    assert result.manifest["annualisation"]["derived_from"] == "request"
    assert result.manifest["annualisation"]["how"] == "stated in the request"
