"""Market hours: the length of a bar, and the bars of a trading day.

Two calendars suffice for generated prices, and to estimate how many bars a request may need. There
a symbol that ends in `-USD` or `USDT` trades every day around the clock, every other symbol on
weekdays from 09:30 to 16:00, and these hours are used as if they were UTC. Nothing else goes by
names: `gaps` reads from the bars when a symbol trades. Holidays are not known here, see
`exchanges`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from glowback_trio.model.bars import Times
from glowback_trio.model.request import Resolution

__all__ = ["STEPS", "Calendar", "Timestamp", "calendar_of"]

Timestamp = np.datetime64

STEPS: Mapping[Resolution, np.timedelta64] = {
    "second": np.timedelta64(1, "s"),
    "minute": np.timedelta64(60, "s"),
    "hour": np.timedelta64(3600, "s"),
    "day": np.timedelta64(86400, "s"),
}
"""The length of a bar, shortest first."""

_EPOCH = np.datetime64("1900-01-01", "D")  # a Monday: day 0 of every calendar
_DAY = np.timedelta64(1, "D")


@frozen
class Calendar:
    """The weekdays and the hours of a market.

    Trading days are numbered from 1900-01-01, which is day 0, so that a path over them is an array.

    Attributes:
        weekmask: Seven digits from Monday, 1 if the market is open on that weekday.
        opens: Opening time in seconds after midnight.
        closes: Closing time in seconds after midnight.
    """

    weekmask: str
    opens: int
    closes: int

    @property
    def is_always_open(self) -> bool:
        """True if the market never closes."""
        return self == _ALWAYS

    def days(self, start: Timestamp, end: Timestamp) -> range:
        """Return the numbers of the trading days from `start` to `end`, both included."""
        return range(self._number(start), self._number(end.astype("M8[D]") + _DAY))

    def session(self, resolution: Resolution) -> NDArray[np.timedelta64]:
        """Return when a day's bars begin, (B,) seconds after midnight.

        A day whose hours are not a multiple of the resolution ends with a shorter bar. A daily bar
        begins at midnight.
        """
        if resolution == "day":
            return np.zeros(1, "m8[s]")
        return np.arange(self.opens, self.closes, STEPS[resolution].astype(int)).astype("m8[s]")

    def stamps(self, resolution: Resolution, days: range) -> Times:
        """Return when the bars of these trading days begin, (len(days), B) datetime64[s]."""
        dates = np.busday_offset(_EPOCH, np.arange(days.start, days.stop), weekmask=self.weekmask)
        midnights: Times = dates.astype("M8[s]")[:, None]
        return midnights + self.session(resolution)

    def count(self, resolution: Resolution, start: Timestamp, end: Timestamp) -> int:
        """Count the bars from `start` to `end`, both included, without generating them."""
        # A nanosecond later, because `_bars_before` does not count a bar at its limit.
        before_end = self._bars_before(resolution, end + np.timedelta64(1, "ns"))
        return max(0, before_end - self._bars_before(resolution, start))

    def _bars_before(self, resolution: Resolution, time: Timestamp) -> int:
        session, day = self.session(resolution), time.astype("M8[D]")
        whole_days = self._number(day)
        is_open = self._number(day + _DAY) > whole_days
        of_this_day = int(np.searchsorted(session, time - day)) if is_open else 0
        return whole_days * len(session) + of_this_day

    def _number(self, time: Timestamp) -> int:
        """Return the number of the first trading day on or after the day of `time`, at least 0."""
        day = max(_EPOCH, time.astype("M8[D]"))
        return int(np.busday_count(_EPOCH, day, weekmask=self.weekmask))


_ALWAYS = Calendar(weekmask="1111111", opens=0, closes=86400)
_WEEKDAYS = Calendar(weekmask="1111100", opens=34200, closes=57600)


def calendar_of(symbol: str) -> Calendar:
    """Return the calendar of a symbol: around the clock for such as `BTC-USD` and `ETHUSDT`."""
    return _ALWAYS if symbol.endswith(("-USD", "USDT")) else _WEEKDAYS
