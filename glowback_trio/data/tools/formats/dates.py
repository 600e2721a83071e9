"""Read dates as people and programs write them, and find the order of day and month.

One column has one order. `31/12/2023` shows that the day comes first, `12/31/2023` that the month
does; a column that shows neither is read in the order that makes it a column of bars: ascending or
descending without a long gap. Where both do, it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import numpy as np
from attrs import frozen

__all__ = ["DATE", "UndecidedOrderError", "date_of", "day_comes_first"]

_MONTHS: Mapping[str, int] = {
    name: number + 1
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    )
}
_MONTH = "|".join(_MONTHS)
DATE = (
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{8}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d\d)|"
    rf"(?:{_MONTH})[a-z]*\.? \d{{1,2}},? \d{{4}}|"
    rf"\d{{1,2}}[- ](?:{_MONTH})[a-z]*\.?[- ,]+(?:\d{{4}}|\d\d)"
)
_YEAR_FIRST = re.compile(r"(\d{4})[-./]?(\d{1,2})[-./]?(\d{1,2})", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-./])(\d{1,2})[-./](\d{4}|\d\d)", re.ASCII)
_NAMED = re.compile(
    rf"(?:(\d{{1,2}})[- ])?({_MONTH})[a-z]*\.?[- ,]+(?:(\d{{1,2}}),? )?(\d+)", re.IGNORECASE
)
_THIS_CENTURY = 70  # two digits of a year below this are of the 21st century, as for C's strptime
_LONGEST_GAP = 40  # days between neighbours; one order of a column makes gaps of months


class UndecidedOrderError(ValueError):
    """Dates such as 03/04/2023, of which nothing shows whether the day comes first."""


@frozen
class _Parts:
    first: int
    second: int
    year: int

    def date(self, *, day_first: bool) -> date:
        day, month = (self.first, self.second) if day_first else (self.second, self.first)
        return date(self.year, month, day)


def day_comes_first(texts: Iterable[str], *, declared: bool | None) -> bool:
    """Find whether a column of dates has the day before the month.

    Args:
        texts: The dates of the column, in its order.
        declared: What the user or the vendor says; None: the dates have to show it.

    Raises:
        UndecidedOrderError: They do not.
    """
    found = [parts for parts in map(_year_last, texts) if parts]
    if not found:
        return False
    if any(one.first > 12 for one in found):
        return True
    if declared is not None:
        return declared
    if any(one.second > 12 for one in found):
        return False
    if any("." in text for text in texts):
        return True
    fits = [order for order in (True, False) if _is_column_of_bars(found, day_first=order)]
    if len(fits) != 1:
        raise UndecidedOrderError
    return fits[0]


def date_of(text: str, *, day_first: bool) -> date:
    """Read one date.

    Raises:
        ValueError: There is no such date.
    """
    if parts := _YEAR_FIRST.fullmatch(text):
        return date(*map(int, parts.groups()))
    if (numbers := _year_last(text)) is not None:
        return numbers.date(day_first=day_first)
    if named := _NAMED.fullmatch(text):
        before, name, after, year = named.groups()
        return date(_full_year(year), _MONTHS[name.lower()], int(before or after or 0))
    raise ValueError(f"{text!r} is not a date")


def _year_last(text: str) -> _Parts | None:
    parts = _YEAR_LAST.fullmatch(text)
    return parts and _Parts(int(parts[1]), int(parts[3]), _full_year(parts[4]))


def _full_year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (2000 if year < _THIS_CENTURY else 1900)


def _is_column_of_bars(found: Sequence[_Parts], *, day_first: bool) -> bool:
    try:
        days = [one.date(day_first=day_first) for one in found]
    except ValueError:
        return False
    gaps = np.diff([day.toordinal() for day in days])
    one_way = bool((gaps >= 0).all() or (gaps <= 0).all())
    return one_way and bool((np.abs(gaps) <= _LONGEST_GAP).all())
