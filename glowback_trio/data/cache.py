"""What is kept of price files once they have been parsed, so that the next load only maps it.

A file counts as unchanged while its size, times and inode are; only when one of them differs is its
content's digest worked out, and only when that differs too is it parsed again. A cache changes
nothing but the time a load takes: where it cannot be written, there is none.

Small files share shards, for a file each would cost a file descriptor each while a run lasts;
a large one has its own, so that it is not written again because its neighbour has changed.
"""

from __future__ import annotations

import hashlib
import logging
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from glowback_trio.data.parsed import Parsed
from glowback_trio.data.price_file import Format, PriceFile, version_of
from glowback_trio.data.rows import Rows
from glowback_trio.data.shard import Block, Shard, open_shard, write_shard
from glowback_trio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["CACHE_NAME", "Cache", "Reader", "reading"]

CACHE_NAME = ".glowback-cache"
"""The directory beside price files that holds their cache."""

_log = logging.getLogger(__name__)

_LARGE: Mapping[Format, int] = {"csv": 8 << 20, "parquet": 3 << 20}  # bytes: some 150,000 rows
_SHARDS = 16
# Two changes within one tick of a file system's clock look like one. The coarsest tick is 2 s.
_TICK_NS = 2 * 10**9


Reader = Callable[[PriceFile], Parsed]
"""Gets the rows of a price file; raises DataError where it cannot be read or has a bad cell."""


@contextmanager
def reading(
    home: Path | None,
    names: Collection[str] = (),
    checkpoint: Callable[[], object] = lambda: None,
) -> Iterator[Reader]:
    """Read price files for the length of a load, at whose end what was parsed is kept.

    Args:
        home: The directory of the cache, made when there is something to keep; None: no cache.
        names: The price files that are there now; what was kept of others is dropped.
        checkpoint: Called before each shard is written; what it raises ends that.
    """
    if home is None:
        yield _parse
        return
    cache = Cache(home)
    try:
        yield cache.read
    except DataError:  # one bad file does not make the others' parsing vain
        cache.keep(names, checkpoint)
        raise
    cache.keep(names, checkpoint)


def _parse(file: PriceFile) -> Parsed:
    return Parsed.of(file.read())


@frozen(eq=False)
class Cache:
    """What is kept of the price files of one directory, as one load sees it.

    Attributes:
        home: The directory of the shards.
        now: The time in nanoseconds since 1970.
    """

    home: Path
    now: Callable[[], int] = time.time_ns
    # Mutable: the shards that this load has looked into, and the blocks that are to be kept.
    _shards: dict[str, Shard] = field(factory=dict, init=False, repr=False)
    _fresh: dict[str, dict[str, Block]] = field(factory=dict, init=False, repr=False)

    def read(self, file: PriceFile) -> Parsed:
        """Get what is kept of a file, or read it.

        Raises:
            DataError: The file cannot be read, or has a bad cell or another symbol's rows.
        """
        name, shard = file.path.name, _shard_of(file)
        if shard not in self._shards:
            self._shards[shard] = open_shard(self.home / shard)
        block = self._shards[shard].take(name)
        if block is not None and block.version == file.version:
            return _unpacked(block, file)
        source = _digest(file.path)
        if block is not None and block.source == source:
            parsed = _unpacked(block, file)
        else:
            parsed = _parse(file).judged()
        if source is not None and self._is_settled(file):
            self._fresh.setdefault(shard, {})[name] = _packed(parsed, file, source)
        return parsed

    def keep(self, names: Collection[str], checkpoint: Callable[[], object]) -> None:
        """Write down what was parsed; see `reading`."""
        try:
            for shard, fresh in self._fresh.items():
                checkpoint()
                self.home.mkdir(parents=True, exist_ok=True)
                others = self._shards[shard].index.keys() & names - fresh.keys()
                kept = [self._shards[shard].take(name) for name in sorted(others)]
                write_shard(self.home / shard, [*filter(None, kept), *fresh.values()])
        except OSError as error:
            _log.info("Parsed prices are not kept: %s cannot be written: %s", self.home, error)

    def _is_settled(self, file: PriceFile) -> bool:
        """Whether the file is still the one that was listed, and a later change would show."""
        try:
            unchanged = version_of(file.path.stat()) == file.version
        except OSError:
            return False
        return unchanged and self.now() - file.version[1] > _TICK_NS


def _shard_of(file: PriceFile) -> str:
    name = file.path.name
    small = f"{zlib.crc32(name.encode()) % _SHARDS:02}"
    return f"{name if file.version[0] >= _LARGE[file.format] else small}.bars"


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # parsing says it better
        return None


def _packed(parsed: Parsed, file: PriceFile, source: str) -> Block:
    return Block(
        name=file.path.name,
        version=file.version,
        source=source,
        spacing=parsed.spacing,
        digest=parsed.digest,
        time=parsed.rows.time,
        values=parsed.rows.values,
    )


def _unpacked(block: Block, file: PriceFile) -> Parsed:
    rows = Rows(
        symbol=file.symbol,
        source=file.path.name,
        time=block.time,
        values=block.values,
        locate=file.locate(),
    )
    return Parsed(rows, block.spacing, block.digest)
