"""Timestamps: every accepted form is the same time, read one by one or as a column.

Rule: `read_stamps` agrees with `read_stamp` on every column, by property tests.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.data.files.timestamps import read_stamp, read_stamps

times = st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30))  # noqa: DTZ001 - naive is UTC


def numpy_moment(text: str) -> np.datetime64:
    return np.datetime64(text, "ns")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2020-01-31", "2020-01-31"),
        ("2020-01-31 09:30", "2020-01-31T09:30"),
        ("2020-01-31 09:30:15", "2020-01-31T09:30:15"),
        ("2020-01-31T09:30:15", "2020-01-31T09:30:15"),
        ("2020-01-31T09:30:15Z", "2020-01-31T09:30:15"),
        ("2020-01-31t09:30:15z", "2020-01-31T09:30:15"),
        ("2020-01-31 09:30:15.123456789", "2020-01-31T09:30:15.123456789"),
        ("2020-01-31T09:30:15+00:00", "2020-01-31T09:30:15"),
        ("2020-01-31T09:30:15+05:30", "2020-01-31T04:00:15"),
        ("2020-01-31T20:30:15-05:00", "2020-02-01T01:30:15"),
        ("1580463015", "2020-01-31T09:30:15"),
        ("1580463015123", "2020-01-31T09:30:15.123"),
        ("20131200", "1970-08-22T00:00"),
        ("0", "1970-01-01"),
        ("-1580463015", "1919-12-02T14:29:45"),
        ("  2020-01-31  ", "2020-01-31"),
    ],
)
def test_every_form_is_a_time_in_utc(written: str, meant: str) -> None:
    assert read_stamp(written).time == numpy_moment(meant)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "NaT",
        "today",
        "2020",
        "2020-01",
        "2020-02-30",
        "2020-13-01",
        "2020-01-31 24:00",
        "2020-01-31T09:30:15+24:00",
        "2020-01-31T09:30:15+01:60",
        "31/01/2020",
        "20200131",
        "202001",
        "99999999999",
        "1580463015.5",
        "1899-12-31",
        "2201-01-01",
        "9999-01-01",
        "2020-01-31 09:30:15.1234567890",
        "\N{FULLWIDTH DIGIT TWO}020-01-31",
        "2020-01-31\N{NO-BREAK SPACE}09:30",
    ],
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):  # numpy words some of these refusals
        read_stamp(written)


@given(times, st.sampled_from(["minutes", "seconds", "microseconds"]), st.integers(-1439, 1439))
def test_what_python_writes_is_read_back(time: datetime, precision: str, offset: int) -> None:
    zone = timezone(timedelta(minutes=offset))
    local = time.replace(tzinfo=zone)
    written = local.isoformat(timespec=precision)
    meant = datetime.fromisoformat(written).astimezone(UTC).replace(tzinfo=None)
    assert read_stamp(written).time == np.datetime64(meant, "ns")


@given(st.lists(times, min_size=1, max_size=20), st.sampled_from([" ", "T"]))
def test_a_column_is_read_as_its_cells_are(column: list[datetime], separator: str) -> None:
    texts = [time.isoformat(separator, timespec="seconds") + "-05:00" for time in column]
    assert read_stamps(np.array(texts, dtype="S")).time.tolist() == [
        read_stamp(text).time.astype(int) for text in texts
    ]


@pytest.mark.parametrize("other", ["2020-02-01 09:30", "2020-02-1", "2020/02/01", "", "x020-02-01"])
def test_a_column_of_different_forms_is_refused(other: str) -> None:
    with pytest.raises(ValueError, match="different forms"):
        read_stamps(np.array(["2020-01-31", other], dtype="S"))


def test_seconds_and_milliseconds_in_columns_mean_the_same() -> None:
    seconds = read_stamps(np.array(["1580463015", "1580463016"], dtype="S")).time
    milliseconds = read_stamps(np.array(["1580463015000", "1580463016000"], dtype="S")).time
    assert (seconds == milliseconds).all()
    assert seconds[0] == numpy_moment("2020-01-31T09:30:15")
