"""The gateway's prices: a directory of price files, the sample generator, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from attrs import field, frozen

from glowback_trio.data.cache.cache import Reader, open_reader
from glowback_trio.data.calendars.calendar import STEPS
from glowback_trio.data.calendars.gaps import with_gaps
from glowback_trio.data.calendars.times import format_range, to_timestamp
from glowback_trio.data.directory_load import DirectoryLoad, expected_bars
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.files.price_file import PriceFile
from glowback_trio.data.loading import collect, raise_problems
from glowback_trio.data.request_checks import (
    MAX_BARS,
    MAX_ROWS,
    LoadLimits,
    adjustment_problems,
    calendar_problems,
)
from glowback_trio.data.sample import sample_bars
from glowback_trio.data.source import Listing, no_checkpoint
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR
from glowback_trio.model.request import BacktestRequest

__all__ = ["Catalogue"]

_SAMPLE_WARNING = "generated sample prices: good for trying things out, not for conclusions"
_UNREADABLE = "The data directory cannot be read"
_SAMPLES = tuple(
    Listing(
        "*", "sample", resolution, f"{FIRST_YEAR}-01-01T00:00:00Z", f"{LAST_YEAR}-12-31T00:00:00Z"
    )
    for resolution in STEPS
)


@frozen
class Catalogue:
    """Prices from a data directory, and generated ones where that is allowed.

    Attributes:
        root: The data directory. With one, the source `default` means it and nothing else; without
            one it means the sample generator.
        allow_sample: Whether generated prices may be had at all.
        max_bars: Symbol-bars that one request may ask for.
        max_rows: Timestamps that one request may ask for.
        cache: Where parsed prices are kept, so that the next load of the same files takes
            milliseconds. A relative path lies inside the directory of the files, wherever that is;
            None: nothing is kept. Where it cannot be written nothing is kept either.
    """

    root: Path | None = None
    allow_sample: bool = True
    max_bars: int = MAX_BARS
    max_rows: int = MAX_ROWS
    cache: Path | None = None
    # Mutable: what `datasets` learnt of each file, good while it is the same version.
    _learnt: dict[Path, tuple[PriceFile, Listing]] = field(
        factory=dict, init=False, repr=False, eq=False
    )

    def problems(self, request: BacktestRequest) -> Iterator[Problem]:
        """Say everything that speaks against a request and needs no file's content."""
        if self._means_sample(request):
            yield from self._sample_problems(request)
        elif (wanted := self._wanted(request)) is None:
            yield self._nowhere(request)
        else:
            yield from wanted.problems()

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        """Get the bars of a request.

        Args:
            request: What is asked.
            checkpoint: Called before each symbol; what it raises ends the load.

        Raises:
            InvalidRequestError: The request has problems.
            DataError: A bad row, bars of another resolution, no bars in the range, more bars than
                the limits allow, or critical findings in quality mode `fail`.
        """
        if self._means_sample(request):
            raise_problems(self._sample_problems(request))
            return self._samples(request, checkpoint)
        if (wanted := self._wanted(request)) is None:
            raise InvalidRequestError([self._nowhere(request)])
        return wanted.load(self._cache_of(wanted.directory), checkpoint)

    def datasets(self) -> Sequence[Listing]:
        """List the sample generator, and every price file directly in the data directory.

        The first call reads every file; later ones only those that have changed. What is wrong
        with rows that can be read is not told.

        Raises:
            DataError: The data directory cannot be read.
        """
        samples = _SAMPLES if self.allow_sample else ()
        if self.root is None:
            return samples
        if (directory := PriceDirectory.of(self.root)) is None:
            raise DataError(_UNREADABLE)
        with open_reader(self._cache_of(directory), directory.names) as read:
            return [*samples, *(self._learn(read, file) for file in directory.files())]

    @property
    def _limits(self) -> LoadLimits:
        return LoadLimits(bars=self.max_bars, rows=self.max_rows)

    def _means_sample(self, request: BacktestRequest) -> bool:
        is_default = request.data_source == "default" and self.root is None
        return is_default or request.data_source == "sample"

    def _sample_problems(self, request: BacktestRequest) -> Iterator[Problem]:
        if not self.allow_sample:
            message = "Sample prices are disabled here; choose a data_source with real prices"
            yield Problem("not_available", ("data_source",), message, request.data_source)
        yield from adjustment_problems(request, "Generated prices")
        yield from calendar_problems(request)
        asked = expected_bars(request).values()
        yield from self._limits.problems(sum(asked), max(asked))

    def _samples(self, request: BacktestRequest, checkpoint: Callable[[], object]) -> Dataset:
        bars, quality = collect(request, partial(_sample, request), checkpoint, self._limits)
        if request.calendar:
            times = [one.time for one in bars]
            quality = with_gaps(times, quality, request.resolution, request.calendar)
        return Dataset(bars, "sample", "sample", quality)

    def _wanted(self, request: BacktestRequest) -> DirectoryLoad | None:
        """The request beside its files; None where there is no directory to look for them in."""
        directory = self.root and PriceDirectory.of(self.root, request.csv_data_path)
        return DirectoryLoad(request, directory, self._limits) if directory else None

    def _nowhere(self, request: BacktestRequest) -> Problem:
        """Why there is no directory to look for the request's files in."""
        source = request.data_source
        if self.root is None:
            message = f"data_source {source!r} needs a data directory; none is configured"
            return Problem("not_available", ("data_source",), message, source)
        if request.csv_data_path is None:
            return Problem("not_available", ("data_source",), _UNREADABLE, source)
        message = "Input should name a directory inside the data directory"
        return Problem("value_error", ("csv_data_path",), message, request.csv_data_path)

    def _cache_of(self, directory: PriceDirectory) -> Path | None:
        """Where the cache of a directory lies: inside it, or in one of its own elsewhere."""
        if self.cache is None or not self.cache.is_absolute():
            return self.cache and directory.path / self.cache
        return self.cache / sha256(bytes(directory.path)).hexdigest()[:16]

    def _learn(self, read: Reader, file: PriceFile) -> Listing:
        seen, listing = self._learnt.get(file.path, (None, None))
        if listing is None or seen != file:
            listing = _listing(read, file)
            self._learnt[file.path] = (file, listing)
        return listing


def _sample(request: BacktestRequest, symbol: str) -> tuple[Bars, Quality]:
    start, end = to_timestamp(request.start_date), to_timestamp(request.end_date)
    bars = sample_bars(symbol, request.resolution, start, end)
    if not len(bars):
        raise DataError(
            f"{symbol} has no bars from {format_range(start, end)}: its market is closed"
        )
    warning = f"{symbol}: {_SAMPLE_WARNING}"
    return bars, Quality(symbol, rows=len(bars), bars=len(bars), warnings=(warning,))


def _listing(read: Reader, file: PriceFile) -> Listing:
    try:
        rows = read(file).rows
    except DataError as error:
        return Listing(file.symbol, file.format, file.resolution, problem=str(error))
    return Listing.of(file.symbol, file.format, rows.time, file.resolution)
