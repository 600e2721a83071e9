"""Adjustment factors: remove the effect of splits and dividends from quoted prices.

`<SYMBOL>_factors.csv` has the columns `date`, `price factor` and `split factor`. A row's factors
apply to the bars up to and including its date, back to the row before it. After the last row both
are 1, because prices are adjusted backwards. To remove splits, prices are multiplied by the split
factor and volumes are divided by it. To remove dividends, prices are multiplied by the price
factor.
"""

from __future__ import annotations

from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.csv_records import (
    bad_cell,
    check_width,
    one_record,
    read_number,
    records,
)
from glowback_trio.data.files.timestamps import read_stamp
from glowback_trio.data.reading.csv_scan import scan_csv
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.unchanged_file import OpenedFile, read_unchanged
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Adjustment, Bars, Floats

__all__ = ["FACTORS_ENDING", "Factors", "adjusted", "read_factors", "write_factors"]

#: The name of a factors file is the symbol and this ending.
FACTORS_ENDING = "_factors.csv"

_ROW_BYTES = 300  # of a row as objects
_COLUMNS = ("date", "price factor", "split factor")


@frozen(eq=False)
class Factors:
    """One symbol's factors, oldest first.

    Attributes:
        date: The last day of each pair of factors, (F,) datetime64[D], strictly ascending.
        price: The factor for dividends, (F,) float64, above 0.
        split: The factor for splits, (F,) float64, above 0.
    """

    date: NDArray[np.datetime64] = field(repr=False)
    price: Floats = field(repr=False)
    split: Floats = field(repr=False)


def adjusted(bars: Bars, factors: Factors, adjustment: Adjustment) -> Bars:
    """Adjust bars.

    Args:
        bars: Bars as they were quoted. The day of a bar is its session date.
        factors: The factors of the same symbol.
        adjustment: `splits` applies the split factor, `total` both factors, `none` neither.

    Returns:
        Bars whose prices are multiplied by the factors, and volumes divided by the split factor.
    """
    if adjustment == "none":
        return bars
    row = np.searchsorted(factors.date, bars.date)
    # The appended 1 is the factor of bars after the last row.
    split = np.append(factors.split, 1.0)[row]
    scale = split * np.append(factors.price, 1.0)[row] if adjustment == "total" else split
    return Bars(
        symbol=bars.symbol,
        time=bars.time,
        open=bars.open * scale,
        high=bars.high * scale,
        low=bars.low * scale,
        close=bars.close * scale,
        volume=bars.volume / split,
        offset=bars.offset,
    )


def read_factors(path: Path, limits: FileLimits = DEFAULT_LIMITS) -> Factors:
    """Read a factors file. One without rows means that there is nothing to adjust.

    Raises:
        DataError: The file cannot be read, holds too much, lacks a column, or has a bad cell.
    """
    factors, _ = read_unchanged(path, partial(_factors_in, limits))
    return factors


def _factors_in(limits: FileLimits, file: OpenedFile) -> Factors:
    scan = scan_csv(file, limits)
    limits.check(file.name, "max_file_bytes", scan.lines * _ROW_BYTES)
    header, names = one_record(records(file, limits))
    limits.check(f"{file.name}, line {header}", "max_file_columns", len(names))
    places = _places(file.name, header, names)
    with closing(records(file, limits, skip=header)) as found:
        rows = [_row(f"{file.name}, line {n}", names, places, record) for n, record in found]
    date = np.array([row[0] for row in rows], dtype="M8[D]")
    # Equal dates are refused too, because nothing says which of two rows applies.
    if (back := date[1:] <= date[:-1]).any():
        late = int(np.argmax(back)) + 1
        line, _ = one_record(records(file, limits, skip=header), after=late)
        raise DataError(
            f"{file.name}, line {line}, column {names[places[0]]!r}: expected a date after "
            f"{date[late - 1]}, got '{date[late]}'"
        )
    price, split = (np.array([row[part] for row in rows], dtype=float) for part in (1, 2))
    return Factors(date, price, split)


def write_factors(path: Path, factors: Factors) -> None:
    """Write a factors file that `read_factors` reads back bit for bit.

    Raises:
        OSError: The file cannot be written.
    """
    columns = (np.datetime_as_string(factors.date), factors.price, factors.split)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    lines = [",".join(_COLUMNS), *(f"{date},{price!r},{split!r}" for date, price, split in rows)]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _places(source: str, line: int, names: list[str]) -> tuple[int, ...]:
    """Return the indices of the columns, ignoring the case of letters and `_` for a space."""
    if not names:
        raise DataError(f"{source} is empty; expected a header with {', '.join(_COLUMNS)}")
    known = [name.strip().lower().replace("_", " ") for name in names]
    for name in _COLUMNS:
        if known.count(name) != 1:
            raise DataError(
                f"{source}, line {line}: expected one column {name!r}, got {known.count(name)}"
            )
    return tuple(map(known.index, _COLUMNS))


def _row(
    where: str, names: list[str], places: tuple[int, ...], record: list[str]
) -> tuple[np.datetime64, float, float]:
    check_width(where, record, len(names))
    date, price, split = ((names[place].strip(), record[place]) for place in places)
    return _date(where, *date), _factor(where, *price), _factor(where, *split)


def _date(where: str, column: str, cell: str) -> np.datetime64:
    with suppress(ValueError):
        stamp = read_stamp(cell).time
        day: np.datetime64 = stamp.astype("M8[D]")
        if day == stamp:
            return day
    raise bad_cell(where, column, "a date such as 2020-08-28", cell)


def _factor(where: str, column: str, cell: str) -> float:
    with suppress(ValueError):
        if (factor := read_number(cell)) > 0:
            return factor
    raise bad_cell(where, column, "a number above 0", cell)
