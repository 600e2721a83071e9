"""Find missing bars.

A symbol that trades around the clock should have a bar at every step: a second, minute, hour or
day, or the longer distance that most of its bars have, such as four hours. Any other symbol should
have bars on the days on which its market is open: the trading days of an exchange if one is named,
else the days on which any symbol of the same load has a bar. So a holiday, on which no symbol has a
bar, is not a gap. Missing bars within a day are not gaps either, because such a symbol may simply
not have traded.

What trades around the clock shows in the bars, or in the named calendar; names of symbols say
nothing. Days are session dates. Symbols are compared only with symbols that trade on the same
weekend days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from attrs import evolve
from numpy.typing import NDArray

from glowback_trio.data.calendars.calendar import STEPS
from glowback_trio.data.calendars.exchanges import trading_days
from glowback_trio.model.bars import Quality, Times
from glowback_trio.model.request import Resolution
from glowback_trio.model.sessions.stamps import Stamps
from glowback_trio.model.sessions.weekdays import (
    SATURDAY,
    Days,
    days_of,
    open_weekdays,
    trades_at_weekends,
)

__all__ = ["with_gaps"]

_HOUR_NS = 3_600 * 10**9
_DAY_NS = 24 * _HOUR_NS
_FEW = 10  # bars whose distances show nothing
_WEEK = 7  # days


def with_gaps(
    stamps: Sequence[Stamps],
    quality: Sequence[Quality],
    resolution: Resolution,
    exchange: str | None = None,
) -> tuple[Quality, ...]:
    """Add to each report how many bars are missing between a symbol's first and last bar.

    Args:
        stamps: The times of each symbol's bars, (R,) each, placed, for all symbols of a load.
        quality: The report of each symbol, in the same order.
        resolution: The length of a bar.
        exchange: The name of a calendar; None: infer from the bars when markets were open.

    Raises:
        DataError: The calendar is unknown, or does not cover the bars.
    """
    reports = list(quality)
    markets: dict[object, list[tuple[Days, list[int]]]] = {}
    for first, days, members in _alike(stamps):
        step = _step(stamps[first].time, resolution)
        if _is_always_open(stamps[first].time, days, step, exchange):
            missing = _missing_steps(stamps[first].time, step)
            unit = _unit(step, resolution)
            for index in members:
                reports[index] = _with_missing(reports[index], missing, unit, "")
        else:
            market = exchange or tuple(open_weekdays(days)[SATURDAY:].tolist())
            markets.setdefault(market, []).append((days, members))
    why = f" although {exchange} was open" if exchange else " although other symbols have one"
    for index, missing in _missing_days(markets.values(), exchange):
        reports[index] = _with_missing(reports[index], missing, "day", why)
    return tuple(reports)


def _alike(stamps: Sequence[Stamps]) -> Iterator[tuple[int, Days, list[int]]]:
    """Group symbols by their times; yield the first symbol, the days and all symbols of each group.

    Only neighbours with equal times are grouped. In most loads all symbols have the same times, and
    then this computes the days once instead of once per symbol.
    """
    members: list[int] = []
    for index, one in enumerate(stamps):
        if members and not _equal(one, stamps[members[0]]):
            yield members[0], days_of(stamps[members[0]].date), members
            members = []
        members.append(index)
    if members:
        yield members[0], days_of(stamps[members[0]].date), members


def _equal(one: Stamps, other: Stamps) -> bool:
    # As integers, which compare faster than datetimes.
    same = one.time is other.time or np.array_equal(
        one.time.view(np.int64), other.time.view(np.int64)
    )
    return same and one.offset is None and other.offset is None


def _step(time: Times, resolution: Resolution) -> np.timedelta64:
    """Return the distance that most bars have, if it is several bars of the resolution long."""
    nominal: np.timedelta64 = STEPS[resolution].astype("m8[ns]")
    if len(time) <= _FEW:
        return nominal
    distances = np.diff(time.view(np.int64))
    median = int(np.median(distances))
    is_usual = 2 * int(np.count_nonzero(distances == median)) > len(distances)
    usual = np.timedelta64(median, "ns")
    return usual if is_usual and usual > nominal else nominal


def _unit(step: np.timedelta64, resolution: Resolution) -> str:
    """Return the name of a step: `hour`, or `bar of 4 hours`."""
    length = step / STEPS[resolution]
    return resolution if length == 1.0 else f"bar of {length:g} {resolution}s"


def _is_always_open(time: Times, days: Days, step: np.timedelta64, exchange: str | None) -> bool:
    """Return True for what trades on all days, and if bars are shorter in half of all hours."""
    if exchange is not None:
        week = trading_days(exchange, int(days[0]), int(days[0]) + _WEEK - 1)
        if len(week) == _WEEK:
            return True
    if not trades_at_weekends(days):
        return False
    length = max(_HOUR_NS, int(step.astype(np.int64)))
    part = time.view(np.int64) // length
    parts = 1 + int(np.count_nonzero(part[1:] != part[:-1]))
    return length >= _DAY_NS or 2 * parts * length >= _DAY_NS * len(days)


def _with_missing(report: Quality, missing: int, unit: str, why: str) -> Quality:
    if not missing:
        return report
    noun, *length = unit.split(" ", 1)
    units = " ".join([f"{noun}s" if missing > 1 else noun, *length])
    verb = "have" if missing > 1 else "has"
    between = "between its first and its last bar"
    sentence = f"{report.symbol}: {missing} {units} {between} {verb} no bar{why}"
    return evolve(report, missing_intervals=missing, warnings=(*report.warnings, sentence))


def _missing_steps(time: Times, step: np.timedelta64) -> int:
    """Count the steps between the first and the last time, (R,) ascending, that have no bar."""
    steps = (time - time[0]) // step
    return int(steps[-1]) - int(np.count_nonzero(steps[1:] != steps[:-1]))


def _missing_days(
    markets: Iterable[Sequence[tuple[Days, list[int]]]], exchange: str | None
) -> Iterator[tuple[int, int]]:
    """Yield the index of each symbol and how many trading days of its market it misses.

    Args:
        markets: For each market its groups of symbols with the same days.
        exchange: The calendar of all markets; None: a market is open when any of its symbols is.
    """
    for market in markets:
        all_days = [days for days, _ in market]
        first, last = min(days[0] for days in all_days), max(days[-1] for days in all_days)
        is_open = np.zeros(last - first + 1, bool)
        for days in [trading_days(exchange, first, last)] if exchange else all_days:
            is_open[days - first] = True
        for days, members in market:
            missing = _missing(days - first, is_open)
            yield from ((member, missing) for member in members)


def _missing(days: Days, is_open: NDArray[np.bool_]) -> int:
    """Count the open days between the first and the last of these days that are not among them.

    Args:
        days: Days as indices of `is_open`.
        is_open: (D,) for every day, True if the market is open.
    """
    return int(is_open[days[0] : days[-1] + 1].sum()) - int(is_open[days].sum())
