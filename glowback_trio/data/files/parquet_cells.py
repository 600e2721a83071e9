"""Convert Arrow columns to numpy, with errors that name the row and the column."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.columns import shorten
from glowback_trio.data.files.timestamps import FORMS, outside_years, read_stamp, times_since_1970
from glowback_trio.errors import DataError
from glowback_trio.extras import PARQUET
from glowback_trio.model.bars import Floats, Times

__all__ = ["ParquetColumn", "place_in_parquet"]


def place_in_parquet(number: int) -> str:
    """Return where a row is, by its number from 0."""
    return f"row {number + 1}"


@frozen(eq=False)
class ParquetColumn:
    """One column of a Parquet file.

    Attributes:
        source: The file's name, for messages.
        name: The column's name, as written.
        cells: (R,) pyarrow.ChunkedArray.
    """

    source: str
    name: str
    cells: Any = field(repr=False)

    def numbers(self) -> Floats:
        """Return the cells as float64, (R,).

        Raises:
            DataError: The column is not one of numbers, or a cell is empty or not finite.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
            raise DataError(
                f"{self.source}, column {self.name!r}: expected numbers, got {str(kind)!r}"
            )
        # Not safe: decimals and large integers may lose digits, as they do when read from text.
        numbers: Floats = self.cells.cast("float64", safe=False).to_numpy()
        self._check(~np.isfinite(numbers), "a number")
        return numbers

    def times(self) -> Times:
        """Return the cells as times, (R,) datetime64[ns] UTC.

        Raises:
            DataError: The column is not one of times, or a cell is empty or not a time.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        if types.is_timestamp(kind) or types.is_date(kind):
            times: Times = self.cells.to_numpy()
        elif types.is_integer(kind):
            self._check(self._is_empty(), FORMS)
            times = times_since_1970(self.cells.cast("int64").to_numpy())
        else:
            stamps = [self._stamp(row, text) for row, text in enumerate(self.texts())]
            times = np.array(stamps, dtype="M8[ns]")
        # Checked before the cast to nanoseconds, which would wrap around silently.
        self._check(outside_years(times), FORMS)
        in_ns: Times = times.astype("M8[ns]")
        return in_ns

    def texts(self) -> NDArray[Any]:
        """Return the cells as stripped texts, (R,).

        Raises:
            DataError: The column is not one of texts, or a cell is empty.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        # pandas writes categories as dictionaries.
        plain = kind.value_type if types.is_dictionary(kind) else kind
        if not (types.is_string(plain) or types.is_large_string(plain)):
            raise DataError(
                f"{self.source}, column {self.name!r}: expected texts, got {str(kind)!r}"
            )
        self._check(self._is_empty(), "a text")
        return np.array([text.strip() for text in self.cells.to_pylist()], dtype=str)

    def _stamp(self, row: int, text: str) -> np.datetime64:
        try:
            return read_stamp(text)
        except ValueError:
            raise self._bad(row, FORMS) from None

    def _is_empty(self) -> NDArray[np.bool_]:
        empty: NDArray[np.bool_] = self.cells.is_null().to_numpy()
        return empty

    def _check(self, bad: NDArray[np.bool_], expected: str) -> None:
        if bad.any():
            raise self._bad(int(np.argmax(bad)), expected)

    def _bad(self, row: int, expected: str) -> DataError:
        cell = shorten(self.cells[row].as_py())
        return DataError(
            f"{self.source}, {place_in_parquet(row)}, column {self.name!r}: "
            f"expected {expected}, got {cell}"
        )
