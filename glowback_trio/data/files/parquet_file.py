"""Read and write prices in Parquet files, with the same columns as CSV files.

Needs the extra `parquet`. Arrow's thread pool is not used, so that no thread is left behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from glowback_trio.data.files.columns import find_columns, shorten
from glowback_trio.data.files.parquet_cells import ParquetColumn, place_in_parquet
from glowback_trio.data.files.table import PriceTable
from glowback_trio.data.files.timestamps import written_times
from glowback_trio.data.rows import COLUMNS
from glowback_trio.errors import DataError
from glowback_trio.extras import PARQUET
from glowback_trio.model.bars import Bars

__all__ = ["read_parquet", "write_parquet"]


def read_parquet(path: Path, column_names: Mapping[str, str] | None = None) -> PriceTable:
    """Read every row of a file.

    Args:
        path: The file. Messages contain its name without the directory.
        column_names: The file's names of columns, see `find_columns`.

    Returns:
        The rows in the file's order. Times may be timestamps of any unit, with a zone or in UTC,
        dates, seconds or milliseconds since 1970, or any text that CSV files may have.

    Raises:
        DataError: The file cannot be read, lacks a column, has no rows, or has a bad cell; or the
            extra is not installed.
    """
    arrow = PARQUET.load("pyarrow")
    parquet = PARQUET.load("pyarrow.parquet")
    try:
        # Opened here, because the library's message for a missing file contains the directory.
        with path.open("rb") as content, parquet.ParquetFile(content) as file:
            names = file.schema_arrow.names
            columns = find_columns(names, path.name, column_names or {})
            places = [columns.time, *columns.values]
            places += [] if columns.symbol is None else [columns.symbol]
            table = file.read(columns=[names[place] for place in places], use_threads=False)
    except OSError as error:
        why = error.strerror or "the file is truncated"
        raise DataError(f"{path.name} cannot be read: {why}") from None
    except arrow.ArrowException as error:
        raise DataError(f"{path.name} cannot be read as Parquet: {shorten(str(error))}") from None
    if not table.num_rows:
        raise DataError(f"{path.name} has columns but no rows")
    time, *numbers = (
        ParquetColumn(path.name, name, table.column(name)) for name in table.column_names
    )
    symbols = numbers[len(COLUMNS) :]
    return PriceTable(
        source=path.name,
        columns=columns,
        stamps=time.stamps(),
        values=np.stack([column.numbers() for column in numbers[: len(COLUMNS)]]),
        symbols=symbols[0].texts() if symbols else None,
        locate=place_in_parquet,
    )


def write_parquet(path: Path, bars: Bars, *, is_local: bool = False) -> None:
    """Write bars to a file that `read_parquet` can read, with times in nanoseconds UTC.

    Args:
        path: The file.
        bars: The bars; if they have offsets, their times are written as texts with them.
        is_local: Write times without a zone, to be read in that of a request.

    Raises:
        DataError: The extra is not installed.
        OSError: The file cannot be written.
    """
    arrow = PARQUET.load("pyarrow")
    if bars.offset is None:
        zone = None if is_local else "UTC"
        time = arrow.array(bars.time, type=arrow.timestamp("ns", tz=zone))
    else:
        time = arrow.array(written_times(bars, is_local=is_local))
    columns = {"timestamp": time} | {name: arrow.array(getattr(bars, name)) for name in COLUMNS}
    PARQUET.load("pyarrow.parquet").write_table(arrow.table(columns), path, compression="zstd")
