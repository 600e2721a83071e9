"""Records of a file of text whose delimiter nobody has named."""

from __future__ import annotations

import csv
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from attrs import frozen

from glowback_trio.data.tools.formats.text_files import TextFile
from glowback_trio.errors import DataError

__all__ = ["Record", "delimiter_of", "records_of"]

# Before the comma, which may be in numbers.
_DELIMITERS = ("\t", ";", "|", ",")
_LINES = 60
_FEWEST = 4  # delimiters in a line of a time and four prices
_LONGEST_LINE = 1 << 20


@frozen
class Record:
    """One record.

    Attributes:
        line: The number of the line on which it ends, from 1.
        cells: Its cells.
    """

    line: int
    cells: list[str]


def delimiter_of(file: TextFile) -> str:
    """Find what separates the cells: what most of the first lines have often enough.

    Raises:
        DataError: Nothing does.
    """
    with file.open() as text:
        lines = [line for line in _lines(file.name, text) if line.strip()]
    for delimiter in _DELIMITERS:
        counts = Counter(line.count(delimiter) for line in lines)
        often = sum(number for count, number in counts.items() if count >= _FEWEST)
        if 2 * often >= len(lines):
            return delimiter
    raise DataError(
        f"{file.name}: expected lines with a time and four prices, separated by commas, "
        f"semicolons, tabs or bars; line 1 is {lines[0][:80].rstrip() if lines else ''!r}"
    )


def records_of(file: TextFile, delimiter: str) -> Iterator[Record]:
    """Yield every record that is not blank.

    Raises:
        DataError: Quotes do not close, or the file cannot be read to its end.
    """
    with file.open() as text:
        # Strict, because otherwise a quote that never closes swallows the rest of the file.
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield Record(reader.line_num, cells)
        except csv.Error as error:
            raise DataError(f"{file.name}, line {reader.line_num}: {error}") from None
        except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
            raise DataError(f"{file.name}, line {reader.line_num}: {error}") from None


def _lines(name: str, text: Iterator[str]) -> Sequence[str]:
    lines = list(islice(text, _LINES))
    if any(len(line) > _LONGEST_LINE for line in lines):
        raise DataError(f"{name}: a line of more than a million characters")
    return lines
