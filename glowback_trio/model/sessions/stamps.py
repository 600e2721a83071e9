"""Times of bars as their source writes them, and the moments and session dates that they mean.

A daily or longer bar has a date: the one it is written with, whatever time and offset stand beside
it. Its time is that date at 00:00 UTC, so that the bars of all markets on one date are one row.

An intraday bar has an instant, and a session date: the date in its market's zone. The zone is the
offset that the source writes; where it writes none, that of the request.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from glowback_trio.model.bars import Bars, Offsets, Times
from glowback_trio.model.sessions.zones import offsets_at, offsets_of_local

__all__ = ["SkippedTimeError", "Stamps"]

_DAY_NS = 86_400 * 10**9
_MORE_SUNDAYS = 4  # times as many Sundays as Fridays: a week that is written a day early


class SkippedTimeError(ValueError):
    """A local time that no clock of its zone showed, because it was put forward.

    Attributes:
        row: The index of the first such time.
    """

    def __init__(self, row: int, zone: ZoneInfo) -> None:
        super().__init__(f"a time that exists in {zone.key}, where clocks were put forward then")
        self.row = row


@frozen(eq=False)
class Stamps:
    """A column of times.

    Attributes:
        time: (T,) datetime64[ns]: UTC, or what a clock of the market showed if `is_local`.
        offset: (T,) timedelta64[s], of the market's clock east of UTC; None if that is UTC, or not
            known.
        is_local: True if the times are written without an offset; of intraday bars it stays true
            where no zone is known, and then UTC is taken for it.
    """

    time: Times = field(repr=False)
    offset: Offsets | None = field(default=None, repr=False)
    is_local: bool = False

    @classmethod
    def of(cls, bars: Bars) -> Stamps:
        """Return the times of bars."""
        return cls(bars.time, bars.offset)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def date(self) -> Times:
        """Session dates of placed times, (T,) datetime64[D]."""
        local = self.time if self.offset is None else self.time + self.offset
        return local.astype("M8[D]")

    def take(self, which: slice | NDArray[np.bool_] | NDArray[np.int64]) -> Stamps:
        """Return some of the times."""
        offset = None if self.offset is None else self.offset[which]
        return evolve(self, time=self.time[which], offset=offset)

    def copy(self) -> Stamps:
        """Return the same in memory of its own."""
        offset = None if self.offset is None else self.offset.copy()
        return evolve(self, time=self.time.copy(), offset=offset)

    def placed(self, zone: ZoneInfo | None, *, daily: bool) -> Stamps:
        """Return the times that bars have, in UTC, with the offset of intraday bars.

        Args:
            zone: Of the market, where the source writes no offset; None: UTC.
            daily: True for bars of a day or longer.

        Raises:
            SkippedTimeError: A local time does not exist in the zone.
        """
        return self._dates(zone) if daily else self._instants(zone)

    def _dates(self, zone: ZoneInfo | None) -> Stamps:
        if self.offset is not None:
            local = self.time + self.offset
        elif self.is_local or _at_midnight(self.time).all():
            local = self.time
        else:
            local = _next_day_of_early_weeks(self._moved_to(zone))
        date = local if _at_midnight(local).all() else local.astype("M8[D]").astype("M8[ns]")
        return Stamps(date)

    def _moved_to(self, zone: ZoneInfo | None) -> Times:
        return self.time if zone is None else self.time + offsets_at(zone, self.time)

    def _instants(self, zone: ZoneInfo | None) -> Stamps:
        if self.offset is not None:
            return self
        if zone is None or not len(self):
            return self
        if not self.is_local:
            return Stamps(self.time, _unless_utc(offsets_at(zone, self.time)))
        found = offsets_of_local(zone, self.time)
        if found.skipped.any():
            raise SkippedTimeError(int(np.argmax(found.skipped)), zone)
        return Stamps(self.time - found.offset, _unless_utc(found.offset))


def _unless_utc(offset: Offsets) -> Offsets | None:
    return offset if offset.any() else None


def _at_midnight(time: Times) -> NDArray[np.bool_]:
    at_midnight: NDArray[np.bool_] = time.view(np.int64) % _DAY_NS == 0
    return at_midnight


def _next_day_of_early_weeks(time: Times) -> Times:
    """Move times by a day where their weeks run from Sunday to Thursday: they are a day early.

    A daily bar of a market east of its zone is written so: 23:00 UTC is midnight in Frankfurt. So
    is one that begins on the evening before, as those of futures do. Times at midnight are dates.
    """
    inside = ~_at_midnight(time)
    weekday = (time.view(np.int64) // _DAY_NS + 3) % 7  # 1970-01-01 was a Thursday
    sundays, fridays = (int(np.count_nonzero(inside & (weekday == day))) for day in (6, 4))
    if sundays <= _MORE_SUNDAYS * fridays:
        return time
    return time + np.where(inside, np.timedelta64(1, "D"), np.timedelta64(0, "D"))
