"""Points in time: every way to write one is read as the same instant in UTC.

Doctrine: equal instants are listed as clients write them, and what is refused is listed, too.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.instant import end_instant, stamp, start_instant

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-01",
        "2024-01-01T00:00:00Z",
        "2024-01-01t00:00:00z",
        "2024-01-01 00:00",
        "2024-01-01T02:00:00+02:00",
        "2023-12-31T19:00:00.000000-05:00",
        date(2024, 1, 1),
        datetime(2024, 1, 1),  # noqa: DTZ001 - a naive value is what is tested
        datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_all_ways_of_writing_an_instant_mean_the_same(written: str | date | datetime) -> None:
    assert start_instant(written) == NEW_YEAR
    assert start_instant(written).tzinfo is UTC


def test_a_bare_date_is_the_edge_of_its_day() -> None:
    assert start_instant("2024-01-01") == NEW_YEAR
    assert end_instant("2024-01-01") == NEW_YEAR + timedelta(days=1, microseconds=-1)
    assert end_instant("2024-01-01T00:00:00Z") == NEW_YEAR


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2024",
        "20240101",
        "2024-W01",
        "2024-1-1",
        "2024-01-32",
        "2024-01-01T25:00:00Z",
        "\u0662024-01-01",
        "1899-12-31",
        "2201-01-01",
        "9999-12-31T23:59:59-23:00",
        "2024-01-01T00:00:00+99:00",
        "now",
    ],
)
def test_text_that_is_no_instant_is_refused(written: str) -> None:
    with pytest.raises(InvalidRequestError):
        start_instant(written)


@pytest.mark.parametrize("written", ["2024-01-01T00:00+25:00", "2024-02-30", "2024-01-01T24:01Z"])
def test_an_instant_that_does_not_exist_is_refused_with_an_example_of_one_that_does(
    written: str,
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        start_instant(written)
    (problem,) = caught.value.problems
    assert problem.message == (
        "There is no such date, time or offset; input should be like 2024-01-31T09:30:00+01:00"
    )
    assert problem.value == written


def test_a_stamp_has_microseconds_and_z() -> None:
    assert stamp(NEW_YEAR) == "2024-01-01T00:00:00.000000Z"


def test_a_stamp_of_another_zone_is_the_same_instant_in_utc() -> None:
    berlin = NEW_YEAR.astimezone(timezone(timedelta(hours=1)))
    assert stamp(berlin) == stamp(NEW_YEAR)
