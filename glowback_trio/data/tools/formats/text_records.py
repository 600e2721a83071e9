"""Records of a file of text whose delimiter nobody has named."""

from __future__ import annotations

import csv
import lzma
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TextIO

from attrs import frozen

from glowback_trio.data.reading.csv_scan import BoundedLines
from glowback_trio.data.reading.limits import FileLimits
from glowback_trio.data.tools.formats.text_files import TextFile
from glowback_trio.errors import DataError

__all__ = ["Record", "delimiter_of", "records_of"]

# Before the comma, which may be in numbers.
_DELIMITERS = ("\t", ";", "|", ",")
_LINES = 60
_FEWEST = 4  # delimiters in a line of a time and four prices
_COLUMNS = "max_file_columns"
_UNREADABLE = (OSError, EOFError, UnicodeDecodeError, zlib.error, lzma.LZMAError)


@frozen
class Record:
    """One record.

    Attributes:
        line: The number of the line on which it ends, from 1.
        cells: Its cells.
    """

    line: int
    cells: list[str]


def delimiter_of(file: TextFile, limits: FileLimits) -> str:
    """Find what separates the cells: what most of the first lines have often enough.

    Raises:
        DataError: Nothing does.
    """
    with file.open() as text:
        lines = [line for line in _first_lines(file, text, limits) if line.strip()]
    for delimiter in _DELIMITERS:
        counts = Counter(line.count(delimiter) for line in lines)
        often = sum(number for count, number in counts.items() if count >= _FEWEST)
        if 2 * often >= len(lines):
            return delimiter
    raise DataError(
        f"{file.name}: expected lines with a time and four prices, separated by commas, "
        f"semicolons, tabs or bars; line 1 is {lines[0][:80].rstrip() if lines else ''!r}"
    )


def records_of(file: TextFile, delimiter: str, limits: FileLimits) -> Iterator[Record]:
    """Yield every record that is not blank.

    Raises:
        DataError: Quotes do not close, the file holds too much, or cannot be read to its end.
    """
    with file.open() as text:
        lines = BoundedLines(lambda: f"{file.name}, line {reader.line_num + 1}", text, limits)
        # Strict, because otherwise a quote that never closes swallows the rest of the file.
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                lines.begin_record()
                limits.check(file.name, "max_file_rows", reader.line_num, at_least=True)
                if any(cell.strip() for cell in cells):
                    limits.check(f"{file.name}, line {reader.line_num}", _COLUMNS, len(cells))
                    yield Record(reader.line_num, cells)
        except csv.Error as error:
            raise DataError(f"{file.name}, line {reader.line_num}: {error}") from None
        except _UNREADABLE as error:
            raise DataError(f"{file.name}, line {reader.line_num}: {error}") from None


def _first_lines(file: TextFile, text: TextIO, limits: FileLimits) -> Iterator[str]:
    lines = BoundedLines(lambda: file.name, text, limits)
    try:
        for line in islice(lines, _LINES):
            lines.begin_record()
            yield line
    except _UNREADABLE as error:
        raise DataError(f"{file.name} cannot be read: {error}") from None
