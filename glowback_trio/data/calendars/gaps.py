"""Bars that should be there and are not.

A symbol that trades around the clock has a bar at every step. Any other has bars on the days on
which its market is open: those of an exchange's calendar where one is named, else those on which
any of the symbols that are looked at together has a bar. So a holiday, on which none has one, is no
gap. Within its day such a symbol may simply not have traded, so nothing is missing there.

Symbols that trade at weekends and symbols that do not never speak for each other.
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
    """Add to each report how many bars are missing between a symbol's first and last one.

    Args:
        times: When the bars of each symbol began, for symbols that are looked at together.
        quality: The report of each, in the same order.
        resolution: The length of a bar.
        exchange: The name of a calendar; None: the bars themselves say when markets were open.

    Raises:
        DataError: The calendar cannot be had.
    """
    reports = list(quality)
    resting = []
    for place, report in enumerate(quality):
        if calendar_of(report.symbol).is_always_open:
            missing = _missing_steps(times[place], resolution)
            reports[place] = _with_missing(reports[place], missing, resolution, "")
        else:
            resting.append(place)
    why = f" although {exchange} was open" if exchange else " although other symbols have one"
    for place, missing in _missing_days(times, resting, exchange):
        reports[place] = _with_missing(reports[place], missing, "day", why)
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
    steps = (time - time[0]) // STEPS[resolution]
    return int(steps[-1]) - int(np.count_nonzero(steps[1:] != steps[:-1]))


def _missing_days(
    times: Sequence[Times], places: Sequence[int], exchange: str | None
) -> Iterator[tuple[int, int]]:
    """How many trading days the symbols at these places miss, each with its place."""
    groups = _by_days(times, places)
    markets: dict[object, list[tuple[Days, list[int]]]] = {}
    for group in groups:
        markets.setdefault(exchange or _weekend(group[0]), []).append(group)
    for market in markets.values():
        every = [days for days, _ in market]
        first, last = min(days[0] for days in every), max(days[-1] for days in every)
        is_open = np.zeros(last - first + 1, bool)
        for days in [trading_days(exchange, first, last)] if exchange else every:
            is_open[days - first] = True
        for days, members in market:
            missing = _missing(days - first, is_open)
            yield from ((member, missing) for member in members)


def _by_days(times: Sequence[Times], places: Iterable[int]) -> list[tuple[Days, list[int]]]:
    """The symbols' days; neighbours with the same times share theirs, which spares most work."""
    groups: list[tuple[Days, list[int]]] = []
    last: NDArray[np.int64] | None = None
    for place in places:
        time = times[place].view(np.int64)  # which compares faster
        if last is None or not np.array_equal(time, last):
            last = time
            groups.append((_days(time), []))
        groups[-1][1].append(place)
    return groups


def _days(time: NDArray[np.int64]) -> Days:
    every: Days = time // _DAY_NS
    days: Days = every[np.append(True, every[1:] != every[:-1])]
    return days


def _weekend(days: Days) -> tuple[bool, bool]:
    """Whether there are Saturdays, and Sundays."""
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    return bool((weekday == 5).any()), bool((weekday == 6).any())


def _missing(days: Days, is_open: NDArray[np.bool_]) -> int:
    """How many open days between the first and the last of these are not among them.

    Args:
        days: Counted from the first of `is_open`.
        is_open: (D,) for every day.
    """
    return int(is_open[days[0] : days[-1] + 1].sum()) - int(is_open[days].sum())
