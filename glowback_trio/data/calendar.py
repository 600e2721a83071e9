"""When markets are open: how long a bar is, and which bars a trading day has.

Two calendars are enough for generated prices and for finding gaps. A symbol that ends in `-USD` or
`USDT` trades every day around the clock. Every other symbol trades on weekdays from 09:30 to 16:00,
and those hours are stamped as if they were UTC; holidays are not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from glowback_trio.model.bars import Times
    from glowback_trio.model.request import Resolution

__all__ = ["STEPS", "Moment", "count", "is_always_open", "stamps", "trading_days"]

Moment = np.datetime64

STEPS: Mapping[Resolution, np.timedelta64] = {
    "second": np.timedelta64(1, "s"),
    "minute": np.timedelta64(60, "s"),
    "hour": np.timedelta64(3600, "s"),
    "day": np.timedelta64(86400, "s"),
}

_EPOCH = np.datetime64("1900-01-01", "D")  # a Monday, so that day 0 is open on both calendars
_DAY = np.timedelta64(1, "D")
_EVERY_DAY, _WEEKDAYS = "1111111", "1111100"
_OPENS, _CLOSES = np.timedelta64(34200, "s"), np.timedelta64(57600, "s")
_MIDNIGHT = np.timedelta64(0, "s")


def is_always_open(symbol: str) -> bool:
    """Whether a symbol trades every day around the clock: `BTC-USD`, `ETHUSDT`."""
    return symbol.endswith(("-USD", "USDT"))


def _mask(symbol: str) -> str:
    return _EVERY_DAY if is_always_open(symbol) else _WEEKDAYS


def _session(symbol: str, resolution: Resolution) -> NDArray[np.timedelta64]:
    """Where a day's bars begin, (B,) seconds after midnight."""
    if resolution == "day":
        return np.array([_MIDNIGHT])
    if is_always_open(symbol):
        return np.arange(_MIDNIGHT, STEPS["day"], STEPS[resolution])
    return np.arange(_OPENS, _CLOSES, STEPS[resolution])


def _ordinal(symbol: str, day: Moment) -> int:
    """Number the first trading day on or after `day`, counting from 1900-01-01 as 0."""
    return int(np.busday_count(_EPOCH, day.astype("M8[D]"), weekmask=_mask(symbol)))


def trading_days(symbol: str, start: Moment, end: Moment) -> range:
    """The numbers of the trading days from the day of `start` to the day of `end`, included."""
    return range(_ordinal(symbol, start), _ordinal(symbol, end.astype("M8[D]") + _DAY))


def stamps(symbol: str, resolution: Resolution, days: range) -> Times:
    """Opening times of the bars of some trading days, (len(days), B) datetime64[s].

    Args:
        symbol: Decides which of the two calendars holds.
        resolution: The length of a bar; B bars make a day. A day whose length is no multiple of it
            ends with a shorter bar.
        days: Numbers from `trading_days`.
    """
    ordinals = np.arange(days.start, days.stop)
    dates = np.busday_offset(_EPOCH, ordinals, weekmask=_mask(symbol))
    midnights: Times = dates.astype("M8[s]")[:, None]
    return midnights + _session(symbol, resolution)


def count(symbol: str, resolution: Resolution, start: Moment, end: Moment) -> int:
    """How many bars the calendar has from `start` to `end`, both included, by arithmetic alone."""
    session = _session(symbol, resolution)

    def until(moment: Moment, side: str) -> int:
        day = moment.astype("M8[D]")
        whole = _ordinal(symbol, day)
        is_open = _ordinal(symbol, day + _DAY) > whole
        return whole * len(session) + is_open * int(
            np.searchsorted(session, moment - day, "left" if side == "before" else "right")
        )

    return max(0, until(end, "through") - until(start, "before"))
