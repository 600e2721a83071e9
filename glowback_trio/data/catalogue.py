"""The gateway's prices: a directory of CSV files, the sample generator, or both."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from glowback_trio.data.admission import MAX_BARS, MAX_ROWS, Limits, unknown_symbols
from glowback_trio.data.calendar import STEPS, calendar_of
from glowback_trio.data.csv_file import read_csv
from glowback_trio.data.directory import PriceFile, inside, list_prices
from glowback_trio.data.loading import collect, moment, refuse
from glowback_trio.data.rows import judge
from glowback_trio.data.sample import sample_bars
from glowback_trio.data.source import Listing, keep_going
from glowback_trio.data.spacing import refuse_other_spacing
from glowback_trio.errors import DataError, Problem
from glowback_trio.model.bars import Bars, Dataset, Quality
from glowback_trio.model.instant import FIRST_YEAR, LAST_YEAR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from glowback_trio.model.request import BacktestRequest, Resolution

__all__ = ["Catalogue"]

_SHORT_ROW = 32  # bytes; real rows are seldom shorter, so that a file's size bounds its rows
_SAMPLE_WARNING = "generated sample prices, fit for trying things out and not for conclusions"
_SAMPLES = tuple(
    Listing("*", "sample", resolution, f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31")
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
    # Mutable: what `datasets` learnt of each file, good until its time of change or size differ.
    _learnt: dict[Path, tuple[tuple[int, int], Listing]] = field(
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
        load_one = partial(_csv, request, _files(self.root, request))
        bars, quality = collect(request, load_one, checkpoint, self._limits)
        return Dataset(bars, "csv", "user_provided", quality)

    def datasets(self) -> Sequence[Listing]:
        """List the sample generator, and every price file directly in the data directory.

        The first call reads every file; later ones only those that have changed.
        """
        files = list_prices(self.root, self.root) if self.root else {}
        listed = [self._learn(file) for symbol in sorted(files) for file in files[symbol]]
        return [*(_SAMPLES if self.allow_sample else ()), *listed]

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
        if inside(root, request.csv_data_path or ".") is None:
            yield _no_directory(request)
            return
        files = _files(root, request)
        yield from unknown_symbols(request, files)
        asked, sizes = _asked(request), []
        for index, symbol in enumerate(request.symbols):
            if (file := _fitting(files, symbol, request.resolution)) is not None:
                sizes.append(min(asked[symbol], file.path.stat().st_size // _SHORT_ROW + 1))
            elif symbol in files:
                yield _other_resolution(request, index, files[symbol])
        yield from self._limits.problems(sizes)

    def _learn(self, file: PriceFile) -> Listing:
        stat = file.path.stat()
        version = (stat.st_mtime_ns, stat.st_size)
        known = self._learnt.get(file.path)
        if known is None or known[0] != version:
            known = self._learnt[file.path] = (version, _listing(file))
        return known[1]


def _sample(request: BacktestRequest, symbol: str) -> tuple[Bars, Quality]:
    start, end = moment(request.start_date), moment(request.end_date)
    bars = sample_bars(symbol, request.resolution, start, end)
    if not len(bars):
        raise DataError(f"{symbol} has no bars from {start}Z to {end}Z: its market is closed then")
    warning = f"{symbol}: {_SAMPLE_WARNING}"
    return bars, Quality(symbol, rows=len(bars), bars=len(bars), warnings=(warning,))


def _csv(
    request: BacktestRequest, files: Mapping[str, Sequence[PriceFile]], symbol: str
) -> tuple[Bars, Quality]:
    file = _fitting(files, symbol, request.resolution)
    if file is None:
        raise DataError(f"the prices of {symbol} were removed while the run began")
    rows = read_csv(file.path, symbol)
    refuse_other_spacing(file.path.name, rows.time, request.resolution, file.resolution)
    inside_range = rows.between(moment(request.start_date), moment(request.end_date))
    return judge(inside_range, request.resolution)


def _files(root: Path, request: BacktestRequest) -> Mapping[str, Sequence[PriceFile]]:
    directory = inside(root, request.csv_data_path or ".")
    return {} if directory is None else list_prices(root, directory)


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
        message = "The data directory cannot be read"
        return Problem("not_available", ("data_source",), message, request.data_source)
    message = "Input should name a directory inside the data directory"
    return Problem("value_error", ("csv_data_path",), message, request.csv_data_path)


def _fitting(
    files: Mapping[str, Sequence[PriceFile]], symbol: str, resolution: Resolution
) -> PriceFile | None:
    """The file named with the resolution; failing that, the one that names none."""
    fitting = (file for file in files.get(symbol, ()) if file.resolution in (resolution, None))
    return next(fitting, None)


def _other_resolution(request: BacktestRequest, index: int, files: Sequence[PriceFile]) -> Problem:
    symbol = request.symbols[index]
    has = ", ".join(sorted({str(file.resolution) for file in files}))
    message = f"{symbol!r} has no bars of resolution {request.resolution!r}, only of {has}"
    return Problem("unknown_symbol", ("symbols", index), message, symbol)


def _listing(file: PriceFile) -> Listing:
    try:
        rows = read_csv(file.path, file.symbol)
    except DataError as error:
        return Listing(file.symbol, "csv", file.resolution, problem=str(error))
    return Listing.of(file.symbol, "csv", rows.time, file.resolution)
