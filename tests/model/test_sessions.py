"""Session dates: which day a bar belongs to, whatever offset or zone its time is written in.

Rule: a daily bar has the date it is written with; an intraday bar has an instant, and the date that
a clock in its market's zone shows. Zones agree with `zoneinfo` on every moment.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.model.bars import Bars, Times
from glowback_trio.model.instant import end_instant, start_instant
from glowback_trio.model.sessions.date_range import DateRange
from glowback_trio.model.sessions.stamps import SkippedTimeError, Stamps
from glowback_trio.model.sessions.zones import offsets_at, offsets_of_local

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
ZONES = ["America/New_York", "Europe/Berlin", "Asia/Tokyo", "Australia/Lord_Howe", "UTC"]


def moments(*texts: str) -> Times:
    return np.array(texts, "M8[ns]")


def hours(zone: ZoneInfo | None, *texts: str) -> Stamps:
    return Stamps(moments(*texts), is_local=True).placed(zone, daily=False)


def dates(stamps: Stamps) -> list[str]:
    placed = stamps.placed(None, daily=True)
    assert placed.offset is None
    return [str(time).removesuffix("T00:00:00.000000000") for time in placed.time]


@given(st.sampled_from(ZONES), st.lists(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1))))  # noqa: DTZ001 - naive is UTC
def test_offsets_are_those_of_the_standard_library(zone: str, times: list[datetime]) -> None:
    place = ZoneInfo(zone)
    offsets = offsets_at(place, np.array(times, "M8[ns]"))
    assert offsets.tolist() == [
        time.replace(tzinfo=UTC).astimezone(place).utcoffset() for time in times
    ]


@given(st.sampled_from(ZONES), st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - naive is local
def test_a_local_time_has_the_offset_of_the_standard_library(zone: str, time: datetime) -> None:
    place = ZoneInfo(zone)
    local = time.replace(microsecond=0, tzinfo=place)
    found = offsets_of_local(place, np.array([local.replace(tzinfo=None)], "M8[ns]"))
    exists = local.astimezone(UTC).astimezone(place) == local and local.astimezone(UTC).astimezone(
        place
    ).replace(tzinfo=None) == local.replace(tzinfo=None)
    assert found.skipped.tolist() == [not exists]
    if exists:
        assert found.offset.tolist() == [local.utcoffset()]


def test_a_daily_bar_has_the_date_it_is_written_with_whatever_the_offset() -> None:
    berlin = np.array([3600, 7200], "m8[s]")
    assert dates(Stamps(moments("2023-03-23T23:00", "2023-08-13T22:00"), berlin)) == [
        "2023-03-24",
        "2023-08-14",
    ]
    west = np.array([-14400], "m8[s]")
    assert dates(Stamps(moments("2023-08-15T02:00"), west)) == ["2023-08-14"]
    assert dates(Stamps(moments("2023-08-14T16:00"), is_local=True)) == ["2023-08-14"]


def test_a_daily_instant_has_its_date_in_the_zone_of_its_market() -> None:
    evening = Stamps(moments("2023-08-13T22:00", "2023-08-14T22:00"))
    assert dates(evening.placed(BERLIN, daily=True)) == ["2023-08-14", "2023-08-15"]
    # Midnight in UTC is a date already, which a zone west of it must not move.
    assert dates(Stamps(moments("2023-08-14")).placed(NEW_YORK, daily=True)) == ["2023-08-14"]


@pytest.mark.parametrize("clock", ["23:00", "15:00", "18:30", "13:00"])
def test_weeks_from_sunday_to_thursday_are_a_day_early(clock: str) -> None:
    week = [f"2023-08-{day}T{clock}" for day in (13, 14, 15, 16, 17)]
    assert dates(Stamps(moments(*week))) == [f"2023-08-{day}" for day in (14, 15, 16, 17, 18)]


def test_weeks_with_fridays_are_as_they_are_written() -> None:
    new_york = [f"2023-08-{day}T04:00" for day in (14, 15, 16, 17, 18)]
    assert dates(Stamps(moments(*new_york))) == [text[:10] for text in new_york]
    always = [f"2023-08-{day}T15:00" for day in range(13, 20)]
    assert dates(Stamps(moments(*always))) == [text[:10] for text in always]
    # Dates of a market that trades from Sunday to Thursday.
    riyadh = [f"2023-08-{day}" for day in (13, 14, 15, 16, 17)]
    assert dates(Stamps(moments(*riyadh))) == riyadh


def test_london_days_as_instants_have_one_date_each_through_the_year() -> None:
    winter, summer = (
        np.arange("2023-01-02", "2023-01-07", dtype="M8[D]"),
        np.arange("2023-07-03", "2023-07-08", dtype="M8[D]"),
    )
    written = np.concatenate(
        (winter.astype("M8[ns]"), summer.astype("M8[ns]") - np.timedelta64(1, "h"))
    )
    assert dates(Stamps(written)) == [str(day) for day in (*winter, *summer)]


def test_an_intraday_time_without_an_offset_is_one_of_the_markets_clock() -> None:
    placed = hours(NEW_YORK, "2020-03-06 09:30", "2020-03-09 09:30")
    assert placed.time.tolist() == moments("2020-03-06T14:30", "2020-03-09T13:30").tolist()
    assert hours(None, "2020-03-06 09:30").time.tolist() == moments("2020-03-06T09:30").tolist()


SHOWN_TWICE = ("2020-11-01 00:00", "2020-11-01 01:00", "2020-11-01 01:00", "2020-11-01 02:00")


def test_an_hour_that_a_clock_shows_twice_is_two_hours() -> None:
    assert np.diff(hours(NEW_YORK, *SHOWN_TWICE).time).tolist() == [3600 * 10**9] * 3
    newest_first = hours(NEW_YORK, *SHOWN_TWICE[::-1])
    assert newest_first.time.tolist() == hours(NEW_YORK, *SHOWN_TWICE).time[::-1].tolist()


def test_of_an_hour_shown_twice_the_first_counts_if_there_is_one() -> None:
    once = hours(NEW_YORK, "2020-11-01 00:00", "2020-11-01 01:00", "2020-11-01 02:00")
    assert np.diff(once.time).tolist() == [3600 * 10**9, 2 * 3600 * 10**9]


def test_a_time_that_no_clock_showed_is_refused() -> None:
    with pytest.raises(SkippedTimeError, match="America/New_York") as refused:
        hours(NEW_YORK, "2020-03-08 01:30", "2020-03-08 02:30")
    assert refused.value.row == 1


def test_a_bar_has_the_session_date_that_its_market_shows() -> None:
    time, one = moments("2020-01-13T23:00", "2020-01-14T04:00"), np.ones(2)
    sydney = np.full(2, 11 * 3600, "m8[s]")
    bars = Bars("X", time, one, one, one, one, one, offset=sydney)
    assert bars.date.tolist() == np.array(["2020-01-14", "2020-01-14"], "M8[D]").tolist()
    assert bars.digest() != Bars("X", time, one, one, one, one, one).digest()


def test_a_date_of_a_range_is_a_session_date() -> None:
    range_ = DateRange.of(start_instant("2020-01-14"), end_instant("2020-01-14"))
    times = moments("2020-01-13T12:59", "2020-01-13T13:00", "2020-01-14T12:59", "2020-01-14T13:00")
    sydney = np.full(4, 11 * 3600, "m8[s]")
    assert range_.contains(times, sydney).tolist() == [False, True, True, False]
    assert range_.part(times, sydney) == slice(1, 3)


def test_a_moment_of_a_range_is_an_instant_everywhere() -> None:
    range_ = DateRange.of(start_instant("2020-01-13T13:30Z"), end_instant("2020-01-14T12:00Z"))
    times = moments("2020-01-13T13:29", "2020-01-13T13:30", "2020-01-14T12:00", "2020-01-14T12:01")
    assert range_.part(times, np.full(4, 11 * 3600, "m8[s]")) == slice(1, 3)


@pytest.mark.parametrize("end", ["2020-01-14", "2020-01-14T23:59:59Z"])
def test_the_last_nanosecond_of_the_last_day_is_in_the_range(end: str) -> None:
    range_ = DateRange.of(start_instant("2020-01-13"), end_instant(end))
    times = moments("2020-01-14T23:59:59.999999999", "2020-01-15")
    assert range_.part(times, None) == slice(0, 1)
