"""`glowback-trio data import`: convert prices from elsewhere into price files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.messages import print_error, print_note, print_warning
from glowback_trio.cli.options.data_option import file_limits
from glowback_trio.cli.progress import file_progress
from glowback_trio.data.tools import (
    RENAMEABLE,
    VENDORS,
    ImportedPrices,
    ImportOptions,
    factors_path,
    merged,
    read_prices,
    target_path,
    write_imported,
)
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bounds import one_of
from glowback_trio.model.request import Resolution

__all__ = ["IMPORT_EXAMPLES", "import_"]

IMPORT_EXAMPLES = """\
Examples:

  glowback-trio data import AAPL.csv MSFT.csv --data ./prices
  glowback-trio data import EURUSD60.csv --data prices --timezone Europe/Athens
  glowback-trio data import BTCUSDT-1m-2024-*.zip --data ./prices --to parquet
  glowback-trio data import bought.csv --data ./prices --column close=Last

Formats:

""" + "".join(f"  {vendor.name:<23} {vendor.title.replace('`', '')}\n" for vendor in VENDORS)

_LISTED = 3  # symbols by name; more are counted
_Targets = dict[Path, ImportedPrices]


def import_(
    *source: Path,
    data: Annotated[Path, Parameter(env_var="GLOWBACK_DATA", metavar="DIR")],
    format: Annotated[  # noqa: A002 - the name of the flag
        str | None, Parameter(show_default=False, metavar="NAME")
    ] = None,
    column: Annotated[
        list[str] | None, Parameter(negative_iterable=(), consume_multiple=True)
    ] = None,
    symbol: Annotated[str | None, Parameter(show_default=False)] = None,
    resolution: Annotated[Resolution | None, Parameter(show_default=False)] = None,
    timezone: Annotated[str | None, Parameter(show_default=False, metavar="ZONE")] = None,
    dayfirst: Annotated[bool | None, Parameter(show_default=False)] = None,
    adjusted: Annotated[bool, Parameter(negative_bool=(), show_default=False)] = False,
    to: Literal["csv", "parquet"] = "csv",
    quality: Literal["warn", "fail"] = "fail",
    overwrite: Annotated[bool, Parameter(negative_bool=(), show_default=False)] = False,
) -> int:
    """Convert files from elsewhere into price files, one per symbol.

    The formats of many vendors are recognised, compressed or not (gz, bz2, xz,
    zip), in any usual encoding, with decimal commas, thousands and currency
    signs. The output says which format was taken. Files of one symbol are
    joined. Everything is read and checked before anything is written. Rows
    are sorted; of rows with the same time the last one is kept. Columns of
    splits and dividends become a file of adjustment factors.

    Args:
        source: Files of text, archives of them or Parquet; a symbol column splits a file.
        data: The directory to write to, created if necessary.
        format: The format, where another one than this is recognised; the names stand below.
        column: The name of a column in the files, as OURS=THEIRS: close=Last time=Date.
        symbol: The symbol, if neither a column nor the file's name says it.
        resolution: The length of a bar, if the spacing of the rows does not show it.
        timezone: Zone of times without an offset, e.g. America/New_York; part of the output.
        dayfirst: Whether 03/04/2023 is 3 April, if the file does not show it.
        adjusted: Scale the prices to the file's column of adjusted closes.
        to: The format to write; Parquet needs the extra 'parquet'.
        quality: 'fail' refuses prices with critical findings, 'warn' writes them anyway.
        overwrite: Replace existing files.
    """
    if not source:
        raise _misuse("SOURCE", "Input should name at least one file", None)
    options = ImportOptions(
        column_names=_column_names(column or []),
        symbol=symbol,
        resolution=resolution,
        format=format,
        timezone=timezone,
        day_first=dayfirst,
        adjusted=adjusted,
        limits=file_limits(),
    )
    with file_progress("Reading") as bar:
        read = [prices for path in bar.track(source) for prices in read_prices(path, options)]
    found = merged(read)
    _print_notes(found)
    # All files have been read by now, so that a bad one prevents writing any.
    if not _accepted(found, quality):
        return 1
    targets = _targets(found, data, to, overwrite=overwrite)
    with file_progress("Writing") as bar:
        for path, prices in bar.track(targets.items()):
            write_imported(path, prices, overwrite=overwrite)
    _print_written(targets)
    return 0


def _column_names(pairs: list[str]) -> dict[str, str]:
    column_names: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (equals and theirs) or ours not in RENAMEABLE or ours in column_names:
            expected = f"Input should be OURS=THEIRS, each once, OURS being {one_of(RENAMEABLE)}"
            raise _misuse("--column", f"{expected}, not {pair!r}", pair)
        column_names[ours] = theirs
    return column_names


def _print_notes(found: Sequence[ImportedPrices]) -> None:
    """Print how the files were read, once for all symbols of which it is true."""
    said: dict[str, list[str]] = {}
    for prices in found:
        for note in prices.notes:
            said.setdefault(note, []).append(prices.bars.symbol)
    for note, symbols in said.items():
        first, more = ", ".join(symbols[:_LISTED]), len(symbols) - _LISTED
        print_note(f"{first}{f' and {more} more' if more > 0 else ''}: {note}")


def _accepted(found: Sequence[ImportedPrices], quality: Literal["warn", "fail"]) -> bool:
    """Print what is wrong with the prices, and return True if they may be written."""
    critical = [finding for prices in found for finding in prices.quality.critical]
    for finding in critical:
        # The same finding is an error or a warning, depending on what happens to the prices.
        (print_error if quality == "fail" else print_warning)(finding)
    for prices in found:
        for finding in prices.quality.warnings:
            print_warning(finding)
    if any(one.quality.duplicate_timestamps and one.is_local for one in found):
        print_note(
            "an hour that is there twice may be the one at which clocks were put back; "
            "--timezone tells the two apart"
        )
    if critical and quality == "fail":
        print_error("nothing was written; --quality warn writes prices despite critical findings")
        return False
    return True


def _targets(
    found: Sequence[ImportedPrices], data: Path, to: Literal["csv", "parquet"], *, overwrite: bool
) -> _Targets:
    """Return the file that each symbol's bars will be written to.

    Raises:
        DataError: A file already exists, or two sources hold the same symbol's bars.
    """
    targets: _Targets = {}
    for prices in found:
        symbol, resolution = prices.bars.symbol, prices.resolution
        assert resolution is not None, "joined prices have a resolution"
        path = target_path(data, symbol, resolution, to, overwrite=overwrite)
        factors = factors_path(data, symbol)
        if prices.factors is not None and factors.exists() and not overwrite:
            raise DataError(f"{factors.name} already exists and may not be overwritten")
        # Ignoring case, because on some disks `aapl_1d.csv` and `AAPL_1d.csv` are one file.
        if any(path.name.casefold() == other.name.casefold() for other in targets):
            raise DataError(f"more than one source would be written to {path.name}")
        targets[path] = prices
    return targets


def _print_written(targets: _Targets) -> None:
    table = Table("Symbol", "Format", "Resolution", "Bars", "File", box=SIMPLE)
    table.columns[3].justify = "right"
    for column in table.columns:
        column.overflow = "fold"  # a name that is cut could not be used
    for path, prices in targets.items():
        bars, names = prices.bars, [path.name]
        if prices.factors is not None:
            names.append(factors_path(path.parent, bars.symbol).name)
        files = "\n".join(names)
        table.add_row(bars.symbol, prices.format, prices.resolution, f"{len(bars):,}", files)
    Console().print(table)


def _misuse(flag: str, message: str, value: object) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", (flag,), message, value)])
