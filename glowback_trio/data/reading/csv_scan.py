"""Look through a CSV file before it is parsed: how many lines, how long, and how wide a record.

Parsers take a line or a quoted cell of any length into memory, several times over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TextIO

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from glowback_trio.data.reading.limits import FileLimits
from glowback_trio.data.reading.unchanged_file import OpenedFile

__all__ = ["BoundedLines", "CsvScan", "scan_csv"]

_CHUNK = 1 << 20
_LINE_BREAK = 2  # characters at most
_LF, _CR, _QUOTE = b'\n\r"'


@frozen
class CsvScan:
    """The shape of a file, without regard to what its cells mean.

    Attributes:
        lines: The number of line breaks, at least that of the rows but for the last one.
        is_plain: False if quotes, taken as those of cells, make a record longer than a line may be.
            Then a quote is a mere character, or one is never closed.
    """

    lines: int
    is_plain: bool


@define
class _Ends:
    """The ends of lines seen so far."""

    position: int = 0  # of the chunk in the file
    line_start: int = 0
    record_start: int = 0
    in_quotes: bool = False
    breaks: dict[int, int] = field(factory=lambda: {_LF: 0, _CR: 0})
    longest_record: int = 0

    def add(self, chunk: bytes) -> int:
        """Take the next chunk; return the length of its longest line, the open one included."""
        data = np.frombuffer(chunk, np.uint8)
        ends = np.flatnonzero((data == _LF) | (data == _CR))
        for kind in self.breaks:
            self.breaks[kind] += int(np.count_nonzero(data[ends] == kind))
        length = _longest(ends, self.line_start - self.position, len(data))
        record_ends = self._record_ends(ends, np.flatnonzero(data == _QUOTE))
        record = _longest(record_ends, self.record_start - self.position, len(data))
        self.longest_record = max(self.longest_record, record)
        if len(ends):
            self.line_start = self.position + int(ends[-1]) + 1
        if len(record_ends):
            self.record_start = self.position + int(record_ends[-1]) + 1
        self.position += len(data)
        return length

    def _record_ends(self, ends: NDArray[np.int64], quotes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those ends of lines that have an even number of quotes before them."""
        odd = (np.searchsorted(quotes, ends) + self.in_quotes) % 2
        self.in_quotes = bool((len(quotes) + self.in_quotes) % 2)
        outside: NDArray[np.int64] = ends[odd == 0]
        return outside


def _longest(ends: NDArray[np.int64], start: int, size: int) -> int:
    """Return the longest distance between ends, from a start before the chunk to its own end."""
    return int(np.diff(ends, prepend=start - 1, append=size).max()) - 1


def scan_csv(file: OpenedFile, limits: FileLimits) -> CsvScan:
    """Look through a whole file, a chunk at a time.

    Raises:
        DataError: It has more lines than the limits allow, or a longer one.
    """
    file.content.seek(0)
    ends = _Ends()
    lines = 0
    while chunk := file.content.read(_CHUNK):
        before = lines
        length = ends.add(chunk)
        # Both are at the end of a line where Windows wrote the file.
        lines = max(ends.breaks.values())
        where = f"{file.name}: a line after line {before:,}" if before else f"{file.name}: line 1"
        limits.check(where, "max_line_bytes", length, at_least=True)
        limits.check(file.name, "max_file_rows", lines - 1, at_least=True)
    return CsvScan(lines, ends.longest_record <= limits.max_line_bytes)


@define
class BoundedLines:
    """The lines of a text, for `csv.reader`, which would put any number of them into one record.

    Call `begin_record` after each record.
    """

    _where: Callable[[], str]
    _text: TextIO
    _limits: FileLimits
    _taken: int = field(default=0, init=False)

    def begin_record(self) -> None:
        """Count from here."""
        self._taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return the next line.

        Raises:
            DataError: It is longer than a line may be, or the lines of a record are.
        """
        line = self._text.readline(self._limits.max_line_bytes + _LINE_BREAK + 1)
        if not line:
            raise StopIteration
        self._taken += len(line)
        if (length := self._taken - _LINE_BREAK) > self._limits.max_line_bytes:
            where = f"{self._where()}: a record"
            self._limits.check(where, "max_line_bytes", length, at_least=True)
        return line
