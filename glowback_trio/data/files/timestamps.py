"""Read the timestamps of price files; a timestamp without an offset is in UTC.

Accepted are `2020-01-31`, `2020-01-31 09:30`, `2020-01-31 09:30:00`, RFC 3339 with fractions and an
offset, and whole seconds or milliseconds since 1970. Digits that look like a date are refused:
`20200131` and `2020` are hardly meant as times in 1970.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glowback_trio.model.bars import Times
from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR

__all__ = ["FORMS", "outside_years", "read_stamp", "read_stamps", "times_since_1970"]

FORMS = (
    "a date or time such as 2020-01-31, 2020-01-31 09:30:00, 2020-01-31T09:30:00Z or seconds or "
    f"milliseconds since 1970, in the years {FIRST_YEAR} to {LAST_YEAR}"
)

_HOUR, _SIXTIETH = r"([01]\d|2[0-3])", r"[0-5]\d"
# ASCII, because `\d` matches the digits of every script otherwise.
_WRITTEN = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)([Tt ]"
    rf"(?P<hour>{_HOUR}):(?P<minute>{_SIXTIETH})"
    rf"(:(?P<second>{_SIXTIETH})(\.(?P<fraction>\d{{1,9}}))?)?"
    rf"([Zz]|(?P<sign>[+-])(?P<hours_ahead>{_HOUR}):(?P<minutes_ahead>{_SIXTIETH}))?)?",
    re.ASCII,
)
_DATE = ("year", "month", "day")
_HIGHEST = {"hour": 23, "minute": 59, "second": 59, "hours_ahead": 23, "minutes_ahead": 59}
# Counts of whole hours end in 00, which no day or month does, so none of them is refused.
_RUN_TOGETHER = r"(19|2[01])\d\d((0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?)?"
_COUNTED = re.compile(rf"(?!{_RUN_TOGETHER}$)-?\d{{1,13}}", re.ASCII)
_MILLISECONDS_FROM = 10**11  # the year 5138 in seconds, 1973 in milliseconds
_FIRST, _AFTER_LAST = np.datetime64(str(FIRST_YEAR), "s"), np.datetime64(str(LAST_YEAR + 1), "s")


def read_stamp(text: str) -> np.datetime64:
    """Read one timestamp.

    Returns:
        datetime64[ns], UTC.

    Raises:
        ValueError: Not a timestamp, no such date, or outside the years 1900 to 2200.
    """
    text = text.strip()
    if _COUNTED.fullmatch(text):
        return np.datetime64(_counted(np.array([int(text)]))[0])
    parts = _parts(text)
    day = np.datetime64(date(*(int(parts[part]) for part in _DATE)))
    _check_years(day)
    time: np.datetime64 = day + _time_of_day(lambda part: int(parts[part] or 0), parts)
    return time


def read_stamps(texts: NDArray[np.bytes_]) -> Times:
    """Read a whole column at once.

    Args:
        texts: (T,), T > 0. All must have the form of the first one: digits where it has digits, and
            elsewhere the same bytes. Files write their timestamps alike, and this is what makes the
            whole column readable with array arithmetic.

    Returns:
        (T,) datetime64[ns], UTC: for each text what `read_stamp` returns.

    Raises:
        ValueError: A text has another form, or is one that `read_stamp` refuses.
    """
    texts = np.ascontiguousarray(texts)
    cells = texts.view(np.uint8).reshape(len(texts), -1)
    digits = cells - ord("0") < 10  # unsigned, so that bytes below "0" wrap to large numbers
    fixed = ~digits[0]
    if not (digits == digits[0]).all() or not (cells[:, fixed] == cells[0, fixed]).all():
        raise ValueError("timestamps of different forms")
    first = bytes(texts[0]).decode("latin-1")
    if _COUNTED.fullmatch(first):
        return _counted(texts.astype(np.int64))
    return _written(cells, _parts(first))


def _parts(text: str) -> re.Match[str]:
    if (parts := _WRITTEN.fullmatch(text)) is None:
        raise ValueError(f"{text!r} is not a timestamp")
    return parts


def _written(cells: NDArray[np.uint8], parts: re.Match[str]) -> Times:
    """Read texts, (T, W) bytes, whose parts have the positions of those of the first text.

    Not by a cast from text to datetime64, because numpy 1.26 crashes the process on a date that
    does not exist.
    """

    def number(part: str) -> NDArray[np.int64]:
        start, stop = parts.span(part)  # a missing part has an empty span, which reads as 0
        digits = cells[:, start:stop].astype(np.int64) - ord("0")
        total: NDArray[np.int64] = digits @ 10 ** np.arange(stop - start)[::-1]
        return total

    if any((number(part) > highest).any() for part, highest in _HIGHEST.items()):
        raise ValueError("no such time of day")
    times: Times = _dates(*(number(part) for part in _DATE)).astype("M8[ns]")
    times += _time_of_day(number, parts)
    return times


def _dates(year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]) -> Times:
    """Return dates, (T,) datetime64[D].

    Raises:
        ValueError: There is no such date, or it is outside the years.
    """
    months = (12 * (year - 1970) + month - 1).astype("M8[M]")
    dates: Times = months.astype("M8[D]") + (day - 1).astype("m8[D]")
    if ((month < 1) | (month > 12) | (dates.astype("M8[M]") != months)).any():
        raise ValueError("no such date")
    _check_years(dates)
    return dates


def _time_of_day(number: Callable[[str], Any], parts: re.Match[str]) -> Any:
    """Return the time since midnight UTC of the date, timedelta64[ns], scalar or (T,)."""
    minutes = number("hour") * 60 + number("minute")
    ahead = number("hours_ahead") * 60 + number("minutes_ahead")
    minutes += ahead if parts["sign"] == "-" else -ahead
    fraction = number("fraction") * 10 ** (9 - len(parts["fraction"] or ""))
    return np.asarray((minutes * 60 + number("second")) * 10**9 + fraction).astype("m8[ns]")[()]


def times_since_1970(counts: NDArray[np.int64]) -> Times:
    """Read counts as seconds or as milliseconds, by their size, (T,) datetime64[ms]."""
    in_ms = np.abs(counts) >= _MILLISECONDS_FROM
    return np.where(in_ms, counts, counts * 1000).astype("M8[ms]")


def outside_years(times: Times) -> NDArray[np.bool_]:
    """Return which times, (T,), are NaT or outside the years, which nanoseconds might not hold."""
    return ~((times >= _FIRST) & (times < _AFTER_LAST))


def _counted(counts: NDArray[np.int64]) -> Times:
    times = times_since_1970(counts)
    _check_years(times)
    return times.astype("M8[ns]")


def _check_years(times: Times | np.datetime64) -> None:
    """Raise ValueError for times outside the years, before a cast to nanoseconds wraps them."""
    if np.any(outside_years(np.asarray(times))):
        raise ValueError(f"outside the years {FIRST_YEAR} to {LAST_YEAR}")
