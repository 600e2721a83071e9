"""The ways a CSV file may write a moment, all read as UTC.

`2020-01-31`, `2020-01-31 09:30`, `2020-01-31 09:30:00`, RFC 3339 with fractions and an offset, and
whole seconds or milliseconds since 1970. Eight digits are refused: `20200131` is more likely a date
than a moment in 1970.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glowback_trio.model.bars import Times

__all__ = ["WIDTH", "read_stamp", "read_stamps"]

WIDTH = 40
"""Bytes that hold every form; a longer text is none of them, however it is cut."""

_WRITTEN = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"([Tt ](?P<time>\d\d:\d\d(:\d\d(\.\d{1,9})?)?)(?P<offset>[Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_COUNTED = re.compile(r"-?(?!\d{8}$)\d{1,13}", re.ASCII)
_MILLISECONDS_FROM = 10**11  # as seconds this is the year 5138, as milliseconds 1973
_ZERO_OFFSETS = (None, "Z", "z", "+00:00", "-00:00")
_FIRST, _AFTER_LAST = np.datetime64(str(FIRST_YEAR), "s"), np.datetime64(str(LAST_YEAR + 1), "s")


def read_stamp(text: str) -> np.datetime64:
    """Read one timestamp.

    Returns:
        datetime64[ns], UTC; a text without an offset means UTC.

    Raises:
        ValueError: No such form, no such date, or outside the years 1900 to 2200.
    """
    text = text.strip()
    if _COUNTED.fullmatch(text):
        moment: np.datetime64 = _counted(np.array([text], dtype=np.int64))[0]
        return moment
    if (parts := _WRITTEN.fullmatch(text)) is None:
        raise ValueError(text)
    _in_years(np.datetime64(parts["date"], "s"))
    moment = np.datetime64(f"{parts['date']}T{parts['time'] or '00:00'}", "ns")
    return moment - _offset(parts["offset"])


def _offset(text: str | None) -> np.timedelta64:
    if text in _ZERO_OFFSETS or text is None:
        return np.timedelta64(0, "m")
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(text)
    return np.timedelta64((hours * 60 + minutes) * (-1 if text[0] == "-" else 1), "m")


def read_stamps(texts: NDArray[np.bytes_]) -> Times:
    """Read a whole column, (T,) bytes no wider than `WIDTH`; the same moments as `read_stamp`.

    Files write all their timestamps alike, so a column whose every text has the shape of the first
    is read at once, about fifty times as fast as one by one.

    Raises:
        ValueError: Any of them cannot be read.
    """
    first = bytes(texts[0]).decode("latin-1")
    if not _all_shaped_alike(texts, len(first)):
        return np.array([read_stamp(bytes(text).decode("latin-1")) for text in texts])
    if _COUNTED.fullmatch(first):
        return _counted(texts.astype(np.int64))
    parts = _WRITTEN.fullmatch(first)
    if parts is None or parts["offset"] not in _ZERO_OFFSETS:
        return np.array([read_stamp(bytes(text).decode("latin-1")) for text in texts])
    local = len(first) - len(parts["offset"] or "")
    _in_years(texts.astype("S10").astype("M8[s]"))
    return texts.astype(f"S{local}").astype("M8[ns]")


def _all_shaped_alike(texts: NDArray[np.bytes_], length: int) -> bool:
    """Whether all have digits where the first has digits, and elsewhere the first's own bytes."""
    cells = np.ascontiguousarray(texts).view(np.uint8).reshape(len(texts), -1)
    digits = (cells >= ord("0")) & (cells <= ord("9"))
    fixed = ~digits[0]
    return length > 0 and bool(
        (digits == digits[0]).all() and (cells[:, fixed] == cells[0, fixed]).all()
    )


def _counted(since_1970: NDArray[np.int64]) -> Times:
    in_ms = np.abs(since_1970) >= _MILLISECONDS_FROM
    ms = np.where(in_ms, since_1970, since_1970 * 1000).astype("M8[ms]")
    _in_years(ms)
    return ms.astype("M8[ns]")


def _in_years(moments: Times | np.datetime64) -> None:
    """Refuse what a count of nanoseconds may not hold, before it wraps around."""
    if not np.all((moments >= _FIRST) & (moments < _AFTER_LAST)):
        raise ValueError(f"outside the years {FIRST_YEAR} to {LAST_YEAR}")
