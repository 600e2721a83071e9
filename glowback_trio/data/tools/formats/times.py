"""Read a column of times as vendors write them: dates in any order, counts since 1970 in any unit.

The forms that price files have are left to `files.timestamps`, which reads them all at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from glowback_trio.data.files.counted_times import counted_times, likeness_of
from glowback_trio.data.files.timestamps import outside_years, read_stamps
from glowback_trio.data.tools.formats.dates import (
    DATE,
    UndecidedOrderError,
    date_of,
    day_comes_first,
)
from glowback_trio.data.tools.formats.numbers import BadCellError
from glowback_trio.errors import DataError
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["read_times", "zone_beside"]

_EXPECTED = "a date or time"
_ZONE_BESIDE = re.compile(r"(?P<time>.*\d) (?P<zone>[A-Za-z][A-Za-z_/+-]*\d*)", re.ASCII)
_TIME = (
    r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?|\d{6}|\d{4}|\d{1,2}-[ap]m"  # CryptoDataDownload: 05-PM
)
_WHOLE = re.compile(
    rf"(?P<date>{DATE})(?:[t ,]+(?P<time>{_TIME})(?P<half> ?[ap]m)?)?"
    r" ?(?P<zone>z|(?:gmt|utc)?[+-]\d\d:?\d\d|gmt|utc)?",
    re.ASCII | re.IGNORECASE,
)
_RUN_TOGETHER = re.compile(r"(\d{8})(\d{4}|\d{6})", re.ASCII)
_COUNT = re.compile(r"(-?\d+)(\.0*)?", re.ASCII)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):?(?P<minute>\d\d)(:?(?P<second>\d\d)([.,](?P<fraction>\d+))?)?", re.ASCII
)
_LAST_HOUR, _LAST_SIXTIETH, _HALF_DAY = 23, 59, 12
_NS = 10**9


def zone_beside(texts: Sequence[str]) -> str | None:
    """Return the zone whose name stands beside every time, such as `US/Eastern`.

    Abbreviations such as `EST` are no such names: they say nothing of summer time.
    """
    parts = _ZONE_BESIDE.fullmatch(texts[0].strip())
    if parts is None or "/" not in parts["zone"]:
        return None
    end = f" {parts['zone']}"
    return parts["zone"] if all(text.strip().endswith(end) for text in texts) else None


def read_times(texts: Sequence[str], *, day_first: bool | None) -> Stamps:
    """Read a column, (T,) with T > 0.

    Args:
        texts: The cells. A cell of a date and a cell of a time are joined by a space.
        day_first: Whether 03/04/2023 is 3 April; None: the column has to show it.

    Raises:
        BadCellError: A cell is not a time, or means something else than a time.
        DataError: Nothing shows whether the day or the month comes first.
    """
    try:
        return read_stamps(np.array([text.strip().encode("ascii") for text in texts]))
    except (ValueError, BadCellError):  # other forms, or a bad cell, which is found below
        pass
    if all(_COUNT.fullmatch(text) for text in texts) and not _are_dates(texts):
        return _counted(texts)
    return _written([_spaced(text) for text in texts], day_first=day_first)


def _spaced(text: str) -> str:
    """Return `20230320093000` as date and time."""
    text = text.strip()
    parts = _RUN_TOGETHER.fullmatch(text)
    return f"{parts[1]} {parts[2]}" if parts else text


def _are_dates(texts: Sequence[str]) -> bool:
    """Return whether all digits read as dates written together, `20230320` or with a time."""
    try:
        for text in texts:
            parts = _WHOLE.fullmatch(_spaced(text))
            if parts is None or not "1900" <= parts["date"] <= "2201":
                return False
            date_of(parts["date"], day_first=False)
            _nanoseconds(parts["time"] or "00:00", "")
    except ValueError:
        return False
    return True


def _counted(texts: Sequence[str]) -> Stamps:
    counts = np.array([int(text.partition(".")[0]) for text in texts], dtype=object)
    for index, count in enumerate(counts):
        if abs(count) >= 2**63:
            raise BadCellError(index, _EXPECTED)
    numbers = counts.astype(np.int64)
    if likeness := likeness_of(numbers):
        raise BadCellError(0, f"{_EXPECTED}; the column looks like {likeness}")
    try:
        return Stamps(counted_times(numbers))
    except ValueError as error:
        worst = int(np.argmax(np.abs(numbers)))
        raise BadCellError(worst, f"{_EXPECTED}; as a count since 1970 it is {error}") from None


def _written(texts: Sequence[str], *, day_first: bool | None) -> Stamps:
    matches = [_WHOLE.fullmatch(text) for text in texts]
    for index, parts in enumerate(matches):
        if parts is None:
            raise BadCellError(index, _expected(texts[index]))
    found = [parts for parts in matches if parts]
    dates = [parts["date"] for parts in found]
    try:
        first = day_comes_first(dict.fromkeys(dates), declared=day_first)
    except UndecidedOrderError:
        raise DataError(
            f"nothing shows whether {dates[0]} begins with the day or the month; "
            "give --dayfirst or --no-dayfirst"
        ) from None
    days = _each(dates, lambda text: _days(date_of(text, day_first=first)))
    clock = _each(
        [f"{parts['time'] or '00:00'}|{(parts['half'] or '').strip()}" for parts in found],
        lambda text: _nanoseconds(*text.split("|")),
    )
    ahead = _each([(parts["zone"] or "").lower() for parts in found], _seconds_ahead)
    local = days.astype("M8[D]").astype("M8[ns]") + clock.astype("m8[ns]")
    offset = ahead.astype("m8[s]")
    is_local = not any(parts["zone"] for parts in found)
    return Stamps(local - offset, offset if offset.any() else None, is_local=is_local)


def _expected(text: str) -> str:
    """Return what was expected instead of a text, and what to do about it."""
    if _CLOCK.fullmatch(text.strip()):
        return "a date, beside the time of day or in a column of its own"
    parts = _ZONE_BESIDE.fullmatch(text.strip())
    if parts is None or not _WHOLE.fullmatch(_spaced(parts["time"])):
        return _EXPECTED
    return f"{_EXPECTED} without {parts['zone']!r}; take it away and name the zone by --timezone"


def _each(texts: Sequence[str], read: Callable[[str], int]) -> NDArray[np.int64]:
    """Read each text, each different one once."""
    known: dict[str, int] = {}
    for index, text in enumerate(texts):
        if text not in known:
            try:
                known[text] = read(text)
            except ValueError:
                raise BadCellError(index, _EXPECTED) from None
    return np.array([known[text] for text in texts], dtype=np.int64)


def _days(day: date) -> int:
    since: int = np.datetime64(day).astype(np.int64).item()
    if outside_years(np.array([day], "M8[D]")).any():
        raise ValueError(f"{day} is outside the years")
    return since


def _nanoseconds(text: str, half: str) -> int:
    """Return the time since midnight.

    Raises:
        ValueError: There is no such time of day.
    """
    text, half = text.lower(), half.lower()
    if text.endswith(("-am", "-pm")):
        text, half = f"{text[:-3]}:00", text[-2:]
    parts = _CLOCK.fullmatch(text.zfill(4) if ":" not in text else text)
    if parts is None:
        raise ValueError(f"{text!r} is not a time of day")
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    if half:
        if not 1 <= hour <= _HALF_DAY:
            raise ValueError(f"no hour {hour} {half}")
        hour = hour % _HALF_DAY + (_HALF_DAY if half == "pm" else 0)
    if hour > _LAST_HOUR or max(minute, second) > _LAST_SIXTIETH:
        raise ValueError(f"{text!r} is no time of day")
    fraction = int((parts["fraction"] or "").ljust(9, "0")[:9])
    return (hour * 3600 + minute * 60 + second) * _NS + fraction


def _seconds_ahead(zone: str) -> int:
    """Return how far a zone is ahead of UTC: `GMT+0100`, `+01:00`, `z` or nothing."""
    digits = re.sub(r"gmt|utc|z|:", "", zone)
    if not digits:
        return 0
    seconds = int(digits[1:3]) * 3600 + int(digits[3:5]) * 60
    return -seconds if digits[0] == "-" else seconds
