"""A file of prices: one symbol's bars of one length, in one of the formats."""

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

__all__ = ["FORMATS", "Format", "PriceFile", "Version", "read_table", "version_of"]

Format = Literal["csv", "parquet"]
Version = tuple[int, int, int, int]

FORMATS: tuple[Format, ...] = ("csv", "parquet")
_SHORTEST_ROW: Mapping[Format, int] = {"csv": 32, "parquet": 1}  # bytes; real rows are longer


@frozen
class PriceFile:
    """One file of prices, as it was when it was looked at.

    Attributes:
        path: Where it is.
        symbol: Whose prices it holds.
        resolution: The length of its bars, or None where only its rows can tell.
        format: How it is written.
        version: Size, time of the last change to content and to anything, nanoseconds since 1970,
            and inode: where one of them differs the content may.
    """

    path: Path
    symbol: str
    resolution: Resolution | None
    format: Format
    version: Version

    @property
    def most_rows(self) -> int:
        """More rows than this do not fit into the file, as far as its size can tell."""
        return self.version[0] // _SHORTEST_ROW[self.format] + 1

    def read(self) -> Rows:
        """Read every row.

        Raises:
            DataError: The file cannot be read, or has a bad cell or another symbol's rows.
        """
        return read_table(self.path, self.format).rows(self.symbol)

    def locate(self) -> Callable[[int], str]:
        """What says where a row stands in the file, given its number from 0."""
        return place_in_parquet if self.format == "parquet" else partial(place_in_csv, self.path)


def version_of(found: os.stat_result) -> Version:
    """What tells one content of a file from the next, without reading it."""
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def read_table(
    path: Path, form: Format, column_names: Mapping[str, str] | None = None
) -> PriceTable:
    """Read every row of a file; see `read_csv` and `read_parquet`."""
    return read_parquet(path, column_names) if form == "parquet" else read_csv(path, column_names)
