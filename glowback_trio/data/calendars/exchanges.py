"""Trading days and time zones of exchanges, by name. Needs the extra `calendars`."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from glowback_trio.errors import DataError
from glowback_trio.extras import CALENDARS
from glowback_trio.model.bounds import one_of
from glowback_trio.spelling import near_words

__all__ = ["trading_days", "zone_of"]

_ANY_WEEK = ("2024-01-01", "2024-01-31")
_WEEK = 7  # days; the library refuses a range without a trading day, so none is shorter than this


def trading_days(exchange: str, first: int, last: int) -> NDArray[np.int64]:
    """Return the days on which an exchange is open.

    Args:
        exchange: Its market identifier code, such as `XNYS`, or an alias that the library knows.
        first: The first day of the range, counted from 1970-01-01.
        last: The last day, included.

    Returns:
        (D,) days counted from 1970-01-01, ascending.

    Raises:
        DataError: No such calendar, or it does not cover the range; or the extra is missing.
    """
    start, end = (np.datetime64(int(day), "D") for day in (first, max(last, first + _WEEK)))
    calendar = _calendar(exchange, str(start), str(end))
    days: NDArray[np.int64] = calendar.sessions.to_numpy().astype("M8[D]").astype(np.int64)
    return days[days <= last]


def zone_of(exchange: str) -> ZoneInfo:
    """Return the time zone of an exchange.

    Raises:
        DataError: No such calendar, or the extra is missing.
    """
    return ZoneInfo(str(_calendar(exchange, *_ANY_WEEK).tz))


def _calendar(exchange: str, start: str, end: str) -> Any:
    """Return a calendar of the library, for a range of at least a week."""
    library = CALENDARS.load("exchange_calendars")
    try:
        return library.get_calendar(exchange, start=start, end=end)
    except library.errors.InvalidCalendarName:
        near = near_words(exchange, library.get_calendar_names())
        hint = f"; did you mean {one_of(near)}?" if near else ""
        raise DataError(f"No calendar is called {exchange!r}{hint}") from None
    except ValueError as error:  # its message names the years that the calendar covers
        raise DataError(f"Calendar {exchange!r}: {error}") from None
