"""Hold what a Parquet file says that it holds against the limits, before any of it is decoded.

First the length of its metadata, which is written at its end, then the metadata. Compression and
dictionaries make the rest small: a file of 26 kB may hold gigabytes.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

from glowback_trio.data.reading.limits import FileLimits
from glowback_trio.data.reading.parquet_pages import check_pages
from glowback_trio.data.reading.unchanged_file import OpenedFile

__all__ = ["check_columns", "check_length", "check_metadata"]

_TAIL = 8  # bytes: the length of the metadata, and a magic word


def check_length(file: OpenedFile, limits: FileLimits) -> None:
    """Check the length of the metadata.

    Raises:
        DataError: It is beyond the limit.
    """
    if file.version[0] >= _TAIL:
        file.content.seek(-_TAIL, os.SEEK_END)
        length = int.from_bytes(file.content.read(4), "little")
        # A length beyond the file is no length: left to the library, which says so.
        if length <= file.version[0]:
            limits.check(file.name, "max_metadata_bytes", length)
    file.content.seek(0)


def check_metadata(name: str, metadata: Any, limits: FileLimits) -> None:
    """Check the number of columns, nested ones included, and of rows.

    Args:
        name: The name of the file.
        metadata: A `pyarrow.parquet.FileMetaData`.
        limits: How much it may hold.

    Raises:
        DataError: They are beyond the limits.
    """
    limits.check(name, "max_file_columns", metadata.num_columns)
    groups = (metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))
    limits.check(name, "max_file_rows", max(metadata.num_rows, sum(groups)))


def check_columns(
    file: OpenedFile, metadata: Any, names: Collection[str], limits: FileLimits
) -> None:
    """Check the sizes of some columns, as the metadata and as the pages themselves tell them.

    Args:
        file: The file.
        metadata: A `pyarrow.parquet.FileMetaData`.
        names: The columns that will be read, which are not nested.
        limits: How much they may hold.

    Raises:
        DataError: They are beyond the limits, or the file is damaged.
    """
    total = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(row_group.num_columns):
            chunk = row_group.column(index)
            if chunk.path_in_schema in names:
                # A decoded number takes 8 bytes, whatever its page took.
                total += max(chunk.total_uncompressed_size, 8 * chunk.num_values)
                limits.check(file.name, "max_file_bytes", total, at_least=True)
                check_pages(file, chunk, limits)
    file.content.seek(0)
