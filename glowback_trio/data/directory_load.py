"""Load the bars of a request from a directory of price files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from attrs import evolve, field, frozen

from glowback_trio.data.cache.cache import Reader, open_reader
from glowback_trio.data.cache.parsed_file import ParsedFile, Placing
from glowback_trio.data.calendars.calendar import calendar_of
from glowback_trio.data.calendars.gaps import with_gaps
from glowback_trio.data.calendars.resolution import check_resolution
from glowback_trio.data.calendars.times import to_timestamp
from glowback_trio.data.doubts import with_doubts, with_share_warning
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.files.factors import FACTORS_ENDING, adjusted, read_factors
from glowback_trio.data.files.price_file import FORMATS, FileFormat, PriceFile
from glowback_trio.data.files.provenance import read_provenance
from glowback_trio.data.files.symbol_names import file_stem
from glowback_trio.data.fingerprint import combined
from glowback_trio.data.loading import collect, market_zone, parted, raise_problems
from glowback_trio.data.near_misses import near_misses_of
from glowback_trio.data.reading.file_digests import FileDigests
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.reader_errors import errors_named
from glowback_trio.data.reading.unchanged_file import ChangedFileError, Version, version_of
from glowback_trio.data.request_checks import LoadLimits, calendar_problems, unknown_symbol_problems
from glowback_trio.errors import DataError, Problem
from glowback_trio.extras import PARQUET
from glowback_trio.model.bars import Bars, Dataset, Provenance, Quality
from glowback_trio.model.bounds import one_of
from glowback_trio.model.request import BacktestRequest, Resolution
from glowback_trio.model.sessions.date_range import DateRange
from glowback_trio.model.sessions.stamps import Stamps
from glowback_trio.model.short_repr import listed

__all__ = ["DirectoryLoad", "MixedFilesError", "ambiguity", "expected_bars"]

_LISTED = 5  # files that a message names
_MORE_SHARES = ("splits", "total")  # adjustments that make more shares of the ones traded


class MixedFilesError(ChangedFileError):
    """Raised when several files of one load change while it reads them."""


@frozen(eq=False)
class DirectoryLoad:
    """A request and the files found for it.

    Attributes:
        request: The request.
        directory: The directory of its files.
        limits: How much it may load.
        file_limits: How much one file may hold.
        files: For each of its symbols, the files that may hold the bars. None means an unknown
            symbol; more than one is ambiguous and refused.
    """

    request: BacktestRequest
    directory: PriceDirectory
    limits: LoadLimits
    file_limits: FileLimits = DEFAULT_LIMITS
    files: Sequence[Sequence[PriceFile]] = field(init=False, repr=False)

    @files.default
    def _find(self) -> Sequence[Sequence[PriceFile]]:
        resolution, formats = self.request.resolution, self.formats
        return [self.directory.find(each, resolution, formats) for each in self.request.priced]

    @property
    def formats(self) -> Sequence[FileFormat]:
        """The file formats that the request's source allows."""
        match self.request.data_source:
            case "csv":
                return ("csv",)
            case "parquet":
                return ("parquet",)
            case _:
                return FORMATS

    def problems(self) -> Iterator[Problem]:
        """Yield all problems of the request that can be found without reading prices."""
        yield from self._missing_files()
        for index, found in enumerate(self.files):
            if len(found) > 1:
                symbol, resolution = self.request.priced[index], self.request.resolution
                message = ambiguity(symbol, resolution, found)
                yield Problem("ambiguous", self.request.place(index), message, symbol)
        yield from self._missing_extras()
        yield from self._missing_factors()
        # Neither bound is tight by itself: a calendar counts bars from before the file begins, and
        # a file may hold more than the range.
        expected = expected_bars(self.request)
        counts = [min(expected[f[0].symbol], f[0].most_rows) for f in self.files if f]
        yield from self.limits.problems(sum(counts), max(counts, default=0))

    def load(self, cache: Path | None, checkpoint: Callable[[], object]) -> Dataset:
        """Load the bars.

        Args:
            cache: The directory of the cache; None: parse every file.
            checkpoint: Called before each symbol; an exception that it raises ends the load.

        Raises:
            InvalidRequestError: The request has problems.
            MixedFilesError: More than one file has changed meanwhile.
            DataError: See `Source.load`.
        """
        raise_problems(self.problems())
        versions = self._versions()
        request, stated = self.request, self._provenance()
        files = {found[0].symbol: found[0] for found in self.files}
        place = Placing(
            span=DateRange.of(request.start_date, request.end_date),
            zone=market_zone(request),
            daily=request.resolution == "day",
        )
        with open_reader(
            cache, self.directory.names, checkpoint, self.file_limits, list(files.values())
        ) as read:
            load_one = partial(self._load_one, read, files, place, stated)
            bars, quality = collect(request, load_one, checkpoint, self.limits)
        self._check_versions(versions)
        quality = with_gaps(
            [Stamps.of(one) for one in bars], quality, request.resolution, request.calendar
        )
        formats = {file.format for file in files.values()}
        # Files of both formats are reported as `default`, the source that allows both.
        source = formats.pop() if len(formats) == 1 else "default"
        return parted(request, Dataset(bars, source, stated.kind, quality, stated))

    def fingerprint(self, digests: FileDigests) -> str:
        """Return the fingerprint of the bars: of the names and contents of the files to be read.

        Args:
            digests: The digests of files.

        Raises:
            InvalidRequestError: There is not one file for each symbol.
            DataError: A file cannot be read.
        """
        if any(len(found) != 1 for found in self.files):
            raise_problems(self.problems())
        stated = self.directory.provenance()
        others = b"" if stated is None else _digest_at(digests, stated)
        return combined(
            others, {found[0].symbol: self._digest_of(digests, found[0]) for found in self.files}
        )

    def _digest_of(self, digests: FileDigests, file: PriceFile) -> bytes:
        """Return the digest of all that is read for a symbol."""
        read = hashlib.sha256(f"{file.name}\0".encode())
        read.update(digests.of(file.location, file.version))
        if self.request.adjustment != "none":
            if (factors := self.directory.factors(file.symbol)) is None:
                raise_problems(self._missing_factors())
            else:
                read.update(_digest_at(digests, factors))
        return read.digest()

    def _load_one(
        self,
        read: Reader,
        files: Mapping[str, PriceFile],
        place: Placing,
        stated: Provenance,
        symbol: str,
    ) -> tuple[Bars, Quality]:
        file = files[symbol]
        with errors_named(file.name):
            return self._bars_of(read(file), file, place, stated)

    def _bars_of(
        self,
        parsed: ParsedFile,
        file: PriceFile,
        place: Placing,
        stated: Provenance,
    ) -> tuple[Bars, Quality]:
        symbol, request = file.symbol, self.request
        check_resolution(file.name, parsed.spacing, request.resolution, file.resolution)
        bars, quality, is_plain = parsed.between(place, request.warmup_of(symbol))
        if request.adjustment == "none":
            if request.execution.commission_per_share and stated.adjusted_for in _MORE_SHARES:
                quality = with_share_warning(quality)
            return bars, quality if is_plain else with_doubts(bars, quality)
        # `problems` has checked this, but the run may have waited in the queue since.
        if (factors := self.directory.factors(symbol)) is None:
            raise DataError(f"the factors file of {symbol} was removed after the run was submitted")
        quality = evolve(quality, adjustment=request.adjustment)
        changed = adjusted(bars, read_factors(factors, self.file_limits), request.adjustment)
        if request.execution.commission_per_share:
            quality = with_share_warning(quality, bars.close.item(0) / changed.close.item(0))
        return changed, with_doubts(changed, quality)

    def _provenance(self) -> Provenance:
        path = self.directory.provenance()
        return Provenance() if path is None else read_provenance(path, self.file_limits)

    def _versions(self) -> Mapping[str, Version | None]:
        """Return the versions of all files that the load reads, those of prices as listed."""
        others: list[Path | None] = []
        if self.request.adjustment != "none":
            others = [self.directory.factors(found[0].symbol) for found in self.files]
        versions = {
            str(path): _version_at(str(path))
            for path in (*others, self.directory.provenance())
            if path
        }
        return versions | {found[0].location: found[0].version for found in self.files}

    def _check_versions(self, before: Mapping[str, Version | None]) -> None:
        """Check that the files belong together.

        A single one that has changed fits the others, which have been as they are all the time.

        Raises:
            MixedFilesError: More than one has changed.
        """
        changed = [
            Path(location).name
            for location, version in before.items()
            if _version_at(location) != version
        ]
        if len(changed) > 1:
            raise MixedFilesError(
                f"{listed(changed, _LISTED)} change while they are read, so their bars may not "
                "belong together; run again once they are written"
            )

    def _missing_files(self) -> Iterator[Problem]:
        """Yield symbols without a file, telling unknown ones from those of other resolutions."""
        request, unknown = self.request, []
        for index, symbol in enumerate(request.priced):
            if self.files[index]:
                continue
            existing = self.directory.resolutions(symbol, self.formats)
            if request.resolution in existing:
                message = (
                    f"What should be the file of {symbol!r} is no regular file, or a link that "
                    "leads out of the data directory"
                )
                yield Problem("unknown_symbol", request.place(index), message, symbol)
            elif existing:
                missing = f"No bars of resolution {request.resolution!r} for {symbol!r}"
                message = f"{missing}; there are bars of {one_of(existing)}"
                yield Problem("unknown_symbol", request.place(index), message, symbol)
            elif elsewhere := self.directory.find(symbol, request.resolution):
                source = request.data_source
                missing = f"No prices for symbol {symbol!r} in files of data_source {source!r}"
                message = f"{missing}; data_source {elsewhere[0].format!r} has them"
                yield Problem("unknown_symbol", request.place(index), message, symbol)
            else:
                unknown.append((request.place(index), symbol))
        known = self.directory.symbols(self.formats) if unknown else frozenset[str]()
        yield from unknown_symbol_problems(unknown, known, self._advice(unknown))

    def _advice(self, unknown: Sequence[tuple[tuple[str | int, ...], str]]) -> Mapping[str, str]:
        """Return what to do with files that may hold the prices of unknown symbols."""
        if not unknown:
            return {}
        found = near_misses_of(self.directory, [symbol for _, symbol in unknown])
        return {
            symbol: "; ".join(miss.advice for miss in misses) for symbol, misses in found.items()
        }

    def _missing_extras(self) -> Iterator[Problem]:
        needs_parquet = any(found and found[0].format == "parquet" for found in self.files)
        if needs_parquet and not PARQUET.is_installed:
            source = self.request.data_source
            yield Problem("not_available", ("data_source",), PARQUET.advice, source)
        yield from calendar_problems(self.request)

    def _missing_factors(self) -> Iterator[Problem]:
        if self.request.adjustment == "none":
            return
        for index, symbol in enumerate(self.request.priced):
            if self.files[index] and self.directory.factors(symbol) is None:
                name = f"{file_stem(symbol)}{FACTORS_ENDING}"
                message = f"Cannot adjust {symbol!r}: there is no file {name}"
                yield Problem("not_available", self.request.place(index), message, symbol)


def _digest_at(digests: FileDigests, path: Path) -> bytes:
    with errors_named(path.name):
        return digests.of(str(path), version_of(path.stat()))


def _version_at(location: str) -> Version | None:
    try:
        return version_of(os.stat(location))  # noqa: PTH116 - a path for each of hundreds takes longer
    except OSError:
        return None


def ambiguity(symbol: str, resolution: Resolution, files: Sequence[PriceFile]) -> str:
    """Return the message that several files may hold the same bars."""
    names = ", ".join(file.name for file in files)
    return (
        f"More than one file may hold bars of resolution {resolution!r} for {symbol!r}: "
        f"{names}; keep one of them, or name each after its resolution"
    )


def expected_bars(request: BacktestRequest) -> Mapping[str, int]:
    """Count the bars that each symbol's calendar has in the request's range, or warming up."""
    start, end = to_timestamp(request.start_date), to_timestamp(request.end_date)
    calendars = {symbol: calendar_of(symbol) for symbol in request.priced}
    counts = {
        calendar: calendar.count(request.resolution, start, end)
        for calendar in set(calendars.values())
    }
    return {
        symbol: counts[calendar] + request.warmup_of(symbol)
        for symbol, calendar in calendars.items()
    }
