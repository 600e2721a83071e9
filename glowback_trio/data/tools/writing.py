"""Write price files and factors files, each whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from glowback_trio.data.files.directory import RESOLUTION_SUFFIX, PriceDirectory
from glowback_trio.data.files.factors import FACTORS_ENDING, Factors, write_factors
from glowback_trio.data.files.parquet_file import write_parquet
from glowback_trio.data.files.price_file import FileFormat
from glowback_trio.data.files.symbol_names import file_stem
from glowback_trio.data.files.timestamps import written_times
from glowback_trio.data.rows import COLUMNS
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import Resolution

__all__ = [
    "factors_path",
    "price_file_name",
    "target_path",
    "write_factors_file",
    "write_prices",
]


def target_path(
    directory: Path,
    symbol: str,
    resolution: Resolution,
    form: FileFormat,
    *,
    overwrite: bool = False,
) -> Path:
    """Return the file to which a symbol's bars are to be written.

    Raises:
        DataError: The file exists and may not be overwritten; or a file of another name may hold
            the same bars, so that the two would be ambiguous.
    """
    path = directory / price_file_name(symbol, resolution, form)
    listed = PriceDirectory.of(directory)
    for name in listed.names if listed else ():
        if name != path.name and name.casefold() == path.name.casefold():
            raise DataError(
                f"{path.name} and {name} are one file on a disk that ignores the case of letters; "
                "use another directory for one of them, or another --symbol"
            )
    for file in listed.find(symbol, resolution) if listed else ():
        if file.path.name != path.name:
            raise DataError(
                f"{file.path.name} may hold the same bars as {path.name}; move or delete it"
            )
        if not overwrite:
            raise DataError(f"{path.name} already exists and may not be overwritten")
    return path


def price_file_name(symbol: str, resolution: Resolution, form: FileFormat) -> str:
    """Return the name of the file of a symbol's bars, where this package writes it."""
    return f"{file_stem(symbol)}_{RESOLUTION_SUFFIX[resolution]}.{form}"


def factors_path(directory: Path, symbol: str) -> Path:
    """Return the file to which a symbol's adjustment factors are to be written."""
    return directory / f"{file_stem(symbol)}{FACTORS_ENDING}"


def write_prices(
    path: Path, bars: Bars, *, is_local: bool = False, overwrite: bool = False
) -> None:
    """Write bars.

    Args:
        path: The file.
        bars: The bars; offsets that they have are written beside their times.
        is_local: Write times without an offset, to be read in the zone of a request.
        overwrite: Replace a file that exists.

    Raises:
        DataError: The file cannot be written, or exists by now and may not be overwritten.
    """

    def write(temporary: Path) -> None:
        if path.suffix == ".parquet":
            write_parquet(temporary, bars, is_local=is_local)
        else:
            _write_csv(temporary, bars, is_local=is_local)

    _write(path, write, overwrite=overwrite)


def write_factors_file(path: Path, factors: Factors, *, overwrite: bool = False) -> None:
    """Write adjustment factors; see `write_prices`."""
    _write(path, lambda temporary: write_factors(temporary, factors), overwrite=overwrite)


def _write(path: Path, write: Callable[[Path], None], *, overwrite: bool) -> None:
    """Write a temporary file and rename it, so that a reader never sees half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=path.parent) as directory:
            temporary = Path(directory) / path.name
            write(temporary)
            if overwrite:
                temporary.replace(path)
            else:
                # Unlike a rename, a link fails if another process has created the file meanwhile.
                path.hardlink_to(temporary)
    except OSError as error:
        raise DataError(f"{path.name} cannot be written: {error.strerror}") from None


def _write_csv(path: Path, bars: Bars, *, is_local: bool) -> None:
    """Write a file that `read_csv` reads back bit for bit, with the shortest digits that do so."""
    # Unknown volumes throughout are no column, which is read faster than empty cells.
    names = COLUMNS[:-1] if np.isnan(bars.volume).all() else COLUMNS
    columns = [getattr(bars, name).tolist() for name in names]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(("timestamp", *names)) + "\n")
        for text, *numbers in zip(written_times(bars, is_local=is_local), *columns, strict=True):
            cells = (repr(number).removesuffix(".0").replace("nan", "") for number in numbers)
            file.write(f"{text},{','.join(cells)}\n")
