"""Records and cells of any CSV file, and the errors that name their line and column.

What the cells mean is up to the callers: `csv_file` reads prices, `factors` reads factors.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Generator
from contextlib import closing
from itertools import islice
from pathlib import Path

from glowback_trio.data.files.columns import OTHER_FORMATS, shorten
from glowback_trio.errors import DataError

CsvRecords = Generator[tuple[int, list[str]]]

__all__ = ["MISSING", "bad_cell", "check_width", "one_record", "read_number", "records"]

#: How files write that they do not know a number, in lower case.
MISSING = frozenset({"", "null", "n/a", "na", "nan", "none", "-", "--", "#n/a", "#n/v", "nil"})

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def records(path: Path, skip: int = 0) -> CsvRecords:
    """Yield every record that is not blank, with the number of the line on which it ends.

    Args:
        path: The file. Messages contain its name without the directory.
        skip: Number of lines to skip at the beginning.

    Raises:
        DataError: Bytes that are not UTF-8, or quotes that do not close.
        OSError: The file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        # Strict, because otherwise a quote that never closes swallows the rest of the file.
        reader = csv.reader(file, strict=True)
        try:
            for record in reader:
                if reader.line_num > skip and any(cell.strip() for cell in record):
                    yield reader.line_num, record
        except csv.Error as error:
            raise DataError(f"{path.name}, line {reader.line_num}: {error}") from None
        except UnicodeDecodeError:
            raise DataError(_not_text(path)) from None


def one_record(found: CsvRecords, after: int = 0) -> tuple[int, list[str]]:
    """Return the record after so many others, or `(0, [])` if there is none. Closes the file."""
    with closing(found):
        return next(islice(found, after, None), (0, []))


def read_number(cell: str) -> float:
    """Read a cell as float64, exactly as written.

    Raises:
        ValueError: The cell is not a number, or too large to be finite.
    """
    text = cell.strip()
    if not _NUMBER.fullmatch(text) or not math.isfinite(number := float(text)):
        raise ValueError(f"{text!r} is not a number")
    return number


def check_width(where: str, record: list[str], width: int) -> None:
    """Check that a record has as many cells as the header.

    Raises:
        DataError: It has more or fewer.
    """
    if len(record) != width:
        raise DataError(f"{where}: expected {width} cells, got {len(record)}")


def bad_cell(where: str, column: str, expected: str, cell: str) -> DataError:
    """Return the error that names a cell, what was expected in it, and what it holds."""
    return DataError(f"{where}, column {column!r}: expected {expected}, got {shorten(cell)}")


def _not_text(path: Path) -> str:
    """Return where a file stops being UTF-8. The decoder only knows the position in its buffer."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                where = f"{path.name}, line {number}, byte {error.start + 1}"
                return f"{where}: not UTF-8 text ({error.reason}); {OTHER_FORMATS}"
    return f"{path.name} was not UTF-8 text, and has changed since"
