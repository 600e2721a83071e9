"""Prices handed over in memory, for programs that embed the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from attrs import field, frozen

from glowback_trio.data.calendars.gaps import with_gaps
from glowback_trio.data.calendars.resolution import check_resolution, resolution_of
from glowback_trio.data.calendars.times import to_timestamp
from glowback_trio.data.loading import collect, raise_problems
from glowback_trio.data.request_checks import (
    MAX_BARS,
    MAX_ROWS,
    LoadLimits,
    adjustment_problems,
    calendar_problems,
    unknown_symbol_problems,
)
from glowback_trio.data.rows import COLUMNS, Rows, clean
from glowback_trio.data.source import Listing, no_checkpoint
from glowback_trio.errors import DataError, Problem
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.request import BacktestRequest

__all__ = ["MemoryCatalogue"]


def _by_symbol(bars: Iterable[Bars]) -> Mapping[str, Bars]:
    held: dict[str, Bars] = {}
    for one in bars:
        if one.symbol in held:
            raise DataError(f"expected one Bars per symbol, got two for {one.symbol!r}")
        held[one.symbol] = one
    return held


@frozen(eq=False)
class MemoryCatalogue:
    """Bars that the program already has, served by the same rules as files.

    Attributes:
        bars: Given as any number of `Bars`, at most one per symbol; kept by symbol.
        max_bars: Symbol-bars that one request may ask for.
        max_rows: Timestamps that one request may ask for.

    Raises:
        DataError: A symbol is there twice.
    """

    bars: Mapping[str, Bars] = field(converter=_by_symbol)
    max_bars: int = MAX_BARS
    max_rows: int = MAX_ROWS

    def problems(self, request: BacktestRequest) -> Iterator[Problem]:
        """Say everything that speaks against a request before its bars are looked at."""
        if request.data_source != "default":
            message = "Prices are held in memory here; only data_source 'default' is available"
            yield Problem("not_available", ("data_source",), message, request.data_source)
        yield from adjustment_problems(request, "Prices held in memory")
        yield from calendar_problems(request)
        unknown = [
            (request.place(index), symbol)
            for index, symbol in enumerate(request.priced)
            if symbol not in self.bars
        ]
        yield from unknown_symbol_problems(unknown, self.bars)

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        """Get the bars of a request.

        Args:
            request: What is asked.
            checkpoint: Called before each symbol; what it raises ends the load.

        Raises:
            InvalidRequestError: The request has problems.
            DataError: Bars of another resolution, no bars in the range, a price that is not
                positive, more bars than the limits allow, or critical findings in quality mode
                `fail`.
        """
        raise_problems(self.problems(request))
        limits = LoadLimits(bars=self.max_bars, rows=self.max_rows)
        bars, quality = collect(request, partial(self._one, request), checkpoint, limits)
        quality = with_gaps(
            [one.time for one in bars], quality, request.resolution, request.calendar
        )
        return Dataset(bars, "memory", "user_provided", quality)

    def datasets(self) -> Sequence[Listing]:
        """List what is held, in the order of symbols."""
        return [
            Listing.of(symbol, "memory", self.bars[symbol].time) for symbol in sorted(self.bars)
        ]

    def _one(self, request: BacktestRequest, symbol: str) -> tuple[Bars, Quality]:
        bars = self.bars[symbol]
        check_resolution(symbol, resolution_of(bars.time), request.resolution)
        rows = Rows(
            symbol=symbol,
            source=symbol,
            time=bars.time,
            values=np.stack([getattr(bars, column) for column in COLUMNS]),
            locate=lambda number: f"bar {number}",
        )
        return clean(rows.between(to_timestamp(request.start_date), to_timestamp(request.end_date)))
