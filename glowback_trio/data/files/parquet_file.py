"""Read and write prices in Parquet files, with the same columns as CSV files.

Needs the extra `parquet`. Arrow's thread pool is not used, so that no thread is left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve

from glowback_trio.data.files.columns import find_columns, shorten
from glowback_trio.data.files.parquet_cells import ParquetColumn, place_in_parquet
from glowback_trio.data.files.table import PriceTable, with_volume
from glowback_trio.data.files.timestamps import written_times
from glowback_trio.data.rows import COLUMNS, VOLUME
from glowback_trio.errors import DataError
from glowback_trio.extras import PARQUET
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["column_names_in", "read_numbers", "read_parquet", "write_parquet"]


def read_parquet(path: Path, column_names: Mapping[str, str] | None = None) -> PriceTable:
    """Read every row of a file.

    Args:
        path: The file. Messages contain its name without the directory.
        column_names: The file's names of columns, see `find_columns`.

    Returns:
        The rows in the file's order. Times may be timestamps of any unit, with a zone or in UTC,
        dates, counts since 1970, or any text that CSV files may have.

    Raises:
        DataError: The file cannot be read, lacks a column, has no rows, or has a bad cell; or the
            extra is not installed.
    """
    names = column_names_in(path)
    columns = find_columns(names, path.name, column_names or {})
    symbol = () if columns.symbol is None else (columns.symbol,)
    places = [*columns.times, *columns.values, *symbol]
    found = dict(zip(places, _read(path, [names[place] for place in places]), strict=True))
    numbers = [
        found[place].numbers(may_be_unknown=index == VOLUME)
        for index, place in enumerate(columns.values)
    ]
    return PriceTable(
        source=path.name,
        columns=columns,
        stamps=_stamps(*(found[place] for place in columns.times)),
        values=with_volume(np.stack(numbers)),
        symbols=None if columns.symbol is None else found[columns.symbol].texts(),
        locate=place_in_parquet,
    )


def read_numbers(path: Path, name: str) -> Floats:
    """Read a column of numbers, (R,); NaN where a cell is empty.

    Raises:
        DataError: The file cannot be read, or the column holds something else.
    """
    [column] = _read(path, [name])
    return column.numbers(may_be_unknown=True)


def column_names_in(path: Path) -> list[str]:
    """Return the names of a file's columns.

    Raises:
        DataError: The file cannot be read, or the extra is not installed.
    """
    with _opened(path) as file:
        names: list[str] = file.schema_arrow.names
        return names


def _read(path: Path, names: list[str]) -> list[ParquetColumn]:
    with _opened(path) as file:
        table = file.read(columns=names, use_threads=False)
    if not table.num_rows:
        raise DataError(f"{path.name} has columns but no rows")
    return [ParquetColumn.of(path.name, name, table.column(name)) for name in names]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a file, and name it in the errors of the library."""
    arrow = PARQUET.load("pyarrow")
    parquet = PARQUET.load("pyarrow.parquet")
    try:
        # Opened here, because the library's message for a missing file contains the directory.
        with path.open("rb") as content, parquet.ParquetFile(content) as file:
            yield file
    except OSError as error:
        why = error.strerror or "the file is truncated"
        raise DataError(f"{path.name} cannot be read: {why}") from None
    except arrow.ArrowException as error:
        raise DataError(f"{path.name} cannot be read as Parquet: {shorten(str(error))}") from None


def _stamps(time: ParquetColumn, clock: ParquetColumn | None = None) -> Stamps:
    """Return the times, a column of dates joined with one of times of day."""
    if clock is None:
        return time.stamps()
    since_midnight = clock.clock()
    dates = time.stamps()
    if since_midnight is not None:
        return evolve(dates, time=dates.time + since_midnight)
    days = np.datetime_as_string(dates.time, unit="D")
    joined = np.char.add(np.char.add(days, " "), clock.texts())
    return time.with_texts(joined).stamps()


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
    if np.isnan(bars.volume).all():
        del columns["volume"]
    PARQUET.load("pyarrow.parquet").write_table(arrow.table(columns), path, compression="zstd")
