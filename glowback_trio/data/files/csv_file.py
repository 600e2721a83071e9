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
from typing import Any

import numpy as np
from attrs import frozen
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
)
from glowback_trio.data.files.table import PriceTable, with_volume
from glowback_trio.data.files.timestamps import FORMS, Stamp, join_stamps, read_stamp, read_stamps
from glowback_trio.data.rows import VOLUME
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Floats
from glowback_trio.model.sessions.stamps import Stamps

Cells = tuple[Stamps, Floats, NDArray[Any] | None]

__all__ = ["place_in_csv", "read_csv"]

# One byte more than a symbol may have, so that a longer one is not cut to a valid one.
_SYMBOL_BYTES = 33


def read_csv(path: Path, column_names: Mapping[str, str] | None = None) -> PriceTable:
    """Read every row of a file.

    Args:
        path: The file. Messages contain its name without the directory.
        column_names: The file's names of columns, see `find_columns`.

    Returns:
        The rows in the file's order, prices float64 exactly as written.

    Raises:
        DataError: The file cannot be read, lacks a column, has no rows, or has a bad cell.
    """
    try:
        header = _read_header(path, column_names or {})
        _, first = one_record(records(path, skip=header.lines))
        if not first:
            raise DataError(f"{path.name} has a header but no rows")
        try:
            stamps, values, symbols = _read_at_once(path, header, first)
        except ValueError:
            stamps, values, symbols = _read_by_cell(path, header)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}") from None
    where = partial(place_in_csv, path)
    return PriceTable(path.name, header.columns, stamps, with_volume(values), symbols, where)


def place_in_csv(path: Path, number: int) -> str:
    """Return the line on which a row of a file ends, by the row's number from 0."""
    header, _ = one_record(records(path))
    line, _ = one_record(records(path, skip=header), after=number)
    return f"line {line}"


@frozen
class _Header:
    """The number of lines that the header takes, and the columns in it."""

    lines: int
    columns: ColumnLayout


def _read_header(path: Path, column_names: Mapping[str, str]) -> _Header:
    line, names = one_record(records(path))
    if not names:
        raise DataError(f"{path.name} is empty; expected a header and rows")
    return _Header(line, find_columns(names, f"{path.name}, line {line}", column_names))


def _read_at_once(path: Path, header: _Header, first: list[str]) -> Cells:
    """Read the file with numpy.

    Args:
        path: The file.
        header: Its header.
        first: Its first row, from which the width of the timestamps is taken.

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
        kinds[place] = f"S{len(first[place]) + 1}"
    if columns.symbol is not None:
        kinds[columns.symbol] = f"S{_SYMBOL_BYTES}"
    table = np.loadtxt(
        path,
        dtype=[(f"column {index}", kind) for index, kind in kinds.items()],
        comments=None,
        delimiter=",",
        quotechar='"',
        skiprows=header.lines,
        # Spreadsheets write a byte order mark, which would else be part of the first name.
        encoding="utf-8-sig",
        ndmin=1,
    )
    values = np.stack([table[f"column {index}"] for index in columns.values])
    if not np.isfinite(values).all():
        raise ValueError("a number is not finite")
    symbols = None if columns.symbol is None else table[f"column {columns.symbol}"].astype(str)
    times = table[f"column {columns.time}"]
    if columns.clock is not None:
        times = np.char.add(np.char.add(times, b" "), table[f"column {columns.clock}"])
    return read_stamps(times), values, symbols


def _read_by_cell(path: Path, header: _Header) -> Cells:
    """Read the file cell by cell.

    Raises:
        DataError: A cell is bad; the message names the first one.
    """
    columns = header.columns
    times, stamps, values, symbols = [], [], [], []
    with closing(records(path, skip=header.lines)) as found:
        for line, record in found:
            where = f"{path.name}, line {line}"
            check_width(where, record, len(columns.names))
            times.append(_time(columns, record))
            stamps.append(_stamp(where, columns, times[-1]))
            values.append([_number(where, columns, index, record) for index in columns.values])
            if columns.symbol is not None:
                symbols.append(record[columns.symbol].strip())
    if likeness := likeness_of_texts(times):
        where = f"{path.name}, {place_in_csv(path, 0)}"
        expected = f"{FORMS}; the column looks like {likeness}"
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
