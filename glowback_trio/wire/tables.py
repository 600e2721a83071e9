"""Tables of a result, made and written a bounded number of rows at a time.

A row never becomes a Python object: columns are encoded as a whole, split into cells, and the cells
joined into rows. That is twice as fast as encoding row by row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator

import numpy as np
from attrs import frozen

from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.rows import Column, Columns, Which

__all__ = ["Chunks", "Table", "csv_chunks", "joined", "json_chunks", "ndjson_chunks"]

#: A long text, written only as far as it is read.
Chunks = Generator[bytes, None, None]

# Some 120 KB as JSON, and a millisecond or two of work: a thread that writes stays responsive.
_ROWS_AT_ONCE = 512

# A response of one chunk has a declared length, so what is small should not be split.
_CHUNK_BYTES = 64 * 1024

_QUOTED = re.compile(r'[",\r\n]')


@frozen(eq=False)
class Table:
    """Rows that are made when they are read.

    Attributes:
        count: Number of rows.
        columns: Returns the columns of some rows.
        rows_at_once: Number of rows to make at once; smaller for long rows.
    """

    count: int
    columns: Callable[[Which], Columns]
    rows_at_once: int = _ROWS_AT_ONCE

    def __len__(self) -> int:
        return self.count

    def batches(self, size: int | None = None) -> Iterator[Columns]:
        """Yield the columns of up to `size` rows at a time; None stands for `rows_at_once`."""
        size = size or self.rows_at_once
        for start in range(0, self.count, size):
            yield self.columns(slice(start, start + size))

    def picked(self, which: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Table:
        """Return a table of some of the rows.

        Args:
            which: Indices of the rows, (n,).
        """
        return Table(len(which), lambda rows: self.columns(which[rows]), self.rows_at_once)


def json_chunks(table: Table) -> Chunks:
    """Write a JSON array of objects, some rows in each chunk."""
    yield b"["
    for number, columns in enumerate(table.batches()):
        yield (b"," if number else b"") + b",".join(_json_rows(columns))
    yield b"]"


def ndjson_chunks(table: Table) -> Chunks:
    """Write a line for each row, with the same bytes that the row has in a JSON array."""
    for columns in table.batches():
        yield b"\n".join(_json_rows(columns)) + b"\n"


def csv_chunks(table: Table) -> Chunks:
    """Write CSV with a header; numbers are as in JSON, and null is an empty cell."""
    yield ",".join(table.columns(slice(0, 0))).encode() + b"\n"
    for columns in table.batches():
        cells = map(_csv_cells, columns.values())
        yield b"\n".join(map(b",".join, zip(*cells, strict=True))) + b"\n"


def joined(chunks: Iterable[bytes]) -> Chunks:
    """Join chunks until they are long enough to be sent."""
    waiting: list[bytes] = []
    size = 0
    for chunk in chunks:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _json_rows(columns: Columns) -> Iterator[bytes]:
    """Write each row as a JSON object; there has to be at least one."""
    row = b"{%b}" % b",".join(b'"%b":%%b' % name.encode() for name in columns)
    cells = map(_json_cells, columns.values())
    return map(row.__mod__, zip(*cells, strict=True))


def _json_cells(column: Column) -> Iterable[bytes]:
    # Numbers and times contain no comma, so splitting the encoded array gives its cells.
    return map(dumps, column) if isinstance(column, list) else dumps(column)[1:-1].split(b",")


def _csv_cells(column: Column) -> Iterable[bytes]:
    if isinstance(column, list):
        return map(_csv_text, column)
    return dumps(column)[1:-1].replace(b'"', b"").replace(b"null", b"").split(b",")


def _csv_text(text: str | None) -> bytes:
    """Write text as a CSV cell, quoted where RFC 4180 demands it."""
    text = text or ""
    quoted = '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) else text
    return quoted.encode()
