"""Read the timestamps of price files, with the offsets that are written beside them.

Accepted are `2020-01-31`, `2020-01-31 09:30`, `2020-01-31 09:30:00`, RFC 3339 with fractions and an
offset, and whole seconds, or thousandths, millionths or billionths of a second, since 1970. Digits
that look like something else are refused: `20200131` and `2020` are hardly meant as times in 1970,
nor is a column of row numbers.

What a time without an offset means is decided later, see `model.sessions.stamps`. `Z` and `+00:00`
count as an offset only in a column that has others too, as London's has: alone they say that the
times are in UTC, but not that the market is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from itertools import repeat
from typing import Any, Literal

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from glowback_trio.data.files.counted_times import counted_times, likeness_of
from glowback_trio.model.bars import Bars, Times
from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR
from glowback_trio.model.sessions.stamps import Stamps

__all__ = [
    "FORMS",
    "Stamp",
    "join_stamps",
    "outside_years",
    "read_stamp",
    "read_stamps",
    "written_times",
]

FORMS = (
    "a date or time such as 2020-01-31, 2020-01-31 09:30:00, 2020-01-31T09:30:00Z or a count "
    f"since 1970, in the years {FIRST_YEAR} to {LAST_YEAR}"
)

_HOUR, _SIXTIETH = r"([01]\d|2[0-3])", r"[0-5]\d"
# ASCII, because `\d` matches the digits of every script otherwise.
_WRITTEN = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)([Tt ]"
    rf"(?P<hour>{_HOUR}):(?P<minute>{_SIXTIETH})"
    rf"(:(?P<second>{_SIXTIETH})(\.(?P<fraction>\d{{1,9}}))?)?"
    rf"(?P<zone>[Zz]|(?P<sign>[+-])(?P<hours_ahead>{_HOUR}):(?P<minutes_ahead>{_SIXTIETH}))?)?",
    re.ASCII,
)
_DATE = ("year", "month", "day")
_HIGHEST = {"hour": 23, "minute": 59, "second": 59, "hours_ahead": 23, "minutes_ahead": 59}
# Counts of whole hours end in 00, which no day or month does, so none of them is refused.
_RUN_TOGETHER = r"(19|2[01])\d\d((0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?)?"
_COUNTED = re.compile(rf"(?!{_RUN_TOGETHER}$)-?\d{{1,19}}", re.ASCII)
_NO_OFFSET = np.timedelta64(0, "s")
_FIRST, _AFTER_LAST = np.datetime64(str(FIRST_YEAR), "s"), np.datetime64(str(LAST_YEAR + 1), "s")


@frozen
class Stamp:
    """One timestamp.

    Attributes:
        time: datetime64[ns]: UTC, or what a clock of the market showed if `is_local`.
        offset: timedelta64[s], east of UTC, as it is written.
        is_local: True if no offset is written.
    """

    time: np.datetime64
    offset: np.timedelta64 = _NO_OFFSET
    is_local: bool = False


def read_stamp(text: str) -> Stamp:
    """Read one timestamp.

    Raises:
        ValueError: Not a timestamp, no such date, or outside the years 1900 to 2200.
    """
    text = text.strip()
    if _COUNTED.fullmatch(text):
        if not -(2**63) < int(text) < 2**63:
            raise ValueError(f"{text!r} is no count since 1970")
        return Stamp(np.datetime64(_counted(np.array([int(text)], dtype=np.int64))[0]))
    parts = _parts(text)
    day = np.datetime64(date(*(int(parts[part]) for part in _DATE)))
    _check_years(day)

    def number(part: str) -> int:
        return int(parts[part] or 0)

    offset = _offset(number, parts)
    return Stamp(day + _time_of_day(number, parts) - offset, offset, is_local=_is_local(parts))


def join_stamps(stamps: Sequence[Stamp]) -> Stamps:
    """Return timestamps as a column.

    Some with an offset and some without are all taken as UTC and what is written beside it.
    """
    offset = np.array([stamp.offset for stamp in stamps], "m8[s]")
    return Stamps(
        np.array([stamp.time for stamp in stamps], "M8[ns]"),
        offset if offset.any() else None,
        is_local=all(stamp.is_local for stamp in stamps),
    )


def read_stamps(texts: NDArray[np.bytes_]) -> Stamps:
    """Read a whole column at once.

    Args:
        texts: (T,), T > 0. All must have the form of the first one: digits where it has digits, and
            elsewhere the same bytes. Files write their timestamps alike, and this is what makes the
            whole column readable with array arithmetic.

    Returns:
        What `join_stamps` makes of what `read_stamp` returns for each text.

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
        return Stamps(_counted_column(texts))
    return _written(cells, _parts(first))


def _parts(text: str) -> re.Match[str]:
    if (parts := _WRITTEN.fullmatch(text)) is None:
        raise ValueError(f"{text!r} is not a timestamp")
    return parts


def _written(cells: NDArray[np.uint8], parts: re.Match[str]) -> Stamps:
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
    offset = _offset(number, parts)
    times += _time_of_day(number, parts) - offset
    return Stamps(times, offset if np.any(offset) else None, is_local=_is_local(parts))


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
    """Return the time since midnight of the date, timedelta64[ns], scalar or (T,)."""
    seconds = (number("hour") * 60 + number("minute")) * 60 + number("second")
    fraction = number("fraction") * 10 ** (9 - len(parts["fraction"] or ""))
    return np.asarray(seconds * 10**9 + fraction).astype("m8[ns]")[()]


def _offset(number: Callable[[str], Any], parts: re.Match[str]) -> Any:
    """Return how far the written time is ahead of UTC, timedelta64[s], scalar or (T,)."""
    ahead = (number("hours_ahead") * 60 + number("minutes_ahead")) * 60
    return np.asarray(-ahead if parts["sign"] == "-" else ahead).astype("m8[s]")[()]


def _is_local(parts: re.Match[str]) -> bool:
    return parts["zone"] is None


def written_times(bars: Bars, *, is_local: bool) -> list[str]:
    """Write the times of bars in one form for all, which `read_stamps` reads in one pass.

    Dates where all are at midnight UTC; else with the offsets of the bars, or `Z`.

    Args:
        bars: The bars.
        is_local: Write no offset, because the zone is not known.
    """
    offset = bars.offset
    local = bars.time if offset is None else bars.time + offset
    if offset is None and (local == local.astype("M8[D]")).all():
        return np.datetime_as_string(local, unit="D").tolist()  # type: ignore[no-any-return]  # numpy types texts as Any
    unit: Literal["s", "ns"] = "s" if (local == local.astype("M8[s]")).all() else "ns"
    texts = np.datetime_as_string(local, unit=unit).tolist()
    ends = repeat("" if is_local else "Z") if offset is None else map(_written_offset, offset)
    return [f"{text}{end}" for text, end in zip(texts, ends, strict=False)]


def _written_offset(offset: np.timedelta64) -> str:
    minutes = int(offset.astype(np.int64)) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def outside_years(times: Times) -> NDArray[np.bool_]:
    """Return which times, (T,), are NaT or outside the years, which nanoseconds might not hold."""
    return ~((times >= _FIRST) & (times < _AFTER_LAST))


def _counted_column(texts: NDArray[np.bytes_]) -> Times:
    try:
        counts = texts.astype(np.int64)
    except OverflowError as error:
        raise ValueError(str(error)) from None
    if likeness := likeness_of(counts):
        raise ValueError(f"the column looks like {likeness}")
    return _counted(counts)


def _counted(counts: NDArray[np.int64]) -> Times:
    times = counted_times(counts)
    _check_years(times)
    return times


def _check_years(times: Times | np.datetime64) -> None:
    """Raise ValueError for times outside the years, before a cast to nanoseconds wraps them."""
    if np.any(outside_years(np.asarray(times))):
        raise ValueError(f"outside the years {FIRST_YEAR} to {LAST_YEAR}")
