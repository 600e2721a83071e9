"""Points in time: read from what clients write, and written back in UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Literal

import attrs
import numpy as np

from glowback_trio.errors import InvalidRequestError, Problem

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "Edge",
    "end_instant",
    "in_words",
    "stamp",
    "start_instant",
    "utc_now",
]

# datetime64[ns], in which bars count, ends in the year 2262.
FIRST_YEAR, LAST_YEAR = 1900, 2200
# ASCII, because `\d` matches the digits of every script. Python reads nine decimals and keeps six.
_RFC3339 = re.compile(
    r"(?P<year>\d{4})-\d\d-\d\d"
    r"(?P<time>[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)


@attrs.frozen
class Edge:
    """A bound that says which edge of its day a bare date means: the `start` or the `end`."""

    of_day: Literal["start", "end"]


def start_instant(value: datetime | date | str) -> datetime:
    """Read a point in time; a bare date means the first instant of that day.

    Args:
        value: A datetime, a date, or RFC 3339 text with or without a time. Without an offset it
            is taken as UTC.

    Returns:
        The same instant in UTC.

    Raises:
        InvalidRequestError: `value` is none of these, or lies outside the years 1900 to 2200.
    """
    return _instant(value, time.min)


def end_instant(value: datetime | date | str) -> datetime:
    """Read a point in time as `start_instant` does; a bare date means the end of that day."""
    return _instant(value, time.max)


def _instant(value: datetime | date | str, edge: time) -> datetime:
    match value:
        case str():
            return _parse(value, edge)
        case datetime():
            moment = value
        case date():
            moment = datetime.combine(value, edge)
        case _:
            raise _refusal("datetime_type", "Input should be a date or date-time as text", value)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise _refusal("date_range", _YEARS, value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_YEARS = f"Input should lie in the years {FIRST_YEAR} to {LAST_YEAR}"
_NO_SUCH = "There is no such date, time or offset; input should be like 2024-01-31T09:30:00+01:00"
_FORM = "Input should be an RFC 3339 date or date-time, such as 2024-01-31 or 2024-01-31T09:30:00Z"


def _parse(text: str, edge: time) -> datetime:
    parts = _RFC3339.fullmatch(text.strip())
    if parts is None:
        raise _refusal("datetime_parsing", _FORM, text)
    if not FIRST_YEAR <= int(parts["year"]) <= LAST_YEAR:
        raise _refusal("date_range", _YEARS, text)
    try:
        if parts["time"] is None:
            return datetime.combine(date.fromisoformat(text.strip()), edge, UTC)
        # RFC 3339 allows a small `z`, which `fromisoformat` refuses.
        return _instant(datetime.fromisoformat(text.strip().upper()), edge)
    except ValueError as error:
        if isinstance(error, InvalidRequestError):
            raise
        raise _refusal("datetime_parsing", _NO_SUCH, text) from None


def _refusal(kind: str, message: str, value: object) -> InvalidRequestError:
    return InvalidRequestError([Problem(kind, (), message, value)])


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Write a point in time as statuses and events have it: UTC, with microseconds and `Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # 26 characters leave out the `+00:00`. Every event is stamped, so this has to be fast.
    return f"{moment.isoformat(timespec='microseconds')[:26]}Z"


def in_words(time: np.datetime64) -> str:
    """Write a bar's time for a message: in UTC, and only as fine as it is, such as `2024-01-31`."""
    text = str(np.datetime_as_string(time, unit="auto"))
    return f"{text}Z" if "T" in text else text
