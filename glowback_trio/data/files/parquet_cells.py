"""Columns of Arrow as columns of numpy, and what is wrong with their cells, by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.columns import shorten
from glowback_trio.data.files.timestamps import FORMS, moments_since_1970, outside_years, read_stamp
from glowback_trio.errors import DataError
from glowback_trio.extras import PARQUET
from glowback_trio.model.bars import Floats, Times

__all__ = ["ParquetColumn", "place_in_parquet"]


def place_in_parquet(number: int) -> str:
    """Where a row stands, given its number from 0."""
    return f"row {number + 1}"


@frozen(eq=False)
class ParquetColumn:
    """One column of a Parquet file.

    Attributes:
        source: What people call the file.
        name: The column's name, as written.
        cells: (R,) pyarrow.ChunkedArray.
    """

    source: str
    name: str
    cells: Any = field(repr=False)

    def numbers(self) -> Floats:
        """The cells as float64, (R,).

        Raises:
            DataError: The column holds no numbers, or a cell holds none.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
            raise DataError(
                f"{self.source}, column {self.name!r}: expected numbers, got {str(kind)!r}"
            )
        numbers: Floats = self.cells.cast("float64", safe=False).to_numpy()
        self._refuse(~np.isfinite(numbers), "a number")
        return numbers

    def times(self) -> Times:
        """The cells as moments, (R,) datetime64[ns] UTC.

        Raises:
            DataError: The column holds no times, or a cell holds none.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        if types.is_timestamp(kind) or types.is_date(kind):
            moments = self.cells.to_numpy()
        elif types.is_integer(kind):
            self._refuse(self._absent(), FORMS)
            moments = moments_since_1970(self.cells.cast("int64").to_numpy())
        else:
            stamps = [self._stamp(row, text) for row, text in enumerate(self.texts())]
            moments = np.array(stamps, dtype="M8[ns]")
        self._refuse(outside_years(moments), FORMS)
        times: Times = moments.astype("M8[ns]")
        return times

    def texts(self) -> NDArray[Any]:
        """The cells as texts without blanks around them, (R,).

        Raises:
            DataError: The column holds something else.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        plain = kind.value_type if types.is_dictionary(kind) else kind
        if not (types.is_string(plain) or types.is_large_string(plain)):
            raise DataError(
                f"{self.source}, column {self.name!r}: expected texts, got {str(kind)!r}"
            )
        self._refuse(self._absent(), "a text")
        return np.array([text.strip() for text in self.cells.to_pylist()], dtype=str)

    def _stamp(self, row: int, text: str) -> np.datetime64:
        try:
            return read_stamp(text)
        except ValueError:
            raise self._bad(row, FORMS) from None

    def _absent(self) -> NDArray[np.bool_]:
        absent: NDArray[np.bool_] = self.cells.is_null().to_numpy()
        return absent

    def _refuse(self, bad: NDArray[np.bool_], expected: str) -> None:
        if bad.any():
            raise self._bad(int(np.argmax(bad)), expected)

    def _bad(self, row: int, expected: str) -> DataError:
        cell = shorten(self.cells[row].as_py())
        return DataError(
            f"{self.source}, {place_in_parquet(row)}, column {self.name!r}: "
            f"expected {expected}, got {cell}"
        )
