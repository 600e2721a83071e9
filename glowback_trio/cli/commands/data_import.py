"""`glowback-trio data import`: prices of others made into price files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.commands.data_check import progress
from glowback_trio.cli.messages import print_error, print_warning
from glowback_trio.data.tools import (
    RENAMEABLE,
    ImportedPrices,
    place_for,
    read_prices,
    write_prices,
)
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bounds import one_of
from glowback_trio.model.request import Resolution

__all__ = ["import_"]

_Places = dict[Path, ImportedPrices]


def import_(
    *source: Path,
    data: Annotated[Path, Parameter(env_var="GLOWBACK_DATA", metavar="DIR")],
    column: Annotated[
        list[str] | None, Parameter(negative_iterable=(), consume_multiple=True)
    ] = None,
    symbol: Annotated[str | None, Parameter(show_default=False)] = None,
    resolution: Annotated[Resolution | None, Parameter(show_default=False)] = None,
    to: Literal["csv", "parquet"] = "csv",
    quality: Literal["warn", "fail"] = "fail",
    overwrite: Annotated[bool, Parameter(negative_bool=(), show_default=False)] = False,
) -> int:
    """Make price files, one for each symbol, of files from elsewhere.

    Everything is read and checked before anything is written. Rows are put
    in order; of rows with the same time the last one is kept.

    Args:
        source: CSV or Parquet files; a column of symbols splits a file into several.
        data: The directory to write into, made if need be.
        column: What a file calls its time, open, high, low, close, volume or symbol: ours=theirs.
        symbol: Whose prices these are, where no column and no file's name says it.
        resolution: The length of a bar, where the spacing of rows does not say it.
        to: The format to write; Parquet needs the extra 'parquet'.
        quality: Refuse prices with critical findings (fail), or tell them and go on (warn).
        overwrite: Replace files that are there already.
    """
    if not source:
        raise _misuse("SOURCE", "Input should name a file at least", None)
    column_names = _column_names(column or [])
    with progress("Reading") as shown:
        found = [
            prices
            for path in shown.track(source)
            for prices in read_prices(path, column_names, symbol, resolution)
        ]
    if not _accepted(found, quality):
        return 1
    places = _placed(found, data, to, overwrite=overwrite)
    with progress("Writing") as shown:
        for place, prices in shown.track(places.items()):
            write_prices(place, prices.bars, overwrite=overwrite)
    _tell(places)
    return 0


def _column_names(pairs: list[str]) -> dict[str, str]:
    column_names: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (equals and theirs) or ours not in RENAMEABLE or ours in column_names:
            expected = f"Input should be ours=theirs, each once, ours one of {one_of(RENAMEABLE)}"
            raise _misuse("--column", f"{expected}, not {pair!r}", pair)
        column_names[ours] = theirs
    return column_names


def _accepted(found: list[ImportedPrices], quality: Literal["warn", "fail"]) -> bool:
    """Tell what is wrong with the prices, and whether they may be written."""
    critical = [finding for prices in found for finding in prices.quality.critical]
    for finding in critical:
        (print_error if quality == "fail" else print_warning)(finding)
    for prices in found:
        for finding in prices.quality.warnings:
            print_warning(finding)
    if critical and quality == "fail":
        print_error("nothing was written; --quality warn writes prices with critical findings")
        return False
    return True


def _placed(
    found: list[ImportedPrices], data: Path, to: Literal["csv", "parquet"], *, overwrite: bool
) -> _Places:
    """Where each symbol's bars go.

    Raises:
        DataError: Something is there already, or two sources hold the same symbol's bars.
    """
    places: _Places = {}
    for prices in found:
        place = place_for(data, prices, to, overwrite=overwrite)
        if place in places:
            raise DataError(f"more than one source holds what would be {place.name}")
        places[place] = prices
    return places


def _tell(places: _Places) -> None:
    table = Table("Symbol", "Resolution", "Bars", "File", box=SIMPLE)
    table.columns[2].justify = "right"
    for place, prices in places.items():
        table.add_row(
            prices.bars.symbol, prices.resolution, f"{len(prices.bars):,}", str(place.name)
        )
    Console().print(table)


def _misuse(flag: str, message: str, value: object) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", (flag,), message, value)])
