"""Convert Arrow columns to numpy, with errors that name the row and the column."""

from __future__ import annotations

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.columns import shorten
from glowback_trio.data.files.counted_times import counted_times, likeness_of
from glowback_trio.data.files.timestamps import (
    FORMS,
    Stamp,
    join_stamps,
    outside_years,
    read_stamp,
)
from glowback_trio.data.reading.limits import FileLimits
from glowback_trio.errors import DataError
from glowback_trio.extras import PARQUET
from glowback_trio.model.bars import Floats, Offsets, Times
from glowback_trio.model.sessions.stamps import Stamps
from glowback_trio.model.sessions.zones import offsets_at

__all__ = ["ParquetColumn", "place_in_parquet"]

# Longer than any time or symbol. A text that is cut ends in points, which neither does.
_LONGEST_TEXT = 64
_STAMP_BYTES = 300  # of a time as an object
_AHEAD = re.compile(r"(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)", re.ASCII)


def place_in_parquet(number: int) -> str:
    """Return where a row is, by its number from 0."""
    return f"row {number + 1}"


@frozen(eq=False)
class ParquetColumn:
    """One column of a Parquet file.

    Attributes:
        source: The file's name, for messages.
        name: The column's name, as written.
        cells: (R,) pyarrow.ChunkedArray; texts are dictionaries or plain.
        limits: How much memory the cells may take.
    """

    source: str
    name: str
    cells: Any = field(repr=False)
    limits: FileLimits = field(repr=False)

    @classmethod
    def of(cls, source: str, name: str, cells: Any, limits: FileLimits) -> ParquetColumn:
        """Take a column; pandas writes categories as dictionaries.

        Those of texts stay so: the texts may be long, and each is needed once. Others are resolved.
        """
        types, kind = PARQUET.load("pyarrow.types"), cells.type
        if types.is_dictionary(kind) and not _is_text(kind.value_type):
            cells = cells.cast(kind.value_type)
        return cls(source, name, cells, limits)

    def with_texts(self, texts: NDArray[Any]) -> ParquetColumn:
        """Return the same column with other cells, texts."""
        arrow = PARQUET.load("pyarrow")
        return evolve(self, cells=arrow.chunked_array([arrow.array(texts)]))

    def numbers(self, *, may_be_unknown: bool = False) -> Floats:
        """Return the cells as float64, (R,).

        Args:
            may_be_unknown: True to return NaN for an empty cell.

        Raises:
            DataError: The column is not one of numbers, or a cell is empty or not finite.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        if not (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
            raise DataError(
                f"{self.source}, column {self.name!r}: expected numbers, got {self._kind!r}"
            )
        # Not safe: decimals and large integers may lose digits, as they do when read from text.
        numbers: Floats = self.cells.cast("float64", safe=False).to_numpy()
        known = ~np.isnan(numbers) if may_be_unknown else True
        self._check(~np.isfinite(numbers) & known, "a number")
        return numbers

    @property
    def _kind(self) -> str:
        """The type of the cells as they were written, for messages."""
        kind = self.cells.type
        is_dictionary = PARQUET.load("pyarrow.types").is_dictionary(kind)
        return str(kind.value_type if is_dictionary else kind)

    def clock(self) -> NDArray[np.timedelta64] | None:
        """Return times of day, (R,) timedelta64[ns]; None if the column is not one of them."""
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        if not types.is_time(kind):
            return None
        self._check(self._is_empty(), "a time of day")
        counts = self.cells.cast("time64[ns]").cast("int64").to_numpy()
        times: NDArray[np.timedelta64] = counts.astype("m8[ns]")
        return times

    def stamps(self) -> Stamps:
        """Return the cells as times, (R,).

        Raises:
            DataError: The column is not one of times, or a cell is empty or not a time.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        if types.is_timestamp(kind) or types.is_date(kind):
            zone = kind.tz if types.is_timestamp(kind) else None
            time = self._in_years(self.cells.to_numpy())
            return Stamps(time, self._offsets(zone, time), is_local=zone is None)
        if types.is_integer(kind):
            self._check(self._is_empty(), FORMS)
            counts = self.cells.cast("int64").to_numpy()
            if likeness := likeness_of(counts):
                raise self._bad(0, f"{FORMS}; the column looks like {likeness}")
            return Stamps(self._in_years(counted_times(counts)))
        if types.is_floating(kind):
            raise DataError(
                f"{self.source}, column {self.name!r}: expected whole numbers, dates, times or "
                f"texts, got {str(kind)!r}"
            )
        texts = self.texts()
        self.limits.check(self.source, "max_file_bytes", len(texts) * _STAMP_BYTES)
        return join_stamps([self._stamp(row, text) for row, text in enumerate(texts)])

    def _in_years(self, times: Times) -> Times:
        # Checked before the cast to nanoseconds, which would wrap around silently.
        self._check(outside_years(times), FORMS)
        in_ns: Times = times.astype("M8[ns]")
        return in_ns

    def _offsets(self, zone: str | None, time: Times) -> Offsets | None:
        """Return the offsets of the column's zone: a name, or an offset such as `+02:00`."""
        if zone is None:
            return None
        if ahead := _AHEAD.fullmatch(zone):
            minutes = int(ahead["hours"]) * 60 + int(ahead["minutes"])
            offset = np.full(len(time), 60 * minutes * (-1 if ahead["sign"] == "-" else 1), "m8[s]")
        else:
            try:
                offset = offsets_at(ZoneInfo(zone), time)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                what = f"expected a time zone's name or offset, got {shorten(zone)}"
                raise DataError(f"{self.source}, column {self.name!r}: {what}") from None
        return offset if offset.any() else None

    def texts(self) -> NDArray[Any]:
        """Return the cells as stripped texts, (R,), cut where one is longer than any is meant.

        Raises:
            DataError: The column is not one of texts, a cell is empty, or they take too much.
        """
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        plain = kind.value_type if types.is_dictionary(kind) else kind
        if not _is_text(plain):
            raise DataError(
                f"{self.source}, column {self.name!r}: expected texts, got {str(kind)!r}"
            )
        self._check(self._is_empty(), "a text")
        parts = [_texts_of(chunk) for chunk in self.cells.chunks]
        width = max((part.itemsize for part in parts), default=0)
        self.limits.check(self.source, "max_file_bytes", len(self.cells) * width)
        return np.concatenate(parts)

    def _stamp(self, row: int, text: str) -> Stamp:
        try:
            return read_stamp(text)
        except ValueError:
            raise self._bad(row, FORMS) from None

    def _is_empty(self) -> NDArray[np.bool_]:
        types, kind = PARQUET.load("pyarrow.types"), self.cells.type
        if types.is_dictionary(kind):
            # Of a dictionary the index may be missing, or the text that it stands for.
            parts = [_indices_of(chunk)[1] for chunk in self.cells.chunks]
            return np.concatenate(parts)
        empty: NDArray[np.bool_] = self.cells.is_null().to_numpy()
        return empty

    def _check(self, bad: NDArray[np.bool_], expected: str) -> None:
        if bad.any():
            raise self._bad(int(np.argmax(bad)), expected)

    def _bad(self, row: int, expected: str) -> DataError:
        cell = _shown(self.cells[row])
        return DataError(
            f"{self.source}, {place_in_parquet(row)}, column {self.name!r}: "
            f"expected {expected}, got {cell}"
        )


def _is_text(kind: Any) -> bool:
    types = PARQUET.load("pyarrow.types")
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _texts_of(chunk: Any) -> NDArray[Any]:
    """Return the texts of an array of texts or of a dictionary of them, without missing ones."""
    if not PARQUET.load("pyarrow.types").is_dictionary(chunk.type):
        return np.array([_cut(text.strip()) for text in chunk.to_pylist()], dtype=str)
    indices, _ = _indices_of(chunk)
    known = np.array([_cut((text or "").strip()) for text in chunk.dictionary.to_pylist()], str)
    return known[indices]


def _indices_of(chunk: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a dictionary's indices, 0 where one is missing, and which cells are empty."""
    missing = chunk.indices.is_null().to_numpy(zero_copy_only=False)
    indices = chunk.indices.fill_null(0).cast("int64").to_numpy()
    nothing = chunk.dictionary.is_null().to_numpy(zero_copy_only=False)
    if not len(nothing):
        return indices, np.ones(len(indices), bool)
    return indices, missing | nothing[indices]


def _shown(cell: Any) -> str:
    """Return a cell for a message."""
    try:
        return shorten(_cut(cell.as_py()))
    except (ValueError, OverflowError):  # of a time that neither Python nor pandas can hold
        return f"a value that is out of range for {cell.type}"


def _cut(cell: Any) -> Any:
    if not isinstance(cell, str) or len(cell) <= _LONGEST_TEXT:
        return cell
    return f"{cell[:_LONGEST_TEXT]}..."
