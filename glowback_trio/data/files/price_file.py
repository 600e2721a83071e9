"""A price file: one symbol's bars of one resolution, in one of the formats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from attrs import frozen

from glowback_trio.data.files.csv_file import csv_table, place_in_csv
from glowback_trio.data.files.parquet_cells import place_in_parquet
from glowback_trio.data.files.parquet_file import parquet_table
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.unchanged_file import OpenedFile, Version, read_unchanged
from glowback_trio.data.rows import Rows
from glowback_trio.model.request import Resolution

__all__ = ["FORMATS", "FileFormat", "PriceFile"]

FileFormat = Literal["csv", "parquet"]

FORMATS: tuple[FileFormat, ...] = ("csv", "parquet")
# Fewest bytes per row. A CSV row has six cells; a Parquet row may be compressed to nearly nothing.
_SHORTEST_ROW: Mapping[FileFormat, int] = {"csv": 32, "parquet": 1}


@frozen
class PriceFile:
    """A price file, as it was when its directory was listed.

    Attributes:
        location: Its path as text: of hundreds of files paths take longer than all else.
        name: The last part of its path.
        symbol: The symbol in its name.
        resolution: The resolution in its name; None if the name has none.
        format: Its format.
        version: Size, times of the last change of the content and of the inode in nanoseconds since
            1970, and inode number. While all four are equal, the content is.
    """

    location: str
    name: str
    symbol: str
    resolution: Resolution | None
    format: FileFormat
    version: Version

    @cached_property
    def path(self) -> Path:
        """Its path."""
        return Path(self.location)

    @property
    def most_rows(self) -> int:
        """The most rows that a file of this size can have."""
        # One more, because the last row may be without a line break.
        return self.version[0] // _SHORTEST_ROW[self.format] + 1

    def read(self, limits: FileLimits = DEFAULT_LIMITS) -> Rows:
        """Read every row.

        Raises:
            DataError: The file cannot be read, holds too much, does not stop changing, or has a bad
                cell or another symbol's rows.
        """
        return read_unchanged(self.path, partial(self.rows_in, limits))[0]

    def rows_in(self, limits: FileLimits, file: OpenedFile) -> Rows:
        """Read every row of this file, which has been opened; see `read`."""
        read = parquet_table if self.format == "parquet" else csv_table
        return read(file, limits).rows(self.symbol)

    def locate(self) -> Callable[[int], str]:
        """Return a function that returns where a row is in the file, by its number from 0."""
        if self.format == "parquet":
            return place_in_parquet
        return self._line

    def _line(self, row: int) -> str:
        return place_in_csv(self.path, self.version, row)
