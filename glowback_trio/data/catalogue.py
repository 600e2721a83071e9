"""The gateway's prices: a directory of CSV files, the sample generator, or both."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from glowback_trio.data.admission import MAX_BARS, MAX_ROWS, Limits, unknown_symbols
from glowback_trio.data.calendar import STEPS, calendar_of
from glowback_trio.data.csv_file import read_csv
from glowback_trio.data.directory import PriceDirectory, PriceFile
from glowback_trio.data.loading import collect, moment, refuse, span
from glowback_trio.data.rows import judge
from glowback_trio.data.sample import sample_bars
from glowback_trio.data.source import Listing, keep_going
from glowback_trio.data.spacing import refuse_other_spacing
from glowback_trio.errors import DataError, Problem
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.bounds import one_of
from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from glowback_trio.model.request import BacktestRequest, Resolution

__all__ = ["Catalogue"]

_SHORT_ROW = 32  # bytes; real rows are seldom shorter, so that a file's size bounds its rows
_SAMPLE_WARNING = "generated sample prices, fit for trying things out and not for conclusions"
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
    """

    root: Path | None = None
    allow_sample: bool = True
    max_bars: int = MAX_BARS
    max_rows: int = MAX_ROWS
    # Mutable: what `datasets` learnt of each file, good while its size and time of change stay.
    _learnt: dict[Path, tuple[PriceFile, Listing]] = field(
        factory=dict, init=False, repr=False, eq=False
    )

    def problems(self, request: BacktestRequest) -> Iterator[Problem]:
        """Say everything that speaks against a request and needs no file's content."""
        if self._means_sample(request):
            yield from self._sample_problems(request)
        elif self.root is None:
            message = f"data_source {request.data_source!r} needs a data directory; there is none"
            yield Problem("not_available", ("data_source",), message, request.data_source)
        else:
            yield from self._csv_problems(request, self.root)

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = keep_going
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
        refuse(self.problems(request))
        if self._means_sample(request):
            load_one = partial(_sample, request)
            bars, quality = collect(request, load_one, checkpoint, self._limits)
            return Dataset(bars, "sample", "sample", quality)
        assert self.root is not None, "a request without a source has problems"
        load_one = partial(_csv, request, PriceDirectory.of(self.root, request.csv_data_path))
        bars, quality = collect(request, load_one, checkpoint, self._limits)
        return Dataset(bars, "csv", "user_provided", quality)

    def datasets(self) -> Sequence[Listing]:
        """List the sample generator, and every price file directly in the data directory.

        The first call reads every file; later ones only those that have changed.

        Raises:
            DataError: The data directory cannot be read.
        """
        samples = _SAMPLES if self.allow_sample else ()
        if self.root is None:
            return samples
        if (directory := PriceDirectory.of(self.root)) is None:
            raise DataError(_UNREADABLE)
        return [*samples, *(self._learn(file) for file in directory.files())]

    @property
    def _limits(self) -> Limits:
        return Limits(bars=self.max_bars, rows=self.max_rows)

    def _means_sample(self, request: BacktestRequest) -> bool:
        is_default = request.data_source == "default" and self.root is None
        return is_default or request.data_source == "sample"

    def _sample_problems(self, request: BacktestRequest) -> Iterator[Problem]:
        if not self.allow_sample:
            message = "Sample data is switched off here; name a data_source with real prices"
            yield Problem("not_available", ("data_source",), message, request.data_source)
        asked = _asked(request)
        yield from self._limits.problems([asked[symbol] for symbol in request.symbols])

    def _csv_problems(self, request: BacktestRequest, root: Path) -> Iterator[Problem]:
        directory = PriceDirectory.of(root, request.csv_data_path)
        if directory is None:
            yield _no_directory(request)
            return
        files = [directory.find(symbol, request.resolution) for symbol in request.symbols]
        absent = [(i, request.symbols[i]) for i, file in enumerate(files) if file is None]
        yield from _absent_symbols(absent, request.resolution, directory)
        asked = _asked(request)
        found = [(asked[file.symbol], file.size) for file in files if file is not None]
        yield from self._limits.problems([min(n, size // _SHORT_ROW + 1) for n, size in found])

    def _learn(self, file: PriceFile) -> Listing:
        seen, listing = self._learnt.get(file.path, (None, None))
        if listing is None or seen != file:
            listing = _listing(file)
            self._learnt[file.path] = (file, listing)
        return listing


def _sample(request: BacktestRequest, symbol: str) -> tuple[Bars, Quality]:
    start, end = moment(request.start_date), moment(request.end_date)
    bars = sample_bars(symbol, request.resolution, start, end)
    if not len(bars):
        raise DataError(f"{symbol} has no bars from {span(start, end)}: its market is closed")
    warning = f"{symbol}: {_SAMPLE_WARNING}"
    return bars, Quality(symbol, rows=len(bars), bars=len(bars), warnings=(warning,))


def _csv(
    request: BacktestRequest, directory: PriceDirectory | None, symbol: str
) -> tuple[Bars, Quality]:
    file = directory.find(symbol, request.resolution) if directory else None
    if file is None:
        raise DataError(f"the prices of {symbol} were removed while the run began")
    rows = read_csv(file.path, symbol)
    refuse_other_spacing(file.path.name, rows.time, request.resolution, file.resolution)
    inside_range = rows.between(moment(request.start_date), moment(request.end_date))
    return judge(inside_range, request.resolution)


def _asked(request: BacktestRequest) -> Mapping[str, int]:
    """How many bars each symbol's calendar has in the range."""
    start, end = moment(request.start_date), moment(request.end_date)
    calendars = {symbol: calendar_of(symbol) for symbol in request.symbols}
    counts = {
        calendar: calendar.count(request.resolution, start, end)
        for calendar in set(calendars.values())
    }
    return {symbol: counts[calendar] for symbol, calendar in calendars.items()}


def _no_directory(request: BacktestRequest) -> Problem:
    if request.csv_data_path is None:
        return Problem("not_available", ("data_source",), _UNREADABLE, request.data_source)
    message = "Input should name a directory inside the data directory"
    return Problem("value_error", ("csv_data_path",), message, request.csv_data_path)


def _absent_symbols(
    absent: Sequence[tuple[int, str]], resolution: Resolution, directory: PriceDirectory
) -> Iterator[Problem]:
    """Tell symbols that are not there at all from those that have other bars than asked."""
    unknown = []
    for index, symbol in absent:
        if has := directory.resolutions(symbol):
            message = (
                f"No bars of resolution {resolution!r} for {symbol!r}; there are {one_of(has)}"
            )
            yield Problem("unknown_symbol", ("symbols", index), message, symbol)
        else:
            unknown.append((index, symbol))
    yield from unknown_symbols(unknown, directory.symbols() if unknown else ())


def _listing(file: PriceFile) -> Listing:
    try:
        rows = read_csv(file.path, file.symbol)
    except DataError as error:
        return Listing(file.symbol, "csv", file.resolution, problem=str(error))
    return Listing.of(file.symbol, "csv", rows.time, file.resolution)
