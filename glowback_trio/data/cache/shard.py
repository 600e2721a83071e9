"""Files of parsed prices, whose arrays are mapped into memory rather than read.

A shard begins with a magic word, the length of its index and the index's CRC-32. Then comes the
index, as JSON, and after it, each aligned, the blocks: a block is the times and the five columns of
one price file. A shard is written under another name and renamed, so that nobody ever sees half of
one, and is never changed afterwards: whoever has mapped it keeps what it was. What a crash or a bad
disk does to it shows, for every block has a sum over its words that is looked at when it is taken.
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
from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.request import Resolution

__all__ = ["Block", "Shard", "open_shard", "write_shard"]

_HEAD = struct.Struct("<8sII")
_MAGIC = b"glowbar1"
_ALIGN = 64  # bytes: a cache line
_WORD, _TIME, _PRICE = np.dtype("<u8"), np.dtype("<M8[ns]"), np.dtype("<f8")
_COLUMNS = 6


@frozen(eq=False)
class Block:
    """What is kept of one price file.

    Attributes:
        name: The file's name.
        version: Which version of it was read.
        source: SHA-256 of its content, as hex.
        spacing: See `ParsedFile`, as for `digest`.
        time: (R,) datetime64[ns].
        values: (5, R) float64.
    """

    name: str
    version: Version
    source: str
    spacing: Resolution | None
    digest: str | None
    time: Times = field(repr=False)
    values: Floats = field(repr=False)


@frozen(eq=False)
class Shard:
    """A mapped shard.

    Attributes:
        index: What is known of each block, by the name of its file.
        words: (W,) the blocks.
    """

    index: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    words: NDArray[np.uint64] = field(factory=lambda: np.empty(0, _WORD), repr=False)

    def take(self, name: str) -> Block | None:
        """A block, or None when it is not there or not as it was written."""
        if (entry := self.index.get(name)) is None:
            return None
        rows = entry["rows"]
        words = self.words[entry["start"] : entry["start"] + rows * _COLUMNS]
        if len(words) != rows * _COLUMNS or _sum(words) != entry["sum"]:
            return None
        return Block(
            name=name,
            version=tuple(entry["version"]),
            source=entry["source"],
            spacing=entry["spacing"],
            digest=entry["digest"],
            time=words[:rows].view(_TIME),
            values=words[rows:].view(_PRICE).reshape(_COLUMNS - 1, rows),
        )


def open_shard(path: Path) -> Shard:
    """Map a shard; an empty one where there is none, or none that can be used."""
    try:
        with path.open("rb", buffering=0) as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return _opened(memory)
    except (OSError, ValueError, struct.error):
        return Shard()


def write_shard(path: Path, blocks: Sequence[Block]) -> None:
    """Write blocks, in place of a shard that may be there.

    Readable by the same user alone, who may be the only one that may read the prices.

    Raises:
        OSError: It cannot be written; what was there is as it was.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        draft = Path(file.name)
        try:
            file.writelines(_pieces(blocks))
            file.flush()
            draft.replace(path)
        except BaseException:
            draft.unlink()
            raise


def _opened(memory: mmap.mmap) -> Shard:
    magic, length, checksum = _HEAD.unpack_from(memory)
    index = memory[_HEAD.size : _HEAD.size + length]
    if magic != _MAGIC or zlib.crc32(index) != checksum:
        raise ValueError("another kind of file, or a damaged one")
    start = _aligned(_HEAD.size + length)
    words = np.frombuffer(
        memory, _WORD, count=(len(memory) - start) // _WORD.itemsize, offset=start
    )
    return Shard({entry["name"]: entry for entry in orjson.loads(index)}, words)


def _pieces(blocks: Sequence[Block]) -> Iterator[Any]:
    """The bytes of a shard, block by block."""
    entries, start = [], 0
    for block in blocks:
        entries.append(_entry(block, start))
        start = _aligned(start * 8 + block.values.shape[1] * _COLUMNS * 8) // 8
    index = orjson.dumps(entries)
    head = _HEAD.pack(_MAGIC, len(index), zlib.crc32(index)) + index
    yield head
    yield _padding(len(head))
    for block in blocks:
        for words in _words(block):
            yield words.data
        yield _padding(len(block.time) * _COLUMNS * 8)


def _entry(block: Block, start: int) -> Mapping[str, Any]:
    total = sum(_sum(words) for words in _words(block)) % 2**64
    return {
        "name": block.name,
        "version": block.version,
        "source": block.source,
        "spacing": block.spacing,
        "digest": block.digest,
        "rows": len(block.time),
        "start": start,
        "sum": total,
    }


def _words(block: Block) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    time = np.ascontiguousarray(block.time, _TIME).view(_WORD)
    return time, np.ascontiguousarray(block.values, _PRICE).reshape(-1).view(_WORD)


def _sum(words: NDArray[np.uint64]) -> int:
    """Modulo 2 ** 64: a fraction of what a CRC costs, and no bit flips or page of zeros escapes."""
    return int(np.add.reduce(words))


def _aligned(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def _padding(size: int) -> bytes:
    return bytes(_aligned(size) - size)
