"""The ways a file may write a moment, all read as UTC.

`2020-01-31`, `2020-01-31 09:30`, `2020-01-31 09:30:00`, RFC 3339 with fractions and an offset, and
whole seconds or milliseconds since 1970. Digits that read as a date are refused: `20200131` and
`2020` are hardly meant as moments in 1970.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from glowback_trio.model.bars import Times

__all__ = ["FORMS", "read_stamp", "read_stamps"]

FORMS = (
    "a date or time such as 2020-01-31, 2020-01-31 09:30:00, 2020-01-31T09:30:00Z or seconds or "
    f"milliseconds since 1970, in the years {FIRST_YEAR} to {LAST_YEAR}"
)

_WRITTEN = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"([T ](?P<time>\d\d:\d\d(:\d\d(\.\d{1,9})?)?)(?P<offset>[Zz]|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
# A count of full hours ends in 00, which no day or month does, so that none of them is refused.
_RUN_TOGETHER = r"(19|2[01])\d\d((0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])?)?"
_COUNTED = re.compile(rf"(?!{_RUN_TOGETHER}$)-?\d{{1,13}}", re.ASCII)
_MILLISECONDS_FROM = 10**11  # as seconds this is the year 5138, as milliseconds 1973
_FIRST, _AFTER_LAST = np.datetime64(str(FIRST_YEAR), "s"), np.datetime64(str(LAST_YEAR + 1), "s")


def read_stamp(text: str) -> np.datetime64:
    """Read one timestamp.

    Returns:
        datetime64[ns], UTC; a text without an offset means UTC.

    Raises:
        ValueError: No such form, no such date, or outside the years 1900 to 2200.
    """
    moment: np.datetime64 = _read(np.array([text.strip().encode()]), text.strip())[0]
    return moment


def read_stamps(texts: NDArray[np.bytes_]) -> Times:
    """Read a whole column at once.

    Args:
        texts: (T,), T > 0. All need the shape of the first, for files write their timestamps
            alike: digits where it has digits, elsewhere its very bytes.

    Returns:
        (T,) datetime64[ns], UTC: for each text what `read_stamp` says of it.

    Raises:
        ValueError: One of another shape, or one that `read_stamp` refuses.
    """
    texts = np.ascontiguousarray(texts)
    cells = texts.view(np.uint8).reshape(len(texts), -1)
    digits = cells - ord("0") < 10  # unsigned: bytes below "0" wrap around to large numbers
    fixed = ~digits[0]
    if not (digits == digits[0]).all() or not (cells[:, fixed] == cells[0, fixed]).all():
        raise ValueError("timestamps of different shapes")
    return _read(texts, bytes(texts[0]).decode("latin-1"))


def _read(texts: NDArray[np.bytes_], first: str) -> Times:
    """Read texts that are all shaped like the first."""
    if _COUNTED.fullmatch(first):
        return _counted(texts.astype(np.int64))
    if "t" in first:  # RFC 3339 allows it, numpy does not
        texts, first = np.char.upper(texts), first.upper()
    if (parts := _WRITTEN.fullmatch(first)) is None:
        raise ValueError(f"{first!r} is none of the forms of a timestamp")
    _in_years(texts.astype("S10").astype("M8[s]"))
    offset = parts["offset"] or ""
    local: Times = texts.astype(f"S{len(first) - len(offset)}").astype("M8[ns]")
    return local if offset in ("", "Z", "z") else local - _offsets(texts, len(first), offset[0])


def _counted(since_1970: NDArray[np.int64]) -> Times:
    in_ms = np.abs(since_1970) >= _MILLISECONDS_FROM
    ms = np.where(in_ms, since_1970, since_1970 * 1000).astype("M8[ms]")
    _in_years(ms)
    return ms.astype("M8[ns]")


def _offsets(texts: NDArray[np.bytes_], length: int, sign: str) -> NDArray[np.timedelta64]:
    """How far local time is ahead of UTC, by the `hh:mm` at the end of texts of this length."""
    cells = texts.view(np.uint8).reshape(len(texts), -1)[:, length - 5 : length].astype(np.int64)
    hours = (cells[:, :2] - ord("0")) @ (10, 1)
    minutes = (cells[:, 3:] - ord("0")) @ (10, 1)
    if (hours > 23).any() or (minutes > 59).any():
        raise ValueError("offset of a day or more")
    ahead = (hours * 60 + minutes).astype("m8[m]")
    return -ahead if sign == "-" else ahead


def _in_years(moments: Times) -> None:
    """Refuse what a count of nanoseconds could not hold, before it wraps around."""
    if not ((moments >= _FIRST) & (moments < _AFTER_LAST)).all():
        raise ValueError(f"outside the years {FIRST_YEAR} to {LAST_YEAR}")
