"""Tables as Parquet, for data frames."""

from __future__ import annotations

import io
from typing import Any

from glowback_trio.extras import PARQUET
from glowback_trio.wire.rows import Column, Columns
from glowback_trio.wire.tables import Chunks, Table

__all__ = ["parquet_chunks"]

# Rows per row group: about 4 MB as arrays, less than half of that in the file.
_ROWS_AT_ONCE = 1 << 16


def parquet_chunks(table: Table) -> Chunks:
    """Encode a table as Parquet, one row group per chunk.

    Times are UTC nanoseconds, numbers are doubles, undefined values are null.

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
    arrays = {name: _array(arrow, column) for name, column in columns.items()}
    return arrow.RecordBatch.from_pydict(arrays)


def _array(arrow: Any, column: Column) -> Any:
    if isinstance(column, list):
        return arrow.array(column, arrow.string())
    kind = arrow.timestamp("ns", "UTC") if column.dtype.kind == "M" else arrow.float64()
    return arrow.array(column, kind, from_pandas=True)  # NaN becomes null


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
