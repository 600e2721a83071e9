"""One backtest in one call, on bars held in memory."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from glowback_trio.engine.simulation import Simulation
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.bounds import check_type
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.sessions.date_range import DateRange
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["backtest", "dataset_for"]


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
    check_type("request", request, BacktestRequest)
    return _simulated(request, dataset_for(request, bars))


def dataset_for(request: BacktestRequest, bars: Sequence[Bars] | Dataset) -> Dataset:
    """Return the dataset of a request from bars in memory; one that is given is taken as it is.

    Args:
        request: The request.
        bars: As `backtest` takes them.

    Raises:
        InvalidRequestError: The request requires adjusted prices.
        DataError: `bars` are none.
    """
    if isinstance(bars, Dataset):
        return bars
    _check_bars(bars)
    if request.adjustment != "none":
        message = "Bars in memory are used as they are; adjust their prices beforehand"
        raise InvalidRequestError(
            [Problem("not_available", ("adjustment",), message, request.adjustment)]
        )
    parts = _parts(request, bars)
    within, warmup = [own for _, own in parts], [early for early, _ in parts if len(early)]
    quality = [
        Quality(own.symbol, rows=len(early) + len(own), bars=len(early) + len(own))
        for early, own in parts
    ]
    return Dataset(within, "memory", "user_provided", quality, warmup=warmup)


def _check_bars(bars: object) -> None:
    """Check what programs without type checks may pass, such as the name of a directory."""
    each = bars if isinstance(bars, Sequence) and not isinstance(bars, str) else None
    if each is None or not all(isinstance(one, Bars) for one in each):
        raise DataError(
            f"bars should be a list of Bars, not {bars!r:.100}; load_dataset(request, data) loads "
            "those of a directory"
        )


def _simulated(request: BacktestRequest, dataset: Dataset) -> Result:
    simulation = Simulation(request, dataset)
    simulation.run()
    return simulation.result()


def _parts(request: BacktestRequest, bars: Sequence[Bars]) -> list[tuple[Bars, Bars]]:
    """Return the bars before the request's range, and in it, at their session dates if daily."""
    zone = None if request.timezone is None else ZoneInfo(request.timezone)
    given = [Stamps.of(one) for one in bars]
    placed = [stamps.placed(zone, daily=request.resolution == "day") for stamps in given]
    if any((stamps.time[1:] <= stamps.time[:-1]).any() for stamps in placed):
        # Several bars a day are intraday bars, even if the request does not say so.
        placed = [stamps.placed(zone, daily=False) for stamps in given]
    span = DateRange.of(request.start_date, request.end_date)
    return [
        span.parted(_restamped(one, stamps), request.warmup_of(one.symbol))
        for one, stamps in zip(bars, placed, strict=True)
    ]


def _restamped(bars: Bars, stamps: Stamps) -> Bars:
    if stamps.time is bars.time and stamps.offset is bars.offset:
        return bars  # nothing to change, and nothing to copy
    prices = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return Bars(bars.symbol, stamps.time, *prices, offset=stamps.offset)
