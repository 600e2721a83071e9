"""The source of a gateway: a directory of price files, the sample generator, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal

from attrs import field, frozen

from glowback_trio.data.cache.cache import Reader, open_reader
from glowback_trio.data.calendars.calendar import STEPS
from glowback_trio.data.calendars.gaps import with_gaps
from glowback_trio.data.calendars.times import format_range, to_timestamp
from glowback_trio.data.directory_load import DirectoryLoad, MixedFilesError, expected_bars
from glowback_trio.data.doubts import with_doubts
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.files.price_file import PriceFile
from glowback_trio.data.fingerprint import combined
from glowback_trio.data.loading import collect, parted, raise_problems
from glowback_trio.data.near_misses import NearMiss, near_misses
from glowback_trio.data.reading.file_digests import FileDigests
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.reader_errors import errors_named
from glowback_trio.data.request_checks import (
    MAX_BARS,
    MAX_ROWS,
    LoadLimits,
    adjustment_problems,
    calendar_problems,
)
from glowback_trio.data.sample import GENERATOR, sample_bars
from glowback_trio.data.source import Listing, no_checkpoint
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.sessions.stamps import Stamps
from glowback_trio.model.short_repr import describe

__all__ = ["Catalogue"]

_SAMPLE_WARNING = "generated prices: good for trying things out, not for conclusions"
_ATTEMPTS = 3  # to load files that all change meanwhile
_UNREADABLE = "The data directory cannot be read"
# One row per resolution, because the generator takes any symbol.
_SAMPLES = tuple(
    Listing(
        "*", "sample", resolution, f"{FIRST_YEAR}-01-01T00:00:00Z", f"{LAST_YEAR}-12-31T00:00:00Z"
    )
    for resolution in STEPS
)


@frozen(repr=False)
class Catalogue:
    """Prices from a data directory, and generated ones if they are allowed.

    Attributes:
        root: The data directory. If there is one, a request's source `default` means this directory
            and nothing else; if not, it means the sample generator.
        allow_sample: False to refuse generated prices.
        max_bars: The most symbol-bars that one request may load.
        max_rows: The most timestamps that one request may load.
        file_limits: How much one file may hold.
        cache: Directory for parsed prices, which makes the next load of the same files take
            milliseconds. A relative path is relative to the directory of the files. None, or a
            directory that cannot be written: no cache.
    """

    root: Path | None = None
    allow_sample: bool = True
    max_bars: int = MAX_BARS
    max_rows: int = MAX_ROWS
    file_limits: FileLimits = DEFAULT_LIMITS
    cache: Path | None = None
    # Mutable: the listing of each file by path, valid while the file has the same version.
    _listings: dict[Path, tuple[PriceFile, Listing]] = field(
        factory=dict, init=False, repr=False, eq=False
    )
    _digests: FileDigests = field(factory=FileDigests, init=False, repr=False, eq=False)

    def __repr__(self) -> str:
        root = None if self.root is None else str(self.root)
        cache = {} if self.cache is None else {"cache": str(self.cache)}
        return describe(self, root=root, allow_sample=self.allow_sample, **cache)

    def problems(self, request: BacktestRequest) -> Iterator[Problem]:
        """Yield all problems of a request that can be found without reading prices."""
        if self._means_sample(request):
            yield from self._sample_problems(request)
        elif (load := self._directory_load(request)) is None:
            yield self._no_directory(request)
        else:
            yield from load.problems()

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        """Load the bars of a request; see `Source.load`.

        Raises:
            InvalidRequestError: The request has problems.
            DataError: A bad row, bars of another resolution, no bars in the range, more bars than
                the limits allow, or critical findings in quality mode `fail`.
        """
        if self._means_sample(request):
            raise_problems(self._sample_problems(request))
            return self._samples(request, checkpoint)
        for attempt in range(1, _ATTEMPTS + 1):
            if (load := self._directory_load(request)) is None:
                raise InvalidRequestError([self._no_directory(request)])
            try:
                return load.load(self._cache_of(load.directory), checkpoint)
            except MixedFilesError:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def fingerprint(self, request: BacktestRequest) -> str:
        """Return the fingerprint of the bars of a request: see `Fingerprinting.fingerprint`.

        It stands for the names and contents of the files that `load` would read, those of factors
        and of the origin of the prices included; times and paths of files are no part of it. Each
        file is read once, and again when it has changed. For generated prices it stands for the
        generator.

        Raises:
            InvalidRequestError: There is not one file for each symbol.
            DataError: A file cannot be read.
        """
        if self._means_sample(request):
            return combined(GENERATOR, {})
        if (load := self._directory_load(request)) is None:
            raise InvalidRequestError([self._no_directory(request)])
        return load.fingerprint(self._digests)

    def datasets(self) -> Sequence[Listing]:
        """List the sample generator, and every price file directly in the data directory.

        Files that seem to hold prices but are not read are listed with what to do about them.

        The first call reads every file, later calls only the changed ones. Findings about readable
        rows are not listed.

        Raises:
            DataError: The data directory cannot be read.
        """
        # Subdirectories that `csv_data_path` can name are not listed: there may be any number of
        # them.
        samples = _SAMPLES if self.allow_sample else ()
        if self.root is None:
            return samples
        if (directory := PriceDirectory.of(self.root)) is None:
            raise DataError(_UNREADABLE)
        cache = self._cache_of(directory)
        with open_reader(cache, directory.names, limits=self.file_limits) as read:
            found = [self._listing_of(read, file) for file in directory.files()]
        missed = [_missed(miss) for miss in near_misses(directory)]
        return [*samples, *sorted([*found, *missed], key=lambda one: one.symbol)]

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
        counts = expected_bars(request).values()
        yield from self._limits.problems(sum(counts), max(counts))

    def _samples(self, request: BacktestRequest, checkpoint: Callable[[], object]) -> Dataset:
        bars, quality = collect(request, partial(_sample, request), checkpoint, self._limits)
        # Generated prices have no gaps by their own calendar, only by an exchange's.
        if request.calendar:
            stamps = [Stamps.of(one) for one in bars]
            quality = with_gaps(stamps, quality, request.resolution, request.calendar)
        return parted(request, Dataset(bars, "sample", "sample", quality))

    def _directory_load(self, request: BacktestRequest) -> DirectoryLoad | None:
        """Find the request's files; None if there is no such directory."""
        if self.root is None:
            return None
        if (directory := PriceDirectory.of(self.root, request.csv_data_path)) is None:
            return None
        return DirectoryLoad(request, directory, self._limits, self.file_limits)

    def _no_directory(self, request: BacktestRequest) -> Problem:
        """Return why the request has no directory."""
        source = request.data_source
        if self.root is None:
            message = (
                f"data_source {source!r} needs a data directory, and there is none: serve with "
                "--data DIR, or open the gateway with data=DIR"
            )
            return Problem("not_available", ("data_source",), message, source)
        if request.csv_data_path is None:
            return Problem("not_available", ("data_source",), _UNREADABLE, source)
        message = "Input should name a directory inside the data directory"
        return Problem("value_error", ("csv_data_path",), message, request.csv_data_path)

    def _cache_of(self, directory: PriceDirectory) -> Path | None:
        """Return the cache of a directory: inside it, or a subdirectory of a shared cache."""
        if self.cache is None or not self.cache.is_absolute():
            return self.cache and directory.path / self.cache
        # Files of the same name in two directories must not share an entry.
        return self.cache / sha256(bytes(directory.path)).hexdigest()[:16]

    def _listing_of(self, read: Reader, file: PriceFile) -> Listing:
        listed, listing = self._listings.get(file.path, (None, None))
        if listing is None or listed != file:
            listing = _read_listing(read, file)
            self._listings[file.path] = (file, listing)
        return listing


def _sample(request: BacktestRequest, symbol: str) -> tuple[Bars, Quality]:
    start, end = to_timestamp(request.start_date), to_timestamp(request.end_date)
    bars = sample_bars(symbol, request.resolution, start, end, request.warmup_of(symbol))
    if not len(bars) or bars.time[-1] < start:
        raise DataError(
            f"{symbol} has no bars from {format_range(start, end)}: its market is closed"
        )
    warning = f"{symbol}: {_SAMPLE_WARNING}"
    quality = Quality(symbol, rows=len(bars), bars=len(bars), warnings=(warning,))
    return bars, with_doubts(bars, quality)


def _missed(miss: NearMiss) -> Listing:
    form: Literal["csv", "parquet"] = "parquet" if miss.is_parquet else "csv"
    return Listing(miss.symbol, form, None, problem=miss.advice)


def _read_listing(read: Reader, file: PriceFile) -> Listing:
    try:
        with errors_named(file.path.name):
            parsed = read(file)
            resolution = file.resolution or parsed.spacing
            rows = parsed.rows.placed(None, daily=resolution == "day")
            return Listing.of(file.symbol, file.format, rows.time, resolution)
    except DataError as error:
        return Listing(file.symbol, file.format, file.resolution, problem=str(error))
