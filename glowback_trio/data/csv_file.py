"""Prices out of one CSV file: RFC 4180, with a header, as spreadsheets and vendors write it.

A file is read twice at most. The first reading is numpy's own parser, fast and without a word on
where it stumbled. When that refuses, the file is read again cell by cell, which either names the
line and the column of the first bad cell or, for the few things only it understands, succeeds.
"""

from __future__ import annotations

import csv
import math
import re
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from glowback_trio.data.rows import COLUMNS, Rows
from glowback_trio.data.timestamps import FORMS, read_stamp, read_stamps
from glowback_trio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from glowback_trio.model.bars import Floats, Times

    Records = Generator[tuple[int, list[str]]]

__all__ = ["read_csv"]

_TIME_NAMES = ("timestamp", "date", "datetime", "time")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SHOWN = 60  # characters of an offending text that a message repeats


def read_csv(path: Path, symbol: str) -> Rows:
    """Read every row of a file.

    Args:
        path: The file. Messages name its last part only.
        symbol: Whose prices these are; a `symbol` column has to say the same.

    Returns:
        The rows in the file's order, prices float64 exactly as written.

    Raises:
        DataError: The file cannot be read, lacks a column, has no rows, or has a bad cell.
    """
    try:
        header = _read_header(path)
        _, first = _one(_records(path, skip=header.lines))
        if not first:
            raise DataError(f"{path.name} has a header and no rows")
        try:
            time, values = _read_at_once(path, header, symbol, first)
        except ValueError:
            time, values = _read_by_cell(path, header, symbol)
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}") from None
    return Rows(
        symbol=symbol,
        source=path.name,
        time=time,
        values=values,
        number=np.arange(len(time)),
        locate=lambda number: f"line {_line_of(path, header, number)}",
    )


@frozen
class _Header:
    """Where the columns stand."""

    lines: int  # lines of the file up to and including the header
    names: tuple[str, ...]  # as written, for messages
    time: int
    values: tuple[int, ...]  # in the order of COLUMNS
    symbol: int | None = field(default=None)


def _records(path: Path, skip: int = 0) -> Records:
    """Every record that is not blank, with the number of the line it ends on.

    Raises:
        DataError: Bytes that are not UTF-8, or quotes that do not close.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for record in reader:
                if reader.line_num > skip and any(cell.strip() for cell in record):
                    yield reader.line_num, record
        except csv.Error as error:
            raise DataError(f"{path.name}, line {reader.line_num}: {error}") from None
        except UnicodeDecodeError as error:
            where = f"{path.name}, after line {reader.line_num}"
            raise DataError(f"{where}: not UTF-8 text ({error.reason})") from None


def _one(records: Records, after: int = 0) -> tuple[int, list[str]]:
    """One record and no more; `(0, [])` when there are not so many. Closes the file."""
    with closing(records):
        return next(islice(records, after, None), (0, []))


def _read_header(path: Path) -> _Header:
    line, names = _one(_records(path))
    if not names:
        raise DataError(f"{path.name} is empty; a header and rows are needed")
    where = f"{path.name}, line {line}"
    known = [name.strip().lower() for name in names]
    time = [known.index(name) for name in _TIME_NAMES if name in known]
    if not time:
        raise DataError(f"{where}: no column 'timestamp' or 'date'; the header is {_shown(names)}")
    if missing := [name for name in COLUMNS if name not in known]:
        raise DataError(f"{where}: no column {missing[0]!r}; the header is {_shown(names)}")
    if twice := [name for name in (*COLUMNS, known[time[0]]) if known.count(name) > 1]:
        raise DataError(f"{where}: column {twice[0]!r} is there more than once")
    return _Header(
        lines=line,
        names=tuple(name.strip() for name in names),
        time=time[0],
        values=tuple(known.index(name) for name in COLUMNS),
        symbol=known.index("symbol") if "symbol" in known else None,
    )


def _read_at_once(
    path: Path, header: _Header, symbol: str, first: list[str]
) -> tuple[Times, Floats]:
    """Read with numpy; `first` is the first row.

    Raises:
        ValueError: Something is wrong somewhere.
    """
    if len(first) != len(header.names):
        raise ValueError("cells that no column names, or too few")
    # Every column is listed, so that a row with a cell too many is refused rather than cut.
    kinds = dict.fromkeys(range(len(header.names)), "U1")
    kinds |= dict.fromkeys(header.values, "f8")
    # One byte wider than the first timestamp, so that a longer one shows.
    kinds[header.time] = f"S{len(first[header.time]) + 1}"
    if header.symbol is not None:
        kinds[header.symbol] = "U64"
    table = np.loadtxt(
        path,
        dtype=[(f"column {index}", kind) for index, kind in kinds.items()],
        comments=None,
        delimiter=",",
        quotechar='"',
        skiprows=header.lines,
        encoding="utf-8-sig",
        ndmin=1,
    )
    values = np.stack([table[f"column {index}"] for index in header.values])
    if not np.isfinite(values).all():
        raise ValueError("not every number is finite")
    if header.symbol is not None and (table[f"column {header.symbol}"] != symbol).any():
        raise ValueError("another symbol")
    return read_stamps(table[f"column {header.time}"]), values


def _read_by_cell(path: Path, header: _Header, symbol: str) -> tuple[Times, Floats]:
    """Read cell by cell.

    Raises:
        DataError: Naming the first bad cell.
    """
    times, values = [], []
    for line, record in _records(path, skip=header.lines):
        where = f"{path.name}, line {line}"
        if len(record) != len(header.names):
            raise DataError(f"{where}: expected {len(header.names)} cells, got {len(record)}")
        if header.symbol is not None and record[header.symbol].strip() != symbol:
            raise _bad_cell(where, header, header.symbol, repr(symbol), record)
        try:
            times.append(read_stamp(record[header.time]))
        except ValueError:
            raise _bad_cell(where, header, header.time, FORMS, record) from None
        values.append([_number(where, header, index, record) for index in header.values])
    return np.array(times), np.array(values).T


def _number(where: str, header: _Header, index: int, record: list[str]) -> float:
    """Read a cell as float64; too many digits before the exponent may make it infinite."""
    text = record[index].strip()
    if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)):
        raise _bad_cell(where, header, index, "a number", record)
    return number


def _bad_cell(
    where: str, header: _Header, index: int, expected: str, record: list[str]
) -> DataError:
    place = f"{where}, column {header.names[index]!r}"
    return DataError(f"{place}: expected {expected}, got {_shown(record[index])}")


def _shown(value: str | list[str]) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _line_of(path: Path, header: _Header, number: int) -> int:
    """The line on which a row of the file ends, given its number from 0."""
    line, _ = _one(_records(path, skip=header.lines), after=number)
    return line
