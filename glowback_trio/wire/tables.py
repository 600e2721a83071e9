"""Tables of a result, made and written a bounded number of rows at a time.

A row never becomes a Python object of its own: columns are written whole, split into cells, and
these are woven into rows. That is also twice as fast as writing row by row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator

import numpy as np
from attrs import frozen

from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.rows import Column, Columns, Which

__all__ = ["Pieces", "Table", "csv_pieces", "gathered", "json_pieces", "ndjson_pieces"]

#: Something long, written so far as somebody reads it.
Pieces = Generator[bytes, None, None]

# Some 120 KB as JSON, and a millisecond or two of work.
_ROWS_AT_ONCE = 512

# Pieces are at least so long, so that what is small is a single one.
_PIECE_BYTES = 64 * 1024

_QUOTED = re.compile(r'[",\r\n]')


@frozen(eq=False)
class Table:
    """Rows that are made when they are asked for.

    Attributes:
        count: How many rows there are.
        columns: Gives the columns of some of them.
        rows_at_once: How many are made at once; fewer where a row is long.
    """

    count: int
    columns: Callable[[Which], Columns]
    rows_at_once: int = _ROWS_AT_ONCE

    def __len__(self) -> int:
        return self.count

    def chunks(self, size: int | None = None) -> Iterator[Columns]:
        """The columns of up to `size` rows after the other; None: of `rows_at_once`."""
        size = size or self.rows_at_once
        for start in range(0, self.count, size):
            yield self.columns(slice(start, start + size))

    def picked(self, which: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Table:
        """The table of some rows only.

        Args:
            which: Their indices, (n,).
        """
        return Table(len(which), lambda rows: self.columns(which[rows]), self.rows_at_once)


def json_pieces(table: Table) -> Pieces:
    """Write a JSON array of objects, a chunk of rows in each piece."""
    yield b"["
    for number, columns in enumerate(table.chunks()):
        yield (b"," if number else b"") + b",".join(_json_rows(columns))
    yield b"]"


def ndjson_pieces(table: Table) -> Pieces:
    """Write a line for each row, the very bytes that the row has in a JSON array."""
    for columns in table.chunks():
        yield b"\n".join(_json_rows(columns)) + b"\n"


def csv_pieces(table: Table) -> Pieces:
    """Write CSV with a head; cells are empty where JSON says null, and numbers are the same."""
    yield ",".join(table.columns(slice(0, 0))).encode() + b"\n"
    for columns in table.chunks():
        cells = map(_csv_cells, columns.values())
        yield b"\n".join(map(b",".join, zip(*cells, strict=True))) + b"\n"


def gathered(pieces: Iterable[bytes]) -> Pieces:
    """Join pieces that are shorter than is worth while."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)


def _json_rows(columns: Columns) -> Iterator[bytes]:
    """Write each row of at least one."""
    row = b"{%b}" % b",".join(b'"%b":%%b' % name.encode() for name in columns)
    cells = map(_json_cells, columns.values())
    return map(row.__mod__, zip(*cells, strict=True))


def _json_cells(column: Column) -> Iterable[bytes]:
    # No number and no time has a comma in it.
    return map(dumps, column) if isinstance(column, list) else dumps(column)[1:-1].split(b",")


def _csv_cells(column: Column) -> Iterable[bytes]:
    if isinstance(column, list):
        return map(_csv_text, column)
    return dumps(column)[1:-1].replace(b'"', b"").replace(b"null", b"").split(b",")


def _csv_text(text: str | None) -> bytes:
    """Quote as RFC 4180 has it, where it must be."""
    text = text or ""
    quoted = '"{}"'.format(text.replace('"', '""')) if _QUOTED.search(text) else text
    return quoted.encode()
