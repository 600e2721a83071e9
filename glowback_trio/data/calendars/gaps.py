"""Find missing bars.

A symbol that trades around the clock should have a bar at every step. Any other symbol should have
bars on the days on which its market is open: the trading days of an exchange if one is named, else
the days on which any symbol of the same load has a bar. So a holiday, on which no symbol has a bar,
is not a gap. Missing bars within a day are not gaps either, because such a symbol may simply not
have traded.

Symbols are compared only with symbols that trade on the same weekend days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from glowback_trio.data.calendars.calendar import STEPS, calendar_of
from glowback_trio.data.calendars.exchanges import trading_days
from glowback_trio.model.bars import Quality, Times
from glowback_trio.model.request import Resolution

Days = NDArray[np.int64]  # counted from 1970-01-01, ascending, each once

__all__ = ["with_gaps"]

_DAY_NS = 86_400 * 10**9


def with_gaps(
    times: Sequence[Times],
    quality: Sequence[Quality],
    resolution: Resolution,
    exchange: str | None = None,
) -> tuple[Quality, ...]:
    """Add to each report how many bars are missing between a symbol's first and last bar.

    Args:
        times: The times of each symbol's bars, (R,) each, for all symbols of a load.
        quality: The report of each symbol, in the same order.
        resolution: The length of a bar.
        exchange: The name of a calendar; None: infer from the bars when markets were open.

    Raises:
        DataError: The calendar is unknown, or does not cover the bars.
    """
    reports = list(quality)
    with_closing_hours = []
    for index, report in enumerate(quality):
        if calendar_of(report.symbol).is_always_open:
            missing = _missing_steps(times[index], resolution)
            reports[index] = _with_missing(reports[index], missing, resolution, "")
        else:
            with_closing_hours.append(index)
    why = f" although {exchange} was open" if exchange else " although other symbols have one"
    for index, missing in _missing_days(times, with_closing_hours, exchange):
        reports[index] = _with_missing(reports[index], missing, "day", why)
    return tuple(reports)


def _with_missing(report: Quality, missing: int, unit: str, why: str) -> Quality:
    if not missing:
        return report
    units = f"{unit}s" if missing > 1 else unit
    verb = "have" if missing > 1 else "has"
    between = "between its first and its last bar"
    sentence = f"{report.symbol}: {missing} {units} {between} {verb} no bar{why}"
    return evolve(report, missing_intervals=missing, warnings=(*report.warnings, sentence))


def _missing_steps(time: Times, resolution: Resolution) -> int:
    """Count the steps between the first and the last time, (R,) ascending, that have no bar."""
    steps = (time - time[0]) // STEPS[resolution]
    return int(steps[-1]) - int(np.count_nonzero(steps[1:] != steps[:-1]))


def _missing_days(
    times: Sequence[Times], indices: Sequence[int], exchange: str | None
) -> Iterator[tuple[int, int]]:
    """Yield the index of each of these symbols and how many trading days it misses."""
    markets: dict[object, list[tuple[Days, list[int]]]] = {}
    for group in _by_days(times, indices):
        markets.setdefault(exchange or _weekend(group[0]), []).append(group)
    for market in markets.values():
        all_days = [days for days, _ in market]
        first, last = min(days[0] for days in all_days), max(days[-1] for days in all_days)
        is_open = np.zeros(last - first + 1, bool)
        for days in [trading_days(exchange, first, last)] if exchange else all_days:
            is_open[days - first] = True
        for days, members in market:
            missing = _missing(days - first, is_open)
            yield from ((member, missing) for member in members)


def _by_days(times: Sequence[Times], indices: Iterable[int]) -> list[tuple[Days, list[int]]]:
    """Group symbols by their days.

    Only neighbours with equal times are grouped. In most loads all symbols have the same times, and
    then this computes the days once instead of once per symbol.
    """
    groups: list[tuple[Days, list[int]]] = []
    last: NDArray[np.int64] | None = None
    for index in indices:
        time = times[index].view(np.int64)  # integers compare faster than datetimes
        if last is None or not np.array_equal(time, last):
            last = time
            groups.append((_days(time), []))
        groups[-1][1].append(index)
    return groups


def _days(time: NDArray[np.int64]) -> Days:
    day_of_bar: Days = time // _DAY_NS
    days: Days = day_of_bar[np.append(True, day_of_bar[1:] != day_of_bar[:-1])]
    return days


def _weekend(days: Days) -> tuple[bool, bool]:
    """Return whether the days include Saturdays, and whether they include Sundays."""
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    return bool((weekday == 5).any()), bool((weekday == 6).any())


def _missing(days: Days, is_open: NDArray[np.bool_]) -> int:
    """Count the open days between the first and the last of these days that are not among them.

    Args:
        days: Days as indices of `is_open`.
        is_open: (D,) for every day, True if the market is open.
    """
    return int(is_open[days[0] : days[-1] + 1].sum()) - int(is_open[days].sum())
