"""One backtest in one call, on bars held in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glowback_trio.engine.simulation import Simulation
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result

__all__ = ["backtest"]


def backtest(request: BacktestRequest, bars: Sequence[Bars] | Dataset) -> Result:
    """Run one backtest on bars held in memory.

    Args:
        request: What to simulate. Bars outside its range are ignored.
        bars: One `Bars` for each requested symbol, and for the benchmark; or what `load_dataset`
            has loaded for this request.

    Raises:
        InvalidRequestError: The request requires adjusted prices, which need a file of factors.
        DataError: As `Simulation`, or no bar of a symbol lies within the range.
    """
    if isinstance(bars, Dataset):
        return _simulated(request, bars)
    if request.adjustment != "none":
        message = "Bars in memory are used as they are; adjust their prices beforehand"
        raise InvalidRequestError(
            [Problem("not_available", ("adjustment",), message, request.adjustment)]
        )
    within = [_within(one, request) for one in bars]
    quality = [Quality(one.symbol, rows=len(one), bars=len(one)) for one in within]
    return _simulated(request, Dataset(within, "memory", "user_provided", quality))


def _simulated(request: BacktestRequest, dataset: Dataset) -> Result:
    simulation = Simulation(request, dataset)
    simulation.run()
    return simulation.result()


def _within(bars: Bars, request: BacktestRequest) -> Bars:
    start, end = (
        np.datetime64(date.replace(tzinfo=None), "ns")
        for date in (request.start_date, request.end_date)
    )
    first = int(np.searchsorted(bars.time, start))
    stop = int(np.searchsorted(bars.time, end, side="right"))
    # Nothing to cut, and nothing to copy.
    if stop - first == len(bars):
        return bars
    rows = slice(first, stop)
    prices = (column[rows] for column in (bars.open, bars.high, bars.low, bars.close, bars.volume))
    return Bars(bars.symbol, bars.time[rows], *prices)
