"""The file format of the cache: arrays that are mapped into memory instead of read.

A shard begins with a magic word, the length of its index and the CRC-32 of the index. Then follow
the index, as JSON, and the entries, each aligned: the times, the offsets if there are any, and the
five columns of one price file.
A shard is written to a temporary file and renamed, so that no reader sees half of one, and never
changed afterwards, so that mapped arrays keep their values. Damage by a crash or a bad disk is
detected: every entry has a checksum over its words, which is verified when it is read.
"""

from __future__ import annotations

import mmap
import struct
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.price_file import Version
from glowback_trio.model.bars import Floats
from glowback_trio.model.request import Resolution
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["CacheEntry", "Shard", "open_shard", "write_shard"]

_HEAD = struct.Struct("<8sII")
_MAGIC = b"glowbar2"
_ALIGN = 64  # bytes: a cache line
_WORD, _PRICE = np.dtype("<u8"), np.dtype("<f8")
_TIME, _OFFSET = np.dtype("<M8[ns]"), np.dtype("<m8[s]")
_VALUES = 5


@frozen(eq=False)
class CacheEntry:
    """The entry of one price file.

    Attributes:
        name: The file's name.
        version: The version of the file that was parsed.
        source: SHA-256 of its content, as hex.
        spacing: See `ParsedFile`, as for `digest`.
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


@frozen(eq=False)
class Shard:
    """A mapped shard.

    Attributes:
        index: The metadata of each entry, by the name of its price file.
        words: (W,) all entries as 64-bit words.
    """

    index: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    words: NDArray[np.uint64] = field(factory=lambda: np.empty(0, _WORD), repr=False)

    def take(self, name: str) -> CacheEntry | None:
        """Return an entry, or None if there is none or its checksum is wrong."""
        if (row := self.index.get(name)) is None:
            return None
        rows, columns = row["rows"], row["columns"]
        words = self.words[row["start"] : row["start"] + rows * columns]
        # A truncated file gives fewer words than the index promises.
        if len(words) != rows * columns or _sum(words) != row["sum"]:
            return None
        time, *offset = words[: rows * (columns - _VALUES)].reshape(-1, rows)
        return CacheEntry(
            name=name,
            version=tuple(row["version"]),
            source=row["source"],
            spacing=row["spacing"],
            digest=row["digest"],
            stamps=Stamps(
                time.view(_TIME), offset[0].view(_OFFSET) if offset else None, row["local"]
            ),
            values=words[rows * (columns - _VALUES) :].view(_PRICE).reshape(_VALUES, rows),
        )


def open_shard(path: Path) -> Shard:
    """Map a shard; return an empty one if the file does not exist or is damaged."""
    try:
        # The mapping stays valid after the file is closed.
        with path.open("rb", buffering=0) as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _opened(memory)
    except (OSError, ValueError, struct.error):
        return Shard()


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


def _opened(memory: mmap.mmap) -> Shard:
    magic, length, checksum = _HEAD.unpack_from(memory)
    index = memory[_HEAD.size : _HEAD.size + length]
    if magic != _MAGIC or zlib.crc32(index) != checksum:
        raise ValueError("not a shard, or damaged")
    start = _aligned(_HEAD.size + length)
    words = np.frombuffer(
        memory, _WORD, count=(len(memory) - start) // _WORD.itemsize, offset=start
    )
    return Shard({entry["name"]: entry for entry in orjson.loads(index)}, words)


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
        "rows": len(entry.stamps),
        "columns": _columns(entry),
        "local": entry.stamps.is_local,
        "start": start,
        "sum": total,
    }


def _columns(entry: CacheEntry) -> int:
    return _VALUES + (1 if entry.stamps.offset is None else 2)


def _words(entry: CacheEntry) -> Iterator[NDArray[np.uint64]]:
    yield np.ascontiguousarray(entry.stamps.time, _TIME).view(_WORD)
    if entry.stamps.offset is not None:
        yield np.ascontiguousarray(entry.stamps.offset, _OFFSET).view(_WORD)
    yield np.ascontiguousarray(entry.values, _PRICE).reshape(-1).view(_WORD)


def _sum(words: NDArray[np.uint64]) -> int:
    """Return the sum modulo 2**64: cheaper than a CRC, and detects bit flips and zeroed pages."""
    return int(np.add.reduce(words))


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _padding(size: int) -> bytes:
    return bytes(_aligned(size) - size)
