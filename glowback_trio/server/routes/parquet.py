"""Tables as Parquet, for data frames."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glowback_trio.extras import PARQUET
from glowback_trio.wire.rows import Column, Columns
from glowback_trio.wire.tables import Chunks, Table

__all__ = ["parquet_chunks"]

# Rows per row group: about 4 MB as arrays, less than half of that in the file.
_ROWS_AT_ONCE = 1 << 16
_NATIVE = {"M": "M8[ns]", "i": "i8", "f": "f8"}


def parquet_chunks(table: Table) -> Chunks:
    """Encode a table as Parquet, one row group per chunk.

    Times are UTC nanoseconds, numbers are doubles or 64-bit integers, undefined values are null.

    Raises:
        DataError: pyarrow is not installed.
    """
    arrow, parquet = PARQUET.load("pyarrow"), PARQUET.load("pyarrow.parquet")
    sink = _Sink()
    schema = _batch(arrow, table.columns(slice(0, 0))).schema
    with parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        for columns in table.batches(_ROWS_AT_ONCE):
            writer.write_batch(_batch(arrow, columns))
            yield sink.take()
    yield sink.take()


def _batch(arrow: Any, columns: Columns) -> Any:
    arrays = [_array(arrow, column) for column in columns.values()]
    return arrow.RecordBatch.from_arrays(arrays, names=list(columns))


def _array(arrow: Any, column: Column) -> Any:
    """Return a column as an Arrow array, made of its buffers.

    `pyarrow.array` would import pandas, if that is installed: with the first download, for seconds.
    """
    if isinstance(column, list):
        return _strings(arrow, column)
    if column.dtype.kind == "b":
        truths = _bits(arrow, column.astype(np.bool_))
        return arrow.Array.from_buffers(arrow.bool_(), len(column), [None, truths])
    times = column.dtype.kind == "M"
    kinds = {"M": arrow.timestamp("ns", "UTC"), "i": arrow.int64(), "f": arrow.float64()}
    kind = kinds[column.dtype.kind]
    data = np.ascontiguousarray(column.astype(_NATIVE[column.dtype.kind]))
    known = ~(np.isnat(data) if times else np.isnan(data))
    buffers = [_bitmap(arrow, known), arrow.py_buffer(data.view(np.uint8))]
    return arrow.Array.from_buffers(kind, len(data), buffers)


def _strings(arrow: Any, column: list[Any]) -> Any:
    texts = [b"" if text is None else str(text).encode() for text in column]
    ends = np.zeros(len(texts) + 1, np.int32)
    np.cumsum([len(text) for text in texts], out=ends[1:], dtype=np.int32)
    known = np.array([text is not None for text in column], np.bool_)
    buffers = [_bitmap(arrow, known), arrow.py_buffer(ends), arrow.py_buffer(b"".join(texts))]
    return arrow.Array.from_buffers(arrow.string(), len(texts), buffers)


def _bitmap(arrow: Any, known: NDArray[np.bool_]) -> Any:
    """Return which values are there, a bit each; None if all are."""
    return None if known.all() else _bits(arrow, known)


def _bits(arrow: Any, truths: NDArray[np.bool_]) -> Any:
    return arrow.py_buffer(np.packbits(truths, bitorder="little"))


class _Sink(io.RawIOBase):
    """A file that hands over what was written to it and keeps only the position."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._written.append(chunk)
        self._position += len(chunk)
        return len(chunk)

    def take(self) -> bytes:
        written, self._written = self._written, []
        return b"".join(written)
