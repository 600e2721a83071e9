"""Load a request symbol by symbol, and apply its limits and data quality mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

import numpy as np
from attrs import evolve

from glowback_trio.data.calendars.exchanges import zone_of
from glowback_trio.data.request_checks import LoadLimits
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.sessions.date_range import DateRange

__all__ = ["collect", "market_zone", "parted", "raise_problems"]


def raise_problems(problems: Iterable[Problem]) -> None:
    """Raise InvalidRequestError with all problems, if there are any."""
    if found := tuple(problems):
        raise InvalidRequestError(found)


def market_zone(request: BacktestRequest) -> ZoneInfo | None:
    """Return the zone in which a request reads times that are written without an offset.

    It is the request's `timezone`, else that of its calendar; None stands for UTC.

    Raises:
        DataError: There is no such calendar.
    """
    if request.timezone is not None:
        return ZoneInfo(request.timezone)
    return None if request.calendar is None else zone_of(request.calendar)


def collect(
    request: BacktestRequest,
    load_one: Callable[[str], tuple[Bars, Quality]],
    checkpoint: Callable[[], object],
    limits: LoadLimits,
) -> tuple[tuple[Bars, ...], tuple[Quality, ...]]:
    """Load the request's symbols in its order, its benchmark last.

    Args:
        request: Names the symbols and the data quality mode.
        load_one: Loads one symbol's bars, those for warming up included, and the quality report of
            its rows, with what is doubtful about the bars.
        checkpoint: Called before each symbol; an exception that it raises ends the load.
        limits: Checked after each symbol, because a file may hold more bars than its calendar.

    Raises:
        DataError: More bars than the limits allow, or critical findings in quality mode `fail`.
    """
    loaded: list[tuple[Bars, Quality]] = []
    total = longest = 0
    for symbol in request.priced:
        checkpoint()
        one, quality_of_one = load_one(symbol)
        loaded.append((one, quality_of_one))
        size = len(one)
        total, longest = total + size, max(longest, size)
        for problem in limits.problems(total, longest):
            raise DataError(problem.message)
    bars, quality = zip(*loaded, strict=True)
    _check_volumes(request, bars)
    # Checked after all symbols, so that one message has the findings of every symbol.
    findings = [finding for one in quality for finding in one.critical]
    if request.data_quality_mode == "fail" and findings:
        raise DataError(f"data_quality_mode 'fail' refuses the data: {'; '.join(findings)}")
    return bars, quality


def _check_volumes(request: BacktestRequest, bars: Iterable[Bars]) -> None:
    """Refuse costs and limits that depend on volumes which are not known.

    Raises:
        DataError: The request has one, and a bar of a traded symbol has no volume.
    """
    execution = request.execution
    if execution.max_volume_participation is not None:
        setting = "max_volume_participation"
    elif execution.slippage_volume_impact:
        setting = "slippage_volume_impact"
    else:
        return
    for one in bars:
        if one.symbol in request.symbols and np.isnan(one.volume).any():
            raise DataError(
                f"execution.{setting} needs volumes, and {one.symbol} has bars without one"
            )


def parted(request: BacktestRequest, loaded: Dataset) -> Dataset:
    """Return a dataset whose bars before the request's range are apart from the others.

    Args:
        request: Its range.
        loaded: Bars of the range, and for warming up just before it.
    """
    if not request.warmup_bars:
        return loaded
    span = DateRange.of(request.start_date, request.end_date)
    parts = [span.parted(one, request.warmup_bars) for one in loaded.bars]
    within, warmup = [own for _, own in parts], [early for early, _ in parts if len(early)]
    return evolve(loaded, bars=within, warmup=warmup)
