"""Read the headers of the pages of a Parquet column: how large each becomes when it is decoded.

The metadata of a file may say less than its pages do, and a library allocates what the pages say.
The headers are written in Thrift's compact protocol, described in
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md; their fields are
those of `PageHeader` in
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define

from glowback_trio.data.reading.limits import FileLimits
from glowback_trio.data.reading.unchanged_file import OpenedFile
from glowback_trio.errors import DataError

__all__ = ["check_pages"]

# Numbers of the fields of a `PageHeader`.
_DECODED, _STORED = 2, 3
# A header is some twenty bytes, or some hundreds with the statistics of long texts.
_HEADER_SIZES = (1 << 10, 1 << 16)
_DEEPEST = 8  # of structures within a header
_BOOLEANS = (1, 2)
_INTEGERS = (4, 5, 6)
_BYTE, _DOUBLE, _BINARY, _STRUCT = 3, 7, 8, 12


@define
class _Reader:
    """Reads values one after the other; IndexError at the end of the bytes."""

    data: bytes
    position: int = 0

    def byte(self) -> int:
        self.position += 1
        return self.data[self.position - 1]

    def number(self) -> int:
        """Read an unsigned number of any length up to 64 bits."""
        result = shift = 0
        while shift < 70:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
        raise ValueError("a number of more than 64 bits")

    def signed(self) -> int:
        folded = self.number()
        return (folded >> 1) ^ -(folded & 1)

    def struct(self, depth: int = 0) -> Mapping[int, int]:
        """Read a structure; return its fields that are integers, by their numbers."""
        if depth > _DEEPEST:
            raise ValueError("structures within structures")
        found, field = {}, 0
        while head := self.byte():
            field = field + (head >> 4) if head >> 4 else self.signed()
            kind = head & 0x0F
            if kind in _INTEGERS:
                found[field] = self.signed()
            elif kind not in _BOOLEANS:
                self._skip(kind, depth)
        return found

    def _skip(self, kind: int, depth: int) -> None:
        """Skip a value that is neither an integer nor a boolean field."""
        if kind == _BYTE:
            self.position += 1
        elif kind == _DOUBLE:
            self.position += 8
        elif kind == _BINARY:
            length = self.number()  # which moves the position itself
            self.position += length
        elif kind == _STRUCT:
            self.struct(depth + 1)
        else:
            # No field of a page header is a list, a set or a map.
            raise ValueError(f"a field of type {kind}")


def check_pages(file: OpenedFile, chunk: Any, limits: FileLimits) -> None:
    """Check how large the pages of a column are.

    Args:
        file: The file.
        chunk: A `pyarrow.parquet.ColumnChunkMetaData`.
        limits: How much they may hold.

    Raises:
        DataError: They are beyond the limits, or not where they should be.
    """
    starts = [chunk.data_page_offset]
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        starts.append(chunk.dictionary_page_offset)
    position = min(starts)
    end = position + chunk.total_compressed_size
    if position < 0 or end > file.version[0]:
        raise DataError(f"{file.name} cannot be read as Parquet: a column lies outside of it")
    total = pages = 0
    while position < end:
        decoded, stored, length = _page_at(file, position)
        total, pages = total + decoded, pages + 1
        # A page holds a value, apart from the one with the dictionary. Millions of empty ones would
        # take hours to look at.
        if pages > chunk.num_values + 1:
            raise DataError(f"{file.name} cannot be read as Parquet: it has pages without values")
        limits.check(file.name, "max_file_bytes", total, at_least=True)
        position += length + stored


def _page_at(file: OpenedFile, position: int) -> tuple[int, int, int]:
    """Return how large a page is decoded and as stored, and the length of its header."""
    for size in _HEADER_SIZES:
        file.content.seek(position)
        reader = _Reader(file.content.read(size))
        try:
            header = reader.struct()
            decoded, stored = header[_DECODED], header[_STORED]
        except (LookupError, ValueError):
            continue
        if decoded >= 0 and stored >= 0:
            return decoded, stored, reader.position
    raise DataError(f"{file.name} cannot be read as Parquet: there is no page at byte {position:,}")
