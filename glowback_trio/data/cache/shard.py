"""The file format of the cache: arrays that are copied into memory instead of parsed.

A shard begins with a magic word, the length of its index and the CRC-32 of the index. Then follow
the index, as JSON, and the entries, each aligned: the times, the offsets if there are any, and the
five columns of one price file.
A shard is written to a temporary file and renamed, so that no reader sees half of one. Damage by a
crash or a bad disk is detected: every entry has a checksum over its words, which is verified when
it is read. Nothing is mapped: where a mapped file is cut, the system ends the process that looks.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np
import orjson
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.data.reading.unchanged_file import Version
from glowback_trio.model.bars import Floats
from glowback_trio.model.request import Resolution
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["CacheEntry", "Shard", "Words", "open_shard", "write_shard"]

_HEAD = struct.Struct("<8sII")
_MAGIC = b"glowbar3"
_ALIGN = 64  # bytes: a cache line
_AT_ONCE = 1 << 30
_WORD, _PRICE = np.dtype("<u8"), np.dtype("<f8")
_TIME, _OFFSET = np.dtype("<M8[ns]"), np.dtype("<m8[s]")
_VALUES = 5

Words = NDArray[np.uint64]


@frozen(eq=False)
class CacheEntry:
    """The entry of one price file.

    Attributes:
        name: The file's name.
        version: The version of the file that was parsed.
        source: SHA-256 of its content, as hex.
        spacing: See `ParsedFile`, as for `digest` and `is_plain`.
        stamps: (R,).
        values: (5, R) float64.
    """

    name: str
    version: Version
    source: str
    spacing: Resolution | None
    digest: str | None
    stamps: Stamps = field(repr=False)
    values: Floats = field(repr=False)
    is_plain: bool = False


@frozen(eq=False)
class Shard:
    """A shard that is open for reading. It is closed with the last reference to this.

    Attributes:
        index: The metadata of each entry, by the name of its price file.
        start: Where the entries begin, in bytes.
        descriptor: The open file; None if there is none.
    """

    index: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    start: int = 0
    descriptor: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.descriptor is not None:
            finalize(self, os.close, self.descriptor)

    def take(
        self, name: str, ahead: Words | None = None, known: dict[str, Stamps] | None = None
    ) -> CacheEntry | None:
        """Return an entry, or None if there is none or its checksum is wrong.

        Args:
            name: Of the price file.
            ahead: What `read_into` has read; left out, the entry is read by itself.
            known: Times of entries before, by their digests; changed. An entry with such times has
                these very ones, so that whoever looks at times need not do so for each file.
        """
        if self.descriptor is None or (row := self.index.get(name)) is None:
            return None
        rows, columns, start = row["rows"], row["columns"], row["start"]
        if ahead is None:
            words = _words_at(self.descriptor, self.start + start * 8, rows * columns)
        else:
            words = ahead[start : start + rows * columns]
        # A truncated file gives fewer words than the index promises.
        if len(words) != rows * columns or _sum(words) != row["sum"]:
            return None
        stamps = None if known is None else known.get(row["times"])
        if stamps is None:
            stamps = _stamps_of(words, rows, columns, is_local=row["local"])
            if known is not None:
                known[row["times"]] = stamps
        return CacheEntry(
            name=name,
            version=tuple(row["version"]),
            source=row["source"],
            spacing=row["spacing"],
            digest=row["digest"],
            is_plain=row["plain"],
            stamps=stamps,
            values=words[rows * (columns - _VALUES) :].view(_PRICE).reshape(_VALUES, rows),
        )

    @property
    def words(self) -> int:
        """The words of all entries, as the length of the file tells it."""
        if self.descriptor is None:
            return 0
        return max(0, os.fstat(self.descriptor).st_size - self.start) // _WORD.itemsize

    def words_of(self, name: str) -> int:
        """Return the words of an entry; 0 if there is none."""
        row = self.index.get(name)
        return row["rows"] * row["columns"] if row else 0

    def read_into(self, memory: memoryview) -> int:
        """Read all entries into memory of so many bytes, and return how many there were."""
        assert self.descriptor is not None
        count = 0
        try:
            while part := os.preadv(
                self.descriptor, [memory[count : count + _AT_ONCE]], self.start + count
            ):
                count += part
        except OSError:  # what is missing is read from the price files
            return count
        return count


def _stamps_of(words: Words, rows: int, columns: int, *, is_local: bool) -> Stamps:
    time, *offset = words[: rows * (columns - _VALUES)].reshape(-1, rows)
    return Stamps(time.view(_TIME), offset[0].view(_OFFSET) if offset else None, is_local)


def open_shard(path: Path) -> Shard:
    """Open a shard; return an empty one if the file does not exist or is damaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return Shard()
    try:
        index, start = _index_of(descriptor)
    except (OSError, ValueError, struct.error):
        os.close(descriptor)
        return Shard()
    return Shard(index, start, descriptor)


def write_shard(path: Path, entries: Sequence[CacheEntry]) -> None:
    """Write a shard, replacing an existing one.

    Only the same user can read it, because the price files may be private too.

    Raises:
        OSError: The shard cannot be written; an existing one is unchanged.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.writelines(_chunks(entries))
            # Not synced to disk: a crash can lose the cache or damage it, which the sums detect.
            file.flush()
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise


def _index_of(descriptor: int) -> tuple[Mapping[str, Mapping[str, Any]], int]:
    """Return the index of a shard, and where its entries begin."""
    magic, length, checksum = _HEAD.unpack(_bytes_at(descriptor, 0, _HEAD.size))
    if magic != _MAGIC or length > os.fstat(descriptor).st_size:
        raise ValueError("not a shard, or damaged")
    index = _bytes_at(descriptor, _HEAD.size, length)
    if zlib.crc32(index) != checksum:
        raise ValueError("damaged")
    return {entry["name"]: entry for entry in orjson.loads(index)}, _aligned(_HEAD.size + length)


def _words_at(descriptor: int, start: int, count: int) -> Words:
    """Return so many words, or as many whole ones as there are; none if they cannot be read."""
    try:
        content = _bytes_at(descriptor, start, count * _WORD.itemsize)
    except OSError:
        return np.empty(0, _WORD)
    return np.frombuffer(content, _WORD, count=len(content) // _WORD.itemsize)


def _bytes_at(descriptor: int, start: int, size: int) -> bytes:
    """Return so many bytes, or those up to the end of the file. One call reads 2 GiB at most."""
    parts = []
    while size > 0 and (part := os.pread(descriptor, min(size, _AT_ONCE), start)):
        parts.append(part)
        start, size = start + len(part), size - len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _chunks(entries: Sequence[CacheEntry]) -> Iterator[Any]:
    """Yield the bytes of a shard without copying the arrays."""
    rows, start = [], 0
    for entry in entries:
        rows.append(_index_row(entry, start))
        start = _aligned((start + len(entry.stamps) * _columns(entry)) * 8) // 8
    index = orjson.dumps(rows)
    head = _HEAD.pack(_MAGIC, len(index), zlib.crc32(index)) + index
    yield head
    yield _padding(len(head))
    for entry in entries:
        for words in _words(entry):
            yield words.data
        yield _padding(len(entry.stamps) * _columns(entry) * 8)


def _index_row(entry: CacheEntry, start: int) -> Mapping[str, Any]:
    """Describe an entry for the index; `start` is its offset in words from the first entry."""
    total = sum(_sum(words) for words in _words(entry)) % 2**64
    return {
        "name": entry.name,
        "version": entry.version,
        "source": entry.source,
        "spacing": entry.spacing,
        "digest": entry.digest,
        "plain": entry.is_plain,
        "rows": len(entry.stamps),
        "columns": _columns(entry),
        "local": entry.stamps.is_local,
        "times": _times_digest(entry.stamps),
        "start": start,
        "sum": total,
    }


def _times_digest(stamps: Stamps) -> str:
    """Return a key for times: two digests of so many bytes do not collide by chance."""
    content = hashlib.blake2b(bytes([stamps.is_local]), digest_size=32)
    for column, kind in ((stamps.time, _TIME), (stamps.offset, _OFFSET)):
        if column is not None:
            content.update(np.ascontiguousarray(column, kind).view("u1").data)
    return content.hexdigest()


def _columns(entry: CacheEntry) -> int:
    return _VALUES + (1 if entry.stamps.offset is None else 2)


def _words(entry: CacheEntry) -> Iterator[Words]:
    yield np.ascontiguousarray(entry.stamps.time, _TIME).view(_WORD)
    if entry.stamps.offset is not None:
        yield np.ascontiguousarray(entry.stamps.offset, _OFFSET).view(_WORD)
    yield np.ascontiguousarray(entry.values, _PRICE).reshape(-1).view(_WORD)


def _sum(words: Words) -> int:
    """Return the sum modulo 2**64: cheaper than a CRC, and detects bit flips and zeroed pages."""
    return int(np.add.reduce(words))


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _padding(size: int) -> bytes:
    return bytes(_aligned(size) - size)
