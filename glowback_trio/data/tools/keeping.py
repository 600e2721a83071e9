"""Keep the prices of one symbol that somebody has sent, in a directory of price files."""

from __future__ import annotations

import re
from pathlib import Path

from glowback_trio.data.files.directory import PriceDirectory
from glowback_trio.data.files.price_file import FileFormat
from glowback_trio.data.tools.formats.foreign_table import ImportOptions
from glowback_trio.data.tools.importing import ImportedPrices, read_prices
from glowback_trio.data.tools.writing import (
    factors_path,
    target_path,
    write_factors_file,
    write_prices,
)
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.request import Resolution

__all__ = ["for_uploads", "kept_path", "read_sound_prices", "write_imported"]

_INSTEAD_OF_FLAGS = {
    "--symbol names one": "an upload has one",
    "give --dayfirst or --no-dayfirst": "write them as 2024-03-31",
    "name the zone by --timezone": "write an offset such as -05:00",
    "use another directory for one of them, or another --symbol": "choose another symbol",
}


def read_sound_prices(path: Path, options: ImportOptions) -> ImportedPrices:
    """Read the prices of one symbol, and refuse them if anything critical is wrong with them.

    Raises:
        InvalidRequestError: With every critical finding, or why the file cannot be read.
    """
    try:
        found = list(read_prices(path, options))
    except DataError as error:
        raise _refused(str(error)) from None
    if len(found) > 1:
        raise _refused(f"{path.name} holds {len(found)} tables of prices; send each by itself")
    if critical := found[0].quality.critical:
        raise _refused(*critical)
    return found[0]


def kept_path(
    directory: Path,
    prices: ImportedPrices,
    resolution: Resolution,
    form: FileFormat,
    *,
    replace: bool,
) -> Path:
    """Return the file in which prices are to be kept; of those that there are, the one replaced.

    Args:
        directory: The directory.
        prices: The prices.
        resolution: The length of a bar.
        form: The form of a new file; one that is replaced keeps its form.
        replace: Whether a file of the same symbol and resolution may be replaced.

    Raises:
        DataError: There is such a file, and it may not be replaced; or another one may hold the
            same bars.
    """
    symbol = prices.bars.symbol
    listed = PriceDirectory.of(directory)
    found = listed.find(symbol, resolution) if listed else ()
    kept_form = found[0].format if found else form
    path = target_path(directory, symbol, resolution, kept_form, overwrite=True)
    factors = () if prices.factors is None else (factors_path(directory, symbol),)
    for each in () if replace else (path, *factors):
        if each.exists():
            raise DataError(f"{each.name} is there already; replace=true replaces it")
    return path


def write_imported(path: Path, prices: ImportedPrices, *, overwrite: bool) -> None:
    """Write prices, and their adjustment factors beside them, each whole or not at all.

    Raises:
        DataError: A file cannot be written, or exists by now and may not be overwritten.
    """
    write_prices(path, prices.bars, is_local=prices.is_local, overwrite=overwrite)
    if prices.factors is not None:
        factors = factors_path(path.parent, prices.bars.symbol)
        write_factors_file(factors, prices.factors, overwrite=overwrite)


def for_uploads(finding: str) -> str:
    """Return a finding with the parameters of an upload in place of the flags of an import."""
    finding = re.sub(r"--column (\w+=NAME)", r"\1", finding).replace("say time=", "say timestamp=")
    for flag, instead in _INSTEAD_OF_FLAGS.items():
        finding = finding.replace(flag, instead)
    return finding


def _refused(*why: str) -> InvalidRequestError:
    return InvalidRequestError(Problem("value_error", ("body",), for_uploads(each)) for each in why)
