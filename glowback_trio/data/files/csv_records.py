"""The records of a CSV file, and what is wrong with their cells, by line and column."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path

from glowback_trio.data.files.columns import shorten
from glowback_trio.errors import DataError

Records = Generator[tuple[int, list[str]]]

__all__ = ["bad_cell", "one_record", "read_number", "records"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def records(path: Path, skip: int = 0) -> Records:
    """Every record that is not blank, with the number of the line it ends on.

    Args:
        path: The file. Messages name its last part only.
        skip: Lines to leave out.

    Raises:
        DataError: Bytes that are not UTF-8, or quotes that do not close.
        OSError: The file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            for record in reader:
                if reader.line_num > skip and any(cell.strip() for cell in record):
                    yield reader.line_num, record
        except csv.Error as error:
            raise DataError(f"{path.name}, line {reader.line_num}: {error}") from None
        except UnicodeDecodeError:
            raise DataError(_not_text(path)) from None


def one_record(found: Records, after: int = 0) -> tuple[int, list[str]]:
    """One record and no more; `(0, [])` when there are not so many. Closes the file."""
    with closing(found):
        return next(islice(found, after, None), (0, []))


def read_number(cell: str) -> float:
    """Read a cell as float64, exactly as written.

    Raises:
        ValueError: No number, or with too many digits before the exponent to be a finite one.
    """
    text = cell.strip()
    if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)):
        raise ValueError(f"{text!r} is not a number")
    return number


def bad_cell(where: str, column: str, expected: str, cell: str) -> DataError:
    """The error that names a cell, what it should hold, and what it holds."""
    return DataError(f"{where}, column {column!r}: expected {expected}, got {shorten(cell)}")


def _not_text(path: Path) -> str:
    """Say where a file stops being UTF-8; the decoder knows its own buffer only."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                where = f"{path.name}, line {number}, byte {error.start + 1}"
                return f"{where}: not UTF-8 text ({error.reason})"
    return f"{path.name} was not UTF-8 text, and has changed since"  # it was written over meanwhile
