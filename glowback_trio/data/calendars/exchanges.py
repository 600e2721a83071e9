"""The trading days of exchanges by name. Needs the extra `calendars`."""

from __future__ import annotations

import difflib

import numpy as np
from numpy.typing import NDArray

from glowback_trio.errors import DataError
from glowback_trio.extras import CALENDARS
from glowback_trio.model.bounds import one_of

__all__ = ["trading_days"]

_WEEK = 7  # days: long enough for a calendar not to be empty, which would be refused


def trading_days(exchange: str, first: int, last: int) -> NDArray[np.int64]:
    """The days on which an exchange is open.

    Args:
        exchange: Its market identifier code, such as `XNYS`, or another name that is known for it.
        first: The first day to look at, counted from 1970-01-01.
        last: The last one, included.

    Returns:
        (D,) days counted from 1970-01-01, ascending.

    Raises:
        DataError: No such calendar, or none that reaches so far; or the extra is not installed.
    """
    library = CALENDARS.load("exchange_calendars")
    start, end = (np.datetime64(int(day), "D") for day in (first, max(last, first + _WEEK)))
    try:
        calendar = library.get_calendar(exchange, start=str(start), end=str(end))
    except library.errors.InvalidCalendarName:
        near = difflib.get_close_matches(exchange.upper(), library.get_calendar_names())
        hint = f"; did you mean {one_of(near)}?" if near else ""
        raise DataError(f"No calendar is called {exchange!r}{hint}") from None
    except ValueError as error:  # what it says names the years that it knows
        raise DataError(f"Calendar {exchange!r}: {error}") from None
    days: NDArray[np.int64] = calendar.sessions.to_numpy().astype("M8[D]").astype(np.int64)
    return days[days <= last]
