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
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from attrs import field, frozen

from glowback_trio.data.cache.parsed_file import ParsedFile
from glowback_trio.data.cache.shard import Block, Shard, open_shard, write_shard
from glowback_trio.data.files.price_file import Format, PriceFile, version_of
from glowback_trio.data.rows import Rows
from glowback_trio.errors import DataError

__all__ = ["CACHE_NAME", "Cache", "Reader", "open_reader"]

#: The directory beside price files that holds their cache.
CACHE_NAME = ".glowback-cache"

_log = logging.getLogger(__name__)

_SHARDS = 16
_LARGE: Mapping[Format, int] = {"csv": 1 << 20, "parquet": 1 << 19}  # bytes: some 20,000 rows
_WORTH_A_MAP = 4 << 20  # bytes; a map takes a file descriptor for as long as its arrays are used
# Two changes within one tick of a file system's clock look like one. The coarsest tick is 2 s.
_TICK_NS = 2 * 10**9

#: Gets the rows of a price file; raises DataError where it cannot be read or has a bad cell.
Reader = Callable[[PriceFile], ParsedFile]


@contextmanager
def open_reader(
    home: Path | None,
    names: AbstractSet[str] = frozenset(),
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
    cache = Cache(home, names, checkpoint)
    try:
        yield cache.read
    except DataError:  # one bad file does not make the others' parsing vain
        cache.keep()
        raise
    cache.keep()


def _parse(file: PriceFile) -> ParsedFile:
    return ParsedFile.of(file.read())


@frozen(eq=False)
class Cache:
    """What is kept of the price files of one directory, as one load sees it.

    Attributes:
        home: The directory of the shards.
        names: The price files that are there; what was kept of others is dropped.
        checkpoint: Called before a shard is written; what it raises ends that.
        now: The time in nanoseconds since 1970.
        most_held: Bytes of what was parsed that may wait to be written.
    """

    home: Path
    names: AbstractSet[str]
    checkpoint: Callable[[], object] = lambda: None
    now: Callable[[], int] = time.time_ns
    most_held: int = 256 << 20
    # Mutable: the shared shards that this load has looked into, and what is to be kept in them.
    _shards: dict[str, Shard] = field(factory=dict, init=False, repr=False)
    _fresh: dict[str, list[Block]] = field(factory=dict, init=False, repr=False)

    def read(self, file: PriceFile) -> ParsedFile:
        """Get what is kept of a file, or read it.

        Raises:
            DataError: The file cannot be read, or has a bad cell or another symbol's rows.
        """
        place = _shard_of(file)
        shard = self._shards.get(place) or open_shard(self.home / place)
        if not _is_large(file):
            self._shards[place] = shard
        block = shard.take(file.path.name)
        if block is not None and block.version == file.version:
            return _unpacked(block, file)
        source = _digest(file.path)
        if block is not None and block.source == source:
            parsed = _unpacked(block, file)
        else:
            parsed = _parse(file).with_digest()
        if source is not None and self._is_settled(file):
            self._fresh.setdefault(place, []).append(_packed(parsed, file, source))
            if _is_large(file) or self._held() > self.most_held:
                self.keep()
        return parsed

    def keep(self) -> None:
        """Write down what was parsed since it was called last."""
        try:
            for place, fresh in self._fresh.items():
                self.checkpoint()
                self.home.mkdir(parents=True, exist_ok=True)
                shard = self._shards.pop(place, Shard())
                others = shard.index.keys() & self.names - {block.name for block in fresh}
                kept = [shard.take(name) for name in sorted(others)]
                write_shard(self.home / place, [*filter(None, kept), *fresh])
        except OSError as error:
            _log.info("Parsed prices are not kept: %s cannot be written: %s", self.home, error)
        self._fresh.clear()

    def _held(self) -> int:
        return sum(block.values.nbytes for fresh in self._fresh.values() for block in fresh)

    def _is_settled(self, file: PriceFile) -> bool:
        """Whether the file is still the one that was listed, and a later change would show."""
        try:
            unchanged = version_of(file.path.stat()) == file.version
        except OSError:
            return False
        return unchanged and self.now() - file.version[1] > _TICK_NS


def _is_large(file: PriceFile) -> bool:
    return file.version[0] >= _LARGE[file.format]


def _shard_of(file: PriceFile) -> str:
    name = file.path.name
    return f"{name if _is_large(file) else f'{zlib.crc32(name.encode()) % _SHARDS:02}'}.bars"


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # parsing says it better
        return None


def _packed(parsed: ParsedFile, file: PriceFile, source: str) -> Block:
    return Block(
        name=file.path.name,
        version=file.version,
        source=source,
        spacing=parsed.spacing,
        digest=parsed.digest,
        time=parsed.rows.time,
        values=parsed.rows.values,
    )


def _unpacked(block: Block, file: PriceFile) -> ParsedFile:
    held = block.values.nbytes >= _WORTH_A_MAP or not _is_large(file)
    rows = Rows(
        symbol=file.symbol,
        source=file.path.name,
        time=block.time if held else block.time.copy(),
        values=block.values if held else block.values.copy(),
        locate=file.locate(),
    )
    return ParsedFile(rows, block.spacing, block.digest)
