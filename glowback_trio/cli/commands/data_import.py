"""`glowback-trio data import`: convert prices from elsewhere into price files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from glowback_trio.cli.messages import print_error, print_warning
from glowback_trio.cli.progress import file_progress
from glowback_trio.data.tools import (
    RENAMEABLE,
    ImportedPrices,
    read_prices,
    target_path,
    write_prices,
)
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bounds import one_of
from glowback_trio.model.request import Resolution

__all__ = ["IMPORT_EXAMPLES", "import_"]

IMPORT_EXAMPLES = """\
Examples:

  glowback-trio data import bought.csv --data ./prices --column close=Last
  glowback-trio data import AAPL.csv --data ./prices --symbol AAPL --to parquet
"""

_Targets = dict[Path, ImportedPrices]


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
    """Convert files from elsewhere into price files, one per symbol.

    Everything is read and checked before anything is written. Rows are
    sorted; of rows with the same time the last one is kept.

    Args:
        source: CSV or Parquet files; a file with a symbol column is split by symbol.
        data: The directory to write to, created if necessary.
        column: The name of a column in the files, as OURS=THEIRS: close=Last time=Date.
        symbol: The symbol, if neither a column nor the file's name says it.
        resolution: The length of a bar, if the spacing of the rows does not show it.
        to: The format to write; Parquet needs the extra 'parquet'.
        quality: 'fail' refuses prices with critical findings, 'warn' writes them anyway.
        overwrite: Replace existing files.
    """
    if not source:
        raise _misuse("SOURCE", "Input should name at least one file", None)
    column_names = _column_names(column or [])
    with file_progress("Reading") as bar:
        found = [
            prices
            for path in bar.track(source)
            for prices in read_prices(path, column_names, symbol, resolution)
        ]
    # All files have been read by now, so that a bad one prevents writing any.
    if not _accepted(found, quality):
        return 1
    targets = _targets(found, data, to, overwrite=overwrite)
    with file_progress("Writing") as bar:
        for path, prices in bar.track(targets.items()):
            write_prices(path, prices.bars, is_local=prices.is_local, overwrite=overwrite)
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


def _accepted(found: list[ImportedPrices], quality: Literal["warn", "fail"]) -> bool:
    """Print what is wrong with the prices, and return True if they may be written."""
    critical = [finding for prices in found for finding in prices.quality.critical]
    for finding in critical:
        # The same finding is an error or a warning, depending on what happens to the prices.
        (print_error if quality == "fail" else print_warning)(finding)
    for prices in found:
        for finding in prices.quality.warnings:
            print_warning(finding)
    if critical and quality == "fail":
        print_error("nothing was written; --quality warn writes prices despite critical findings")
        return False
    return True


def _targets(
    found: list[ImportedPrices], data: Path, to: Literal["csv", "parquet"], *, overwrite: bool
) -> _Targets:
    """Return the file that each symbol's bars will be written to.

    Raises:
        DataError: A file already exists, or two sources hold the same symbol's bars.
    """
    targets: _Targets = {}
    for prices in found:
        path = target_path(data, prices, to, overwrite=overwrite)
        # Ignoring case, because on some disks `aapl_1d.csv` and `AAPL_1d.csv` are one file.
        if any(path.name.casefold() == other.name.casefold() for other in targets):
            raise DataError(f"more than one source would be written to {path.name}")
        targets[path] = prices
    return targets


def _print_written(targets: _Targets) -> None:
    table = Table("Symbol", "Resolution", "Bars", "File", box=SIMPLE)
    table.columns[2].justify = "right"
    for path, prices in targets.items():
        table.add_row(prices.bars.symbol, prices.resolution, f"{len(prices.bars):,}", path.name)
    Console().print(table)


def _misuse(flag: str, message: str, value: object) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", (flag,), message, value)])
