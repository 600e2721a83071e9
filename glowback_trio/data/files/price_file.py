"""A price file: one symbol's bars of one resolution, in one of the formats."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from attrs import frozen

from glowback_trio.data.files.csv_file import place_in_csv, read_csv
from glowback_trio.data.files.parquet_cells import place_in_parquet
from glowback_trio.data.files.parquet_file import read_parquet
from glowback_trio.data.files.table import PriceTable
from glowback_trio.data.rows import Rows
from glowback_trio.model.request import Resolution

__all__ = ["FORMATS", "FileFormat", "PriceFile", "Version", "read_table", "version_of"]

FileFormat = Literal["csv", "parquet"]
Version = tuple[int, int, int, int]

FORMATS: tuple[FileFormat, ...] = ("csv", "parquet")
# Fewest bytes per row. A CSV row has six cells; a Parquet row may be compressed to nearly nothing.
_SHORTEST_ROW: Mapping[FileFormat, int] = {"csv": 32, "parquet": 1}


@frozen
class PriceFile:
    """A price file, as it was when its directory was listed.

    Attributes:
        path: Its path.
        symbol: The symbol in its name.
        resolution: The resolution in its name; None if the name has none.
        format: Its format.
        version: Size, times of the last change of the content and of the inode in nanoseconds since
            1970, and inode number. While all four are equal, the content is.
    """

    path: Path
    symbol: str
    resolution: Resolution | None
    format: FileFormat
    version: Version

    @property
    def most_rows(self) -> int:
        """The most rows that a file of this size can have."""
        # One more, because the last row may be without a line break.
        return self.version[0] // _SHORTEST_ROW[self.format] + 1

    def read(self) -> Rows:
        """Read every row.

        Raises:
            DataError: The file cannot be read, or has a bad cell or another symbol's rows.
        """
        return read_table(self.path, self.format).rows(self.symbol)

    def locate(self) -> Callable[[int], str]:
        """Return a function that returns where a row is in the file, by its number from 0."""
        return place_in_parquet if self.format == "parquet" else partial(place_in_csv, self.path)


def version_of(found: os.stat_result) -> Version:
    """Return the version of a file: a key for its content that needs no reading."""
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def read_table(
    path: Path, form: FileFormat, column_names: Mapping[str, str] | None = None
) -> PriceTable:
    """Read every row of a file, see `read_csv` and `read_parquet`."""
    return read_parquet(path, column_names) if form == "parquet" else read_csv(path, column_names)
