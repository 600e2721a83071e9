"""A track: the only symbol's bars of one segment, and what all trials on it have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal

import numpy as np
from attrs import define, field

from glowback_trio.engine.analytics.annualisation import annualisation
from glowback_trio.engine.analytics.metrics import dataset_metrics
from glowback_trio.engine.kernel.tables import Tables
from glowback_trio.engine.strategies.indicators import rolling_mean, rsi, zscore
from glowback_trio.engine.timeline import align
from glowback_trio.model.bars import Dataset, Floats, Times
from glowback_trio.model.request import BacktestRequest

__all__ = ["Track"]

# Prices within these bounds, times or over anything an account may hold, stay within a float.
_LEAST, _MOST = 1e-50, 1e50


@define(eq=False)
class Track:
    """One segment's bars.

    Attributes:
        time: Bar times, (T,) datetime64[ns] UTC.
        open: (T,) currency.
        close: (T,) currency.
        volume: (T,) units.
        seen: (W + T,) closes, with those for warming up before them.
        warmup: W.
        periods: Bars per year.
        findings: The metrics that count what was found about the bars.
        is_plain: False if prices are so far out that only the simulation itself should try.
    """

    time: Times
    open: Floats
    close: Floats
    volume: Floats
    seen: Floats
    warmup: int
    periods: float
    findings: Mapping[str, float | int | None]
    is_plain: bool
    _indicators: dict[tuple[object, ...], Floats] = field(factory=dict, init=False)

    @classmethod
    def of(cls, request: BacktestRequest, dataset: Dataset) -> Track:
        """Return the track of a request for one symbol, without a benchmark, and its bars.

        Raises:
            DataError: There are no bars, or prices that are no prices.
        """
        timeline = align(dataset.bars, dataset.warmup)
        (bars,) = timeline.bars
        seen = timeline.seen(0).close
        stated = request.periods_per_year
        prices = np.concatenate((bars.open, seen))
        return cls(
            time=timeline.time,
            open=bars.open,
            close=bars.close,
            volume=bars.volume,
            seen=seen,
            warmup=len(seen) - len(bars),
            periods=stated or annualisation(timeline.time, timeline.date).periods,
            findings=dataset_metrics(dataset),
            is_plain=bool(prices.min() > _LEAST and prices.max() < _MOST),
        )

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def tables(self) -> Tables:
        """The bars as the kernel reads them."""
        rows = (column[:, np.newaxis] for column in (self.close, self.open, self.volume))
        never, no_latency = np.full(1, -1), np.zeros(0, np.int64)
        return Tables.closed(0, *rows, self.time.view(np.int64), no_latency, never)

    def mean(self, window: int) -> Floats:
        """Return the rolling mean of the closes that are seen, (W + T,)."""
        return self._kept(("mean", window), lambda close: rolling_mean(close, window))

    def zscore(self, window: int) -> Floats:
        """Return their z-scores, likewise."""
        return self._kept(("zscore", window), lambda close: zscore(close, window))

    def rsi(self, period: int, smoothing: Literal["wilder", "cutler"]) -> Floats:
        """Return their relative strength index, likewise."""
        return self._kept(("rsi", period, smoothing), lambda close: rsi(close, period, smoothing))

    def _kept(self, key: tuple[object, ...], work_out: Callable[[Floats], Floats]) -> Floats:
        if key not in self._indicators:
            self._indicators[key] = np.ascontiguousarray(work_out(self.seen[:, np.newaxis])[:, 0])
        return self._indicators[key]
