"""Import prices from elsewhere: name their columns, split them by symbol, check and write them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import frozen

from glowback_trio.data.calendars.resolution import check_resolution, resolution_of
from glowback_trio.data.doubts import with_doubts
from glowback_trio.data.files.columns import shorten
from glowback_trio.data.files.directory import RESOLUTION_SUFFIX, PriceDirectory, symbol_in_name
from glowback_trio.data.files.parquet_file import write_parquet
from glowback_trio.data.files.price_file import FORMATS, FileFormat, read_table
from glowback_trio.data.files.symbol_names import file_stem
from glowback_trio.data.files.timestamps import written_times
from glowback_trio.data.rows import COLUMNS, Rows, clean
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.bounds import one_of
from glowback_trio.model.request import SYMBOL_RULE, Resolution

__all__ = ["ImportedPrices", "read_prices", "target_path", "write_prices"]


@frozen(eq=False)
class ImportedPrices:
    """One symbol's bars, ready to be written.

    Attributes:
        bars: The bars, sorted and without duplicates.
        quality: What was wrong with the rows that they were made from.
        resolution: The length of a bar.
        is_local: True if the times are those of a clock whose zone is not known.
    """

    bars: Bars
    quality: Quality
    resolution: Resolution
    is_local: bool = False


def read_prices(
    path: Path,
    column_names: Mapping[str, str],
    symbol: str | None = None,
    resolution: Resolution | None = None,
) -> Iterator[ImportedPrices]:
    """Read a file of prices from elsewhere, symbol by symbol in alphabetical order.

    Args:
        path: A CSV or Parquet file.
        column_names: The file's names of columns, see `find_columns`.
        symbol: The symbol; None: that of the column of symbols, else that in the file's name.
        resolution: The length of a bar; None: infer it from the spacing of the rows.

    Raises:
        DataError: The file cannot be read, or has a bad cell, an invalid symbol, an impossible
            price or bars of another length.
    """
    if (ending := path.suffix.lower().removeprefix(".")) not in FORMATS:
        raise DataError(f"{path.name}: expected a name that ends in {one_of(FORMATS)}")
    table = read_table(path, "parquet" if ending == "parquet" else "csv", column_names)
    if symbol is None and table.symbols is not None:
        parts = table.split()
    else:
        parts = iter([table.rows(symbol or symbol_in_name(path.name) or path.stem)])
    for rows in parts:
        yield _cleaned(rows, resolution)


def target_path(
    directory: Path, prices: ImportedPrices, form: FileFormat, *, overwrite: bool = False
) -> Path:
    """Return the file to which a symbol's bars are to be written.

    Raises:
        DataError: The file exists and may not be overwritten; or a file of another name may hold
            the same bars, so that the two would be ambiguous.
    """
    symbol = prices.bars.symbol
    path = directory / f"{file_stem(symbol)}_{RESOLUTION_SUFFIX[prices.resolution]}.{form}"
    listed = PriceDirectory.of(directory)
    for name in listed.names if listed else ():
        if name != path.name and name.casefold() == path.name.casefold():
            raise DataError(
                f"{path.name} and {name} are one file on a disk that ignores the case of letters; "
                "use another directory for one of them, or another --symbol"
            )
    for file in listed.find(symbol, prices.resolution) if listed else ():
        if file.path.name != path.name:
            raise DataError(
                f"{file.path.name} may hold the same bars as {path.name}; move or delete it"
            )
        if not overwrite:
            raise DataError(f"{path.name} already exists and may not be overwritten")
    return path


def write_prices(
    path: Path, bars: Bars, *, is_local: bool = False, overwrite: bool = False
) -> None:
    """Write bars to a temporary file and rename it, so that a reader never sees half of it.

    Args:
        path: The file.
        bars: The bars; offsets that they have are written beside their times.
        is_local: Write times without an offset, to be read in the zone of a request.
        overwrite: Replace a file that exists.

    Raises:
        DataError: The file cannot be written, or exists by now and may not be overwritten.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=path.parent) as directory:
            temporary = Path(directory) / path.name
            if path.suffix == ".parquet":
                write_parquet(temporary, bars, is_local=is_local)
            else:
                _write_csv(temporary, bars, is_local=is_local)
            if overwrite:
                temporary.replace(path)
            else:
                # Unlike a rename, a link fails if another process has created the file meanwhile.
                path.hardlink_to(temporary)
    except OSError as error:
        raise DataError(f"{path.name} cannot be written: {error.strerror}") from None


def _cleaned(rows: Rows, resolution: Resolution | None) -> ImportedPrices:
    if not re.fullmatch(SYMBOL_RULE.regex, rows.symbol):
        advice = SYMBOL_RULE.advice(rows.symbol)
        raise DataError(f"{rows.source}: {shorten(rows.symbol)} is not a valid symbol{advice}")
    spacing = resolution_of(rows.time)
    length = resolution or spacing
    if length is None:
        raise DataError(f"{rows.source}: too few rows of {rows.symbol} to infer their resolution")
    # Rows may be further apart than a resolution that the user gives, but not closer together.
    check_resolution(f"{rows.source} ({rows.symbol})", spacing, length, length)
    is_local = rows.stamps.is_local and length != "day"
    bars, quality = clean(rows.placed(None, daily=length == "day"))
    return ImportedPrices(bars, with_doubts(bars, quality), length, is_local)


def _write_csv(path: Path, bars: Bars, *, is_local: bool) -> None:
    """Write a file that `read_csv` reads back bit for bit, with the shortest digits that do so."""
    columns = [getattr(bars, name).tolist() for name in COLUMNS]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(("timestamp", *COLUMNS)) + "\n")
        for text, *numbers in zip(written_times(bars, is_local=is_local), *columns, strict=True):
            cells = (repr(number).removesuffix(".0") for number in numbers)
            file.write(f"{text},{','.join(cells)}\n")
