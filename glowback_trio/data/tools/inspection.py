"""Inspect every file of a directory and report what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attrs import evolve, field, frozen

from glowback_trio.data.calendars.gaps import with_gaps
from glowback_trio.data.calendars.resolution import check_resolution, resolution_of
from glowback_trio.data.directory_load import ambiguity
from glowback_trio.data.doubts import with_doubts
from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.files.factors import FACTORS_ENDING, adjusted, read_factors
from glowback_trio.data.files.price_file import PriceFile
from glowback_trio.data.files.provenance import read_provenance
from glowback_trio.data.files.symbol_names import symbol_of_stem
from glowback_trio.data.near_misses import near_misses
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.reader_errors import errors_named
from glowback_trio.data.rows import clean
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.request import Resolution
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["FileReport", "Inspection"]


@frozen
class FileReport:
    """The findings about one file.

    Attributes:
        name: The file's name.
        symbol: The symbol of its prices or factors.
        resolution: The length of its bars; None if it cannot be inferred, and for factors.
        rows: The number of its rows; None if it cannot be read, and for factors.
        critical: Why it cannot or should not be used, as sentences.
        warnings: What a user of the file should know, as sentences.
    """

    name: str
    symbol: str
    resolution: Resolution | None = None
    rows: int | None = None
    critical: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@frozen(eq=False)
class Inspection:
    """The inspection of one directory: call `read_files`, then `reports`.

    Attributes:
        directory: The directory.
        exchange: The exchange on whose trading days there should be bars; None: infer the days from
            the files.
        limits: How much a file may hold.
    """

    directory: PriceDirectory
    exchange: str | None = None
    limits: FileLimits = DEFAULT_LIMITS
    # Mutable: the reports so far, and the times and quality of each file with bars, by its name.
    _found: list[FileReport] = field(factory=list, init=False, repr=False)
    _readable: dict[str, tuple[Stamps, Quality]] = field(factory=dict, init=False, repr=False)

    def read_files(self) -> Iterator[tuple[int, int]]:
        """Read the files; after each one yield the number of files read and the number of all."""
        files: list[PriceFile | Path] = [*self.directory.files(), *self.directory.factors_files()]
        for done, file in enumerate(files, start=1):
            self._found.append(self._factors(file) if isinstance(file, Path) else self._bars(file))
            yield done, len(files)
        for miss in near_misses(self.directory):
            self._found.append(FileReport(miss.name, miss.symbol, warnings=(miss.advice,)))
        if path := self.directory.provenance():
            self._found.extend(self._provenance(path))

    def reports(self) -> Sequence[FileReport]:
        """Return the findings, one report per file, ordered by name.

        Raises:
            DataError: The exchange is unknown, or its calendar does not cover the bars.
        """
        warnings: dict[str, tuple[str, ...]] = {}
        for resolution in dict.fromkeys(one.resolution for one in self._found):
            warnings |= self._warnings(resolution)
        return sorted(
            (evolve(one, warnings=warnings.get(one.name, one.warnings)) for one in self._found),
            key=lambda one: one.name,
        )

    def _bars(self, file: PriceFile) -> FileReport:
        report = FileReport(file.path.name, file.symbol, file.resolution)
        try:
            with errors_named(report.name):
                rows = file.read(self.limits)
                spacing = resolution_of(rows.time)
                report = evolve(report, rows=len(rows), resolution=file.resolution or spacing)
                # Only a declared resolution can be contradicted by the spacing.
                if file.resolution:
                    check_resolution(report.name, spacing, file.resolution, file.resolution)
                bars, quality = clean(rows.placed(None, daily=report.resolution == "day"))
        except DataError as error:
            return evolve(report, critical=(str(error),))
        self._readable[report.name] = (Stamps.of(bars), with_doubts(self._adjusted(bars), quality))
        return evolve(report, critical=(*quality.critical, *self._ambiguous(report)))

    def _adjusted(self, bars: Bars) -> Bars:
        """Adjust bars for the splits that a factors file knows, which are no doubts."""
        path = self.directory.factors(bars.symbol)
        try:
            return (
                bars if path is None else adjusted(bars, read_factors(path, self.limits), "splits")
            )
        except DataError:  # reported with that file
            return bars

    def _ambiguous(self, report: FileReport) -> Iterator[str]:
        if report.resolution:
            found = self.directory.find(report.symbol, report.resolution)
            if (
                len(found) > 1 and found[0].path.name == report.name
            ):  # report each group of files once
                yield ambiguity(report.symbol, report.resolution, found)

    def _factors(self, path: Path) -> FileReport:
        stem = path.name.removesuffix(FACTORS_ENDING)
        report = FileReport(path.name, symbol_of_stem(stem) or stem)
        try:
            read_factors(path, self.limits)
        except DataError as error:
            return evolve(report, critical=(str(error),))
        return report

    def _provenance(self, path: Path) -> Iterator[FileReport]:
        """Yield a report only if something is wrong: the file has neither symbol nor rows."""
        try:
            read_provenance(path, self.limits)
        except DataError as error:
            yield FileReport(path.name, "", critical=(str(error),))

    def _warnings(self, resolution: Resolution | None) -> Mapping[str, tuple[str, ...]]:
        """Return warnings by file name. Gaps can be found only with all files of a resolution."""
        names = [
            one.name
            for one in self._found
            if one.resolution == resolution and one.name in self._readable
        ]
        stamps = [self._readable[name][0] for name in names]
        quality = [self._readable[name][1] for name in names]
        with_missing = with_gaps(stamps, quality, resolution or "day", self.exchange)
        return {name: one.warnings for name, one in zip(names, with_missing, strict=True)}
