"""A source of bars that the embedding program has in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from attrs import field, frozen

from glowback_trio.data.calendars.gaps import with_gaps
from glowback_trio.data.calendars.resolution import check_resolution, resolution_of
from glowback_trio.data.doubts import with_doubts
from glowback_trio.data.fingerprint import combined
from glowback_trio.data.loading import collect, market_zone, parted, raise_problems
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
from glowback_trio.model.sessions.date_range import DateRange
from glowback_trio.model.sessions.stamps import Stamps
from glowback_trio.model.short_repr import counted, describe, listed

__all__ = ["MemoryCatalogue"]


def _by_symbol(bars: Iterable[Bars]) -> Mapping[str, Bars]:
    by_symbol: dict[str, Bars] = {}
    for one in bars:
        if one.symbol in by_symbol:
            raise DataError(f"expected one Bars per symbol, got two for {one.symbol!r}")
        by_symbol[one.symbol] = one
    return by_symbol


@frozen(eq=False, repr=False)
class MemoryCatalogue:
    """Bars from memory, checked by the same rules as those from files.

    Attributes:
        bars: Any number of `Bars`, at most one per symbol; stored by symbol.
        max_bars: The most symbol-bars that one request may load.
        max_rows: The most timestamps that one request may load.

    Raises:
        DataError: Two `Bars` have the same symbol.
    """

    bars: Mapping[str, Bars] = field(converter=_by_symbol)
    max_bars: int = MAX_BARS
    max_rows: int = MAX_ROWS

    def __repr__(self) -> str:
        return describe(self, counted(len(self.bars), "symbol"), listed(self.bars))

    def problems(self, request: BacktestRequest) -> Iterator[Problem]:
        """Yield all problems of a request that can be found without looking at prices."""
        if request.data_source != "default":
            message = "Prices are in memory here; only data_source 'default' is available"
            yield Problem("not_available", ("data_source",), message, request.data_source)
        yield from adjustment_problems(request, "Prices in memory")
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
        """Load the bars of a request; see `Source.load`.

        Raises:
            InvalidRequestError: The request has problems.
            DataError: Bars of another resolution, no bars in the range, a price that is not
                positive, more bars than the limits allow, or critical findings in quality mode
                `fail`.
        """
        # The same steps as for files, so that both kinds of bars get the same errors and findings.
        raise_problems(self.problems(request))
        limits = LoadLimits(bars=self.max_bars, rows=self.max_rows)
        bars, quality = collect(request, partial(self._load_one, request), checkpoint, limits)
        quality = with_gaps(
            [Stamps.of(one) for one in bars], quality, request.resolution, request.calendar
        )
        return parted(request, Dataset(bars, "memory", "user_provided", quality))

    def fingerprint(self, request: BacktestRequest) -> str:
        """Return the fingerprint of the bars of a request: see `Fingerprinting.fingerprint`.

        Raises:
            InvalidRequestError: A symbol is not there.
        """
        raise_problems(self.problems(request))
        bars = {symbol: self.bars[symbol].digest() for symbol in request.priced}
        return combined(b"memory", {symbol: bytes.fromhex(bars[symbol]) for symbol in bars})

    def datasets(self) -> Sequence[Listing]:
        """List the bars in memory, ordered by symbol."""
        return [
            Listing.of(symbol, "memory", self.bars[symbol].time) for symbol in sorted(self.bars)
        ]

    def _load_one(self, request: BacktestRequest, symbol: str) -> tuple[Bars, Quality]:
        bars = self.bars[symbol]
        check_resolution(symbol, resolution_of(bars.time), request.resolution)
        rows = Rows(
            symbol=symbol,
            source=symbol,
            stamps=Stamps.of(bars),
            values=np.stack([getattr(bars, column) for column in COLUMNS]),
            locate=lambda number: f"bar {number}",
        )
        # A program may hand over any arrays, so they are cleaned like those of a file.
        placed = rows.placed(market_zone(request), daily=request.resolution == "day")
        span = DateRange.of(request.start_date, request.end_date)
        found, quality = clean(placed.between(span, request.warmup_of(symbol)))
        return found, with_doubts(found, quality)
