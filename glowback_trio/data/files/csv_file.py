"""Read prices from a CSV file: RFC 4180 with a header, as spreadsheets and vendors write it.

numpy's parser reads the file first. It is fast, but its errors do not say where a bad cell is, and
it accepts less than this module promises. When it fails, the file is read again cell by cell, which
either succeeds or names the line and the column of the first bad cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.columns import OTHER_FORMATS, ColumnLayout, find_columns
from glowback_trio.data.files.counted_times import likeness_of_texts
from glowback_trio.data.files.csv_records import (
    MISSING,
    bad_cell,
    check_width,
    one_record,
    read_number,
    records,
    text_of,
)
from glowback_trio.data.files.table import PriceTable, with_volume
from glowback_trio.data.files.timestamps import FORMS, Stamp, join_stamps, read_stamp, read_stamps
from glowback_trio.data.reading.csv_scan import CsvScan, scan_csv
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.unchanged_file import OpenedFile, Version, read_unchanged
from glowback_trio.data.rows import VOLUME
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Floats
from glowback_trio.model.sessions.stamps import Stamps

Cells = tuple[Stamps, Floats, NDArray[Any] | None]

__all__ = ["csv_table", "place_in_csv", "read_csv"]

# One byte more than a symbol may have, so that a longer one is not cut to a valid one.
_SYMBOL_BYTES = 33
_LONGEST_TIME = 64
# Of a row that is read cell by cell: texts and numbers as objects.
_BY_CELL_BYTES = 600


def read_csv(
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
        The rows in the file's order, prices float64 exactly as written.

    Raises:
        DataError: The file cannot be read, holds too much, lacks a column, has no rows, or has a
            bad cell.
    """
    table, _ = read_unchanged(
        path, lambda file: csv_table(file, limits, column_names=column_names or {})
    )
    return table


def csv_table(
    file: OpenedFile, limits: FileLimits, *, column_names: Mapping[str, str] = MappingProxyType({})
) -> PriceTable:
    """Read every row of an opened file, see `read_csv`."""
    scan = scan_csv(file, limits)
    header = _read_header(file, limits, column_names)
    _, first = one_record(records(file, limits, skip=header.lines))
    if not first:
        raise DataError(f"{file.name} has a header but no rows")
    try:
        stamps, values, symbols = _read_at_once(file, header, first, _Budget(limits, scan))
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        stamps, values, symbols = _read_by_cell(file, header, limits)
    where = partial(place_in_csv, file.path, file.version)
    return PriceTable(file.name, header.columns, stamps, with_volume(values), symbols, where)


def place_in_csv(path: Path, version: Version, number: int) -> str:
    """Return the line on which a row of a file ends, by the row's number from 0.

    Where the file has another version by now, return the number of the row.
    """
    try:
        line, found = read_unchanged(path, partial(_line_of, number))
    except DataError:
        return f"row {number + 1:,}"
    return f"line {line}" if found == version else f"row {number + 1:,}"


def _line_of(number: int, file: OpenedFile) -> int:
    # It has been read once, so its lines are not too long for the limits that it was read by.
    limits = evolve(DEFAULT_LIMITS, max_line_bytes=file.version[0])
    header, _ = one_record(records(file, limits))
    line, _ = one_record(records(file, limits, skip=header), after=number)
    return line


@frozen
class _Header:
    """The number of lines that the header takes, and the columns in it."""

    lines: int
    columns: ColumnLayout


@frozen
class _Budget:
    """The limits of the file, and what is known of it."""

    limits: FileLimits
    scan: CsvScan

    def check(self, file: OpenedFile, row: np.dtype[Any]) -> None:
        """Check how many bytes the rows take at once.

        Raises:
            DataError: They take more than they may.
            ValueError: A record may be too long for numpy, which takes it whole.
        """
        if not self.scan.is_plain:
            raise ValueError("a quote that may never be closed")
        self.limits.check(file.name, "max_file_bytes", self.scan.lines * row.itemsize)


def _read_header(file: OpenedFile, limits: FileLimits, column_names: Mapping[str, str]) -> _Header:
    line, names = one_record(records(file, limits))
    if not names:
        raise DataError(f"{file.name} is empty; expected a header and rows")
    limits.check(f"{file.name}, line {line}", "max_file_columns", len(names))
    return _Header(line, find_columns(names, f"{file.name}, line {line}", column_names))


def _read_at_once(file: OpenedFile, header: _Header, first: list[str], budget: _Budget) -> Cells:
    """Read the file with numpy.

    Args:
        file: The file.
        header: Its header.
        first: Its first row, from which the width of the timestamps is taken.
        budget: How much may be in memory.

    Raises:
        ValueError: numpy cannot read the file, or something in it is wrong.
    """
    columns = header.columns
    if len(first) != len(columns.names):
        raise ValueError("the first row has another number of cells than the header")
    # All columns are listed, so that a row with a cell too many is an error and not cut.
    kinds = dict.fromkeys(range(len(columns.names)), "U1")
    kinds |= dict.fromkeys(columns.values, "f8")
    # One byte wider than the first timestamp, so that a longer one is not cut to a valid one.
    for place in columns.times:
        if len(first[place]) > _LONGEST_TIME:
            raise ValueError("no time is that long")
        kinds[place] = f"S{len(first[place]) + 1}"
    if columns.symbol is not None:
        kinds[columns.symbol] = f"S{_SYMBOL_BYTES}"
    row = np.dtype([(f"column {index}", kind) for index, kind in kinds.items()])
    budget.check(file, row)
    text = text_of(file)
    try:
        table = np.loadtxt(
            text,
            dtype=row,
            comments=None,
            delimiter=",",
            quotechar='"',
            skiprows=header.lines,
            ndmin=1,
        )
    finally:
        text.detach()
    values = np.stack([table[f"column {index}"] for index in columns.values])
    if not np.isfinite(values).all():
        raise ValueError("a number is not finite")
    symbols = None if columns.symbol is None else table[f"column {columns.symbol}"].astype(str)
    times = table[f"column {columns.time}"]
    if columns.clock is not None:
        times = np.char.add(np.char.add(times, b" "), table[f"column {columns.clock}"])
    return read_stamps(times), values, symbols


def _read_by_cell(file: OpenedFile, header: _Header, limits: FileLimits) -> Cells:
    """Read the file cell by cell.

    Raises:
        DataError: A cell is bad; the message names the first one.
    """
    columns = header.columns
    times, stamps, values, symbols = [], [], [], []
    line_of_first = 0
    with closing(records(file, limits, skip=header.lines)) as found:
        for line, record in found:
            line_of_first = line_of_first or line
            where = f"{file.name}, line {line}"
            check_width(where, record, len(columns.names))
            times.append(_time(columns, record))
            stamps.append(_stamp(where, columns, times[-1]))
            values.append([_number(where, columns, index, record) for index in columns.values])
            if columns.symbol is not None:
                symbols.append(record[columns.symbol].strip()[:_SYMBOL_BYTES])
            limits.check(file.name, "max_file_bytes", len(times) * _BY_CELL_BYTES)
    if likeness := likeness_of_texts(times):
        expected = f"{FORMS}; the column looks like {likeness}"
        where = f"{file.name}, line {line_of_first}"
        raise bad_cell(where, columns.names[columns.time], expected, times[0])
    named = None if columns.symbol is None else np.array(symbols)
    return join_stamps(stamps), np.array(values).T, named


def _time(columns: ColumnLayout, record: list[str]) -> str:
    time = record[columns.time].strip()
    return time if columns.clock is None else f"{time} {record[columns.clock].strip()}"


def _stamp(where: str, columns: ColumnLayout, text: str) -> Stamp:
    try:
        return read_stamp(text)
    except ValueError:
        likeness = likeness_of_texts([text])
        expected = f"{FORMS}; it looks like {likeness}" if likeness else FORMS
        bad = bad_cell(where, columns.names[columns.time], expected, text)
        raise DataError(f"{bad}; {OTHER_FORMATS}") from None


def _number(where: str, columns: ColumnLayout, index: int, record: list[str]) -> float:
    is_volume = index in columns.values[VOLUME:]
    if is_volume and record[index].strip().lower() in MISSING:
        return math.nan
    try:
        return read_number(record[index])
    except ValueError:
        raise bad_cell(where, columns.names[index], "a number", record[index]) from None
