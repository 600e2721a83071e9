"""The range of a request: which bars lie in it."""

from __future__ import annotations

from datetime import datetime, time

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from glowback_trio.model.bars import Bars, Offsets, Times

__all__ = ["DateRange"]

_LAST_SECOND = time(23, 59, 59)


@frozen
class DateRange:
    """The times from `start` to `end`, both included.

    An edge of a day means the session date, so it is compared with what the market's clock shows;
    any other time is an instant.

    Attributes:
        start: datetime64[ns], UTC.
        end: datetime64[ns], UTC; the last nanosecond of what the request names.
        from_date: True if `start` is the beginning of a date.
        to_date: True if `end` is the end of a date.
    """

    start: np.datetime64
    end: np.datetime64
    from_date: bool
    to_date: bool

    @classmethod
    def of(cls, start: datetime, end: datetime) -> DateRange:
        """Return the range between two moments of a request, UTC.

        Moments count microseconds, and bars nanoseconds: the end includes all of its microsecond,
        and all of the day if it lies in the last second of that.
        """
        to_date = end.time() >= _LAST_SECOND
        # A whole second, because `23:59:59` is how others write the end of a day.
        last = end.replace(microsecond=999_999) if to_date else end
        return cls(
            np.datetime64(start.replace(tzinfo=None), "ns"),
            np.datetime64(last.replace(tzinfo=None), "ns") + np.timedelta64(999, "ns"),
            start.time() == time.min,
            to_date,
        )

    def contains(self, times: Times, offset: Offsets | None) -> NDArray[np.bool_]:
        """Return which bars lie in the range, (T,).

        Args:
            times: (T,) datetime64[ns] UTC.
            offset: (T,) timedelta64[s] of the market's clock; None: UTC.
        """
        local = times if offset is None else times + offset
        inside: NDArray[np.bool_] = (local if self.to_date else times) <= self.end
        inside &= ~self.precedes(times, offset)
        return inside

    def precedes(self, times: Times, offset: Offsets | None) -> NDArray[np.bool_]:
        """Return which bars lie before the range, (T,); arguments as `contains`."""
        local = times if offset is None else times + offset
        before: NDArray[np.bool_] = (local if self.from_date else times) < self.start
        return before

    def parted(self, bars: Bars, warmup: int) -> tuple[Bars, Bars]:
        """Return the last `warmup` bars before the range, or as many as there are, and its own."""
        part = self.part(bars.time, bars.offset)
        return bars.part(slice(max(0, part.start - warmup), part.start)), bars.part(part)

    def part(self, times: Times, offset: Offsets | None) -> slice:
        """Return the part of ascending times that lies in the range; arguments as `contains`."""
        if offset is None:
            first, stop = times.searchsorted(self.start), times.searchsorted(self.end, "right")
            return slice(int(first), int(stop))
        rows = np.flatnonzero(self.contains(times, offset))
        return slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) else slice(0, 0)
