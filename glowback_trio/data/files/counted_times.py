"""Times written as counts since 1970, and numbers that look like them but mean something else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from glowback_trio.model.bars import Times
from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR

__all__ = ["counted_times", "likeness_of", "likeness_of_texts"]

# The least count in each unit: 1973 in milliseconds and in microseconds, the year 5138 in seconds.
_UNITS: tuple[tuple[str, int], ...] = (("s", 0), ("ms", 10**11), ("us", 10**14), ("ns", 10**17))
_FIRST, _AFTER_LAST = np.datetime64(str(FIRST_YEAR), "s"), np.datetime64(str(LAST_YEAR + 1), "s")
# Seconds up to 1970-04-26. A column that ends before has no prices of 1970 in it.
_SOON_AFTER_1970 = 10_000_000
_SERIAL_DAY_0 = np.datetime64("1899-12-30")  # of spreadsheets
_SERIALS = (20_000, 80_000)  # 1954 to 2119
# 1990 to 2103 in minutes. A column of seconds that lies there would be one of 1970 and 1971 alone.
_MINUTES = (10_520_000, 70_000_000)
_DAYS_OF_1990 = 7_305
_YEARS = (FIRST_YEAR, LAST_YEAR)
_DATE_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_FIRST_DIGITS = (str(FIRST_YEAR), str(LAST_YEAR))
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)  # what 64 bits hold


def counted_times(counts: NDArray[np.int64]) -> Times:
    """Read counts as seconds, milliseconds, microseconds or nanoseconds, each by its size.

    Args:
        counts: (T,). Binance's files change from milliseconds to microseconds within a column.

    Returns:
        (T,) datetime64[ns]; NaT where a time is outside the years.
    """
    size = np.abs(counts)
    times = np.empty(len(counts), "M8[ns]")
    for (unit, least), (_, above) in pairwise((*_UNITS, ("", 2**63))):
        in_unit = (size >= least) & (size < above)
        part = counts[in_unit].astype(f"M8[{unit}]")
        # Checked before the cast to nanoseconds, which would wrap around silently.
        part[(part < _FIRST) | (part >= _AFTER_LAST)] = np.datetime64("NaT", "s")
        times[in_unit] = part.astype("M8[ns]")
    return times


def likeness_of(counts: NDArray[np.int64]) -> str | None:
    """Return what a column of counts looks like, if not like times: half a sentence.

    Args:
        counts: (T,), T > 0.
    """
    least, most = int(counts.min()), int(counts.max())
    dates = [_date_in(number) for number in (least, most)]
    if all(dates):
        return f"dates written as one number ({least} for {dates[0]})"
    if _MINUTES[0] <= least and most <= _MINUTES[1]:
        return f"minutes since 1970 ({least} for {np.datetime64(least, 'm')}Z)"
    if least < 0 or most >= _SOON_AFTER_1970:
        return None
    if _SERIALS[0] <= least and most <= _SERIALS[1]:
        day = _SERIAL_DAY_0 + np.timedelta64(least, "D")
        return f"serial numbers of days, as spreadsheets store them ({least} for {day})"
    if _YEARS[0] <= least and most <= _YEARS[1]:
        return "years"
    return "numbers of rows" + " or of days or hours since 1970" * (least >= _DAYS_OF_1990)


def likeness_of_texts(texts: Sequence[str]) -> str | None:
    """Return what a column of texts looks like, if all are whole numbers; see `likeness_of`."""
    if not all(_WHOLE.fullmatch(text.strip()) for text in texts):
        return None
    return likeness_of(np.array([int(text) for text in texts], dtype=np.int64))


def _date_in(number: int) -> str | None:
    """Return the date, with the time of day if there is one, that a number's digits read as."""
    digits = str(number)
    form = _DATE_FORMS.get(len(digits))
    if form is None or not _FIRST_DIGITS[0] <= digits[:4] <= _FIRST_DIGITS[1]:
        return None
    try:
        found = datetime.strptime(digits, form)  # noqa: DTZ007 - only its digits are wanted
    except ValueError:
        return None
    return str(found).removesuffix(" 00:00:00")
