"""Read and write prices in Parquet files, with the same columns as CSV files.

Needs the extra `parquet`. Arrow's thread pool is not used, so that no thread is left behind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from attrs import evolve, frozen

from glowback_trio.data.files.columns import find_columns, shorten
from glowback_trio.data.files.parquet_cells import ParquetColumn, place_in_parquet
from glowback_trio.data.files.table import PriceTable, with_volume
from glowback_trio.data.files.timestamps import written_times
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.parquet_scan import check_columns, check_length, check_metadata
from glowback_trio.data.reading.unchanged_file import OpenedFile, read_unchanged
from glowback_trio.data.rows import COLUMNS, VOLUME
from glowback_trio.errors import DataError
from glowback_trio.extras import PARQUET
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.sessions.stamps import Stamps

__all__ = [
    "column_names_in",
    "first_cells_in",
    "parquet_table",
    "read_numbers",
    "read_parquet",
    "write_parquet",
]

_BATCH = 1 << 16  # rows
_BUFFER = 1 << 16  # bytes
# Of metadata: a few bytes can promise a list of any length, and memory is taken for all of it.
_LONGEST_LIST = 100_000


def read_parquet(
    path: Path,
    column_names: Mapping[str, str] | None = None,
    limits: FileLimits = DEFAULT_LIMITS,
) -> PriceTable:
    """Read every row of a file.

    Args:
        path: The file. Messages contain its name without the directory.
        column_names: The file's names of columns, see `find_columns`.
        limits: How much it may hold.

    Returns:
        The rows in the file's order. Times may be timestamps of any unit, with a zone or in UTC,
        dates, counts since 1970, or any text that CSV files may have.

    Raises:
        DataError: The file cannot be read, holds too much, lacks a column, has no rows, or has a
            bad cell; or the extra is not installed.
    """
    table, _ = read_unchanged(
        path, lambda file: parquet_table(file, limits, column_names=column_names or {})
    )
    return table


def parquet_table(
    file: OpenedFile, limits: FileLimits, *, column_names: Mapping[str, str] = MappingProxyType({})
) -> PriceTable:
    """Read every row of an opened file, see `read_parquet`."""
    with _opened(file, limits) as parquet:
        names = parquet.schema_arrow.names
        columns = find_columns(names, file.name, column_names)
        symbol = () if columns.symbol is None else (columns.symbol,)
        places = [*columns.times, *columns.values, *symbol]
        source = _Source(file, parquet, limits, [names[place] for place in places])
        times = [source.column(names[place]) for place in columns.times]
        # One column after the other: the memory of each is freed before the next is read.
        numbers = [
            source.column(names[place]).numbers(may_be_unknown=index == VOLUME)
            for index, place in enumerate(columns.values)
        ]
        symbols = [source.column(names[place]).texts() for place in symbol]
        return PriceTable(
            source=file.name,
            columns=columns,
            stamps=_stamps(*times),
            values=with_volume(np.stack(numbers)),
            symbols=symbols[0] if symbols else None,
            locate=place_in_parquet,
        )


def read_numbers(path: Path, name: str, limits: FileLimits = DEFAULT_LIMITS) -> Floats:
    """Read a column of numbers, (R,); NaN where a cell is empty.

    Raises:
        DataError: The file cannot be read, holds too much, or the column holds something else.
    """

    def read(file: OpenedFile) -> Floats:
        with _opened(file, limits) as parquet:
            return _Source(file, parquet, limits, [name]).column(name).numbers(may_be_unknown=True)

    return read_unchanged(path, read)[0]


def column_names_in(path: Path, limits: FileLimits = DEFAULT_LIMITS) -> list[str]:
    """Return the names of a file's columns.

    Raises:
        DataError: The file cannot be read, holds too much, or the extra is not installed.
    """

    def read(file: OpenedFile) -> list[str]:
        with _opened(file, limits) as parquet:
            names: list[str] = parquet.schema_arrow.names
            return names

    return read_unchanged(path, read)[0]


def first_cells_in(path: Path, rows: int, limits: FileLimits = DEFAULT_LIMITS) -> list[list[str]]:
    """Return the first rows of a file as texts, for people; empty where a cell is no single value.

    Raises:
        DataError: The file cannot be read, holds too much, or the extra is not installed.
    """

    def read(file: OpenedFile) -> list[list[str]]:
        types = PARQUET.load("pyarrow.types")
        with _opened(file, limits) as parquet:
            schema = parquet.schema_arrow
            nested = [types.is_nested(field.type) for field in schema]
            plain = [field.name for field, out in zip(schema, nested, strict=True) if not out]
            check_columns(file, parquet.metadata, plain, limits)
            batches = parquet.iter_batches(rows, columns=plain, use_threads=False)
            batch = next(batches, None)
            if batch is None:
                return []
            none = [""] * len(batch)
            read_columns = iter(map(_texts, batch.columns))
            columns = [none if out else next(read_columns) for out in nested]
            return [list(row) for row in zip(*columns, strict=True)]

    return read_unchanged(path, read)[0]


def _texts(column: Any) -> list[str]:
    try:
        cells = column.cast("string").to_pylist()
    except PARQUET.load("pyarrow").ArrowException:
        cells = column.to_pylist()
    return ["" if cell is None else str(cell) for cell in cells]


@frozen(eq=False)
class _Source:
    """Some columns of an opened file, checked before they are read.

    Attributes:
        file: The file.
        parquet: A `pyarrow.parquet.ParquetFile`.
        limits: How much it may hold.
        names: The columns.
    """

    file: OpenedFile
    parquet: Any
    limits: FileLimits
    names: Sequence[str]

    def __attrs_post_init__(self) -> None:
        if not self.parquet.metadata.num_rows:
            raise DataError(f"{self.file.name} has columns but no rows")
        types, schema = PARQUET.load("pyarrow.types"), self.parquet.schema_arrow
        for name in self.names:
            kind = schema.field(name).type
            if types.is_nested(kind) or types.is_binary(kind):
                raise DataError(
                    f"{self.file.name}, column {name!r}: expected dates, times, numbers or texts, "
                    f"got {shorten(str(kind))}"
                )
        check_columns(self.file, self.parquet.metadata, self.names, self.limits)

    def column(self, name: str) -> ParquetColumn:
        """Read a column in batches, because its metadata may be wrong.

        Raises:
            DataError: It has more rows, or takes more memory, than the limits allow.
        """
        parts, rows, size = [], 0, 0
        for batch in self.parquet.iter_batches(_BATCH, columns=[name], use_threads=False):
            rows, size = rows + len(batch), size + batch.nbytes
            self.limits.check(self.file.name, "max_file_rows", rows, at_least=True)
            self.limits.check(self.file.name, "max_file_bytes", size, at_least=True)
            parts.append(batch.column(0))
        if not rows:
            raise DataError(f"{self.file.name} has columns but no rows")
        cells = PARQUET.load("pyarrow").chunked_array(parts)
        return ParquetColumn.of(self.file.name, name, cells, self.limits)


@contextmanager
def _opened(file: OpenedFile, limits: FileLimits) -> Iterator[Any]:
    """Open a file, hold its metadata against the limits, and name it in the library's errors."""
    arrow = PARQUET.load("pyarrow")
    parquet = PARQUET.load("pyarrow.parquet")
    check_length(file, limits)
    # Not mapped: a mapped file that is cut ends the process.
    open_content = partial(
        parquet.ParquetFile,
        file.content,
        buffer_size=_BUFFER,
        pre_buffer=False,
        thrift_string_size_limit=limits.max_metadata_bytes,
        thrift_container_size_limit=_LONGEST_LIST,
    )
    try:
        with open_content() as looked_at:
            check_metadata(file.name, looked_at.metadata, limits)
            texts, metadata = _texts_in(looked_at.schema_arrow), looked_at.metadata
        # Texts stay as they are stored, as dictionaries: each is in memory once.
        with open_content(metadata=metadata, read_dictionary=texts) as opened:
            yield opened
    except arrow.ArrowException as error:
        raise DataError(f"{file.name} cannot be read as Parquet: {shorten(str(error))}") from None
    except OSError as error:
        why = error.strerror or "the file is truncated"
        raise DataError(f"{file.name} cannot be read: {why}") from None


def _texts_in(schema: Any) -> list[str]:
    types = PARQUET.load("pyarrow.types")
    is_text = (types.is_string, types.is_large_string)
    return [field.name for field in schema if any(check(field.type) for check in is_text)]


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
