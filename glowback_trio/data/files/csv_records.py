"""Records and cells of any CSV file, and the errors that name their line and column.

What the cells mean is up to the callers: `csv_file` reads prices, `factors` reads factors.
"""

from __future__ import annotations

import csv

# `open` would import it with the first file, when there may be no descriptor left to do so.
import encodings.utf_8_sig  # noqa: F401 - for its presence
import math
import re
from collections.abc import Generator
from contextlib import closing
from functools import partial
from io import TextIOWrapper
from itertools import islice

from glowback_trio.data.files.columns import OTHER_FORMATS, shorten
from glowback_trio.data.reading.csv_scan import BoundedLines
from glowback_trio.data.reading.limits import FileLimits
from glowback_trio.data.reading.unchanged_file import OpenedFile
from glowback_trio.errors import DataError

CsvRecords = Generator[tuple[int, list[str]]]

__all__ = ["MISSING", "bad_cell", "check_width", "one_record", "read_number", "records"]
__all__ += ["text_of"]

#: How files write that they do not know a number, in lower case.
MISSING = frozenset({"", "null", "n/a", "na", "nan", "none", "-", "--", "#n/a", "#n/v", "nil"})

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def records(file: OpenedFile, limits: FileLimits, skip: int = 0) -> CsvRecords:
    """Yield every record that is not blank, with the number of the line on which it ends.

    Args:
        file: The file. Messages contain its name without the directory.
        limits: How long a record may be.
        skip: Number of lines to skip at the beginning.

    Raises:
        DataError: Bytes that are not UTF-8, quotes that do not close, or a record that is too long.
        OSError: The file cannot be read.
    """
    text = text_of(file)
    lines = BoundedLines(lambda: f"{file.name}, line {reader.line_num + 1}", text, limits)
    # Strict, because otherwise a quote that never closes swallows the rest of the file.
    reader = csv.reader(lines, strict=True)
    try:
        for record in reader:
            lines.begin_record()
            if reader.line_num > skip and any(cell.strip() for cell in record):
                yield reader.line_num, record
    except csv.Error as error:
        raise DataError(f"{file.name}, line {reader.line_num}: {error}") from None
    except UnicodeDecodeError:
        raise DataError(_not_text(file, limits)) from None
    finally:
        text.detach()  # so that the file stays open


def text_of(file: OpenedFile) -> TextIOWrapper:
    """Return a file as text from its beginning; detach it, so that the file stays open."""
    file.content.seek(0)
    # Spreadsheets write a byte order mark, which would else be part of the first name.
    return TextIOWrapper(file.content, encoding="utf-8-sig", newline="")


def one_record(found: CsvRecords, after: int = 0) -> tuple[int, list[str]]:
    """Return the record after so many others, or `(0, [])` if there is none."""
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


def _not_text(file: OpenedFile, limits: FileLimits) -> str:
    """Return where a file stops being UTF-8. The decoder only knows the position in its buffer."""
    file.content.seek(0)
    read = partial(file.content.readline, limits.max_line_bytes)
    for number, line in enumerate(iter(read, b""), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            where = f"{file.name}, line {number}, byte {error.start + 1}"
            return f"{where}: not UTF-8 text ({error.reason}); {OTHER_FORMATS}"
    return f"{file.name} is not UTF-8 text; {OTHER_FORMATS}"
