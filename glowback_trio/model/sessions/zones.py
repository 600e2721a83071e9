"""Offsets of a time zone, for whole columns of times at once.

The standard library knows the offset of one moment. For a column the changes of the zone between
its first and its last year are looked up once, and the column is laid between them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from glowback_trio.model.bars import Offsets, Times

__all__ = ["LocalOffsets", "offsets_at", "offsets_of_local"]

Seconds = NDArray[np.int64]

_DAY = 86_400
_SECOND_NS = 10**9


@frozen(eq=False)
class LocalOffsets:
    """The offsets of times that a clock in a zone showed.

    Attributes:
        offset: (T,) timedelta64[s], east of UTC.
        skipped: (T,) True where no clock of the zone showed this time, because it was put forward.
    """

    offset: Offsets
    skipped: NDArray[np.bool_]


def offsets_at(zone: ZoneInfo, time: Times) -> Offsets:
    """Return the offset of a zone at each time.

    Args:
        zone: The zone.
        time: (T,) datetime64[ns] UTC.

    Returns:
        (T,) timedelta64[s], east of UTC.
    """
    seconds = _seconds(time)
    starts, offsets = _stretches(zone, seconds)
    return offsets[np.searchsorted(starts, seconds, side="right") - 1].astype("m8[s]")


def offsets_of_local(zone: ZoneInfo, local: Times) -> LocalOffsets:
    """Return the offset at each time that a clock in a zone showed.

    When a clock is put back, it shows an hour twice. The first pass counts, until the column goes
    back in time: from there to the end of the hour it is the second. Columns may begin with their
    newest time.

    Args:
        zone: The zone.
        local: (T,) datetime64[ns], T > 0, what the clock showed, in the order of its source.
    """
    if local[0] > local[-1]:
        mirrored = offsets_of_local(zone, local[::-1])
        return LocalOffsets(mirrored.offset[::-1], mirrored.skipped[::-1])
    seconds = _seconds(local)
    starts, offsets = _stretches(zone, seconds)
    # In local time: when each stretch of equal offset begins, and when the one before it ends.
    begins, ends = starts + offsets, starts[1:] + offsets[:-1]
    stretch = np.searchsorted(ends, seconds, side="right")
    follows = np.append(begins[1:], np.iinfo(np.int64).max)
    twice = np.flatnonzero(seconds >= follows[stretch])
    stretch[_second_pass(seconds, stretch, twice)] += 1
    return LocalOffsets(offsets[stretch].astype("m8[s]"), seconds < begins[stretch])


def _second_pass(seconds: Seconds, stretch: NDArray[np.intp], twice: NDArray[np.intp]) -> Seconds:
    """Return which of the rows whose time was shown twice come from the second showing."""
    second = []
    for change in np.unique(stretch[twice]):
        rows = twice[stretch[twice] == change]
        back = np.flatnonzero(np.diff(seconds[rows]) <= 0)
        if len(back):
            second.append(rows[back[0] + 1 :])
    return np.concatenate(second) if second else np.empty(0, np.int64)


def _seconds(time: Times) -> Seconds:
    seconds: Seconds = time.astype("M8[ns]", copy=False).view(np.int64) // _SECOND_NS
    return seconds


def _stretches(zone: ZoneInfo, seconds: Seconds) -> tuple[Seconds, Seconds]:
    """Return when each stretch of equal offset begins, UTC, and its offset; for all the seconds."""
    first, last = (datetime.fromtimestamp(int(edge), UTC).year for edge in _edges(seconds))
    return _stretches_of_years(zone, first - 1, last + 1)


def _edges(seconds: Seconds) -> tuple[int, int]:
    return (int(seconds.min()), int(seconds.max())) if len(seconds) else (0, 0)


@lru_cache(maxsize=64)
def _stretches_of_years(zone: ZoneInfo, first: int, last: int) -> tuple[Seconds, Seconds]:
    days = range(_midnight(first), _midnight(last + 1), _DAY)
    found = [(days.start, _offset(zone, days.start))]
    for day in days:
        if (offset := _offset(zone, day + _DAY)) != found[-1][1]:
            found.append((_change(zone, day, day + _DAY), offset))
    starts, offsets = np.array(found, dtype=np.int64).T
    return starts, offsets


def _midnight(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def _offset(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    assert offset is not None, "a zone has an offset at every moment"
    return int(offset.total_seconds())


def _change(zone: ZoneInfo, before: int, after: int) -> int:
    """Return the first second of a new offset, between two moments with different offsets."""
    old = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after
