"""The cache of parsed price files: which entries are valid, and when they are written.

A price file counts as unchanged while its size, times and inode are unchanged. If one of them
differs, the digest of its content is computed; only if that differs too is the file parsed again. A
cache changes nothing but the time of a load: if it cannot be written, there is none.

Small files share shards, because each mapped file costs a file descriptor for the length of a run.
A large file has a shard of its own, so that a change of another file does not rewrite it.
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
from glowback_trio.data.cache.shard import CacheEntry, Shard, open_shard, write_shard
from glowback_trio.data.files.price_file import FileFormat, PriceFile, version_of
from glowback_trio.data.rows import Rows
from glowback_trio.errors import DataError

__all__ = ["CACHE_NAME", "Cache", "Reader", "open_reader"]

#: Name of the default cache directory, inside the directory of the price files.
CACHE_NAME = ".glowback-cache"

_log = logging.getLogger(__name__)

_SHARDS = 16
_LARGE: Mapping[FileFormat, int] = {"csv": 1 << 20, "parquet": 1 << 19}  # bytes: about 20,000 rows
_WORTH_MAPPING = 4 << 20  # bytes; a mapping holds a file descriptor while its arrays are in use
# Two changes within one tick of the file system's clock get the same times. The coarsest known tick
# is 2 s (FAT), so a file is cached only when its last change is older than that.
_TICK_NS = 2 * 10**9

#: Returns the rows of a price file; raises DataError if it cannot be read or has a bad cell.
Reader = Callable[[PriceFile], ParsedFile]


@contextmanager
def open_reader(
    home: Path | None,
    names: AbstractSet[str] = frozenset(),
    checkpoint: Callable[[], object] = lambda: None,
) -> Iterator[Reader]:
    """Open a reader of price files for one load, and write new entries at its end.

    Args:
        home: The directory of the cache, created with its first entry; None: no cache.
        names: The existing price files; entries of other files are dropped.
        checkpoint: Called before a shard is written; an exception that it raises ends the writing.
    """
    if home is None:
        yield _parse
        return
    cache = Cache(home, names, checkpoint)
    try:
        yield cache.read
    except DataError:  # the other files have been parsed all the same
        cache.flush()
        raise
    cache.flush()


def _parse(file: PriceFile) -> ParsedFile:
    return ParsedFile.of(file.read())


@frozen(eq=False)
class Cache:
    """The cache of one directory of price files, for the length of one load.

    Attributes:
        home: The directory of the shards.
        names: The existing price files; entries of other files are dropped.
        checkpoint: Called before a shard is written; an exception that it raises ends the writing.
        now: Returns the time in nanoseconds since 1970.
        max_pending: Bytes of new entries that may be in memory before they are written.
    """

    home: Path
    names: AbstractSet[str]
    checkpoint: Callable[[], object] = lambda: None
    now: Callable[[], int] = time.time_ns
    max_pending: int = 256 << 20
    # Mutable: the shared shards opened by this load, and the new entries of each shard.
    _shards: dict[str, Shard] = field(factory=dict, init=False, repr=False)
    _pending: dict[str, list[CacheEntry]] = field(factory=dict, init=False, repr=False)

    def read(self, file: PriceFile) -> ParsedFile:
        """Return a file's entry, or read the file.

        Raises:
            DataError: The file cannot be read, or has a bad cell or another symbol's rows.
        """
        shard_name = _shard_of(file)
        shard = self._shards.get(shard_name) or open_shard(self.home / shard_name)
        if not _is_large(file):
            self._shards[shard_name] = shard
        entry = shard.take(file.path.name)
        if entry is not None and entry.version == file.version:
            return _unpacked(entry, file)
        source = _digest(file.path)
        if entry is not None and entry.source == source:
            parsed = _unpacked(entry, file)
        else:
            parsed = _parse(file).with_digest()
        # The digest was computed before the file was parsed. If the file changed in between, its
        # version has changed as well, so `_is_settled` keeps the pair out of the cache.
        if source is not None and self._is_settled(file):
            self._pending.setdefault(shard_name, []).append(_packed(parsed, file, source))
            if _is_large(file) or self._pending_bytes() > self.max_pending:
                self.flush()
        return parsed

    def flush(self) -> None:
        """Write the new entries to their shards. Failures are logged, not raised."""
        try:
            for name, entries in self._pending.items():
                self.checkpoint()
                self.home.mkdir(parents=True, exist_ok=True)
                shard = self._shards.pop(name, Shard())
                others = shard.index.keys() & self.names - {entry.name for entry in entries}
                kept = [shard.take(other) for other in sorted(others)]
                write_shard(self.home / name, [*filter(None, kept), *entries])
        except OSError as error:
            _log.info("Parsed prices are not cached: %s cannot be written: %s", self.home, error)
        self._pending.clear()

    def _pending_bytes(self) -> int:
        return sum(entry.values.nbytes for entries in self._pending.values() for entry in entries)

    def _is_settled(self, file: PriceFile) -> bool:
        """Return True if the file is as it was listed, and a later change would show."""
        try:
            unchanged = version_of(file.path.stat()) == file.version
        except OSError:
            return False
        return unchanged and self.now() - file.version[1] > _TICK_NS


def _is_large(file: PriceFile) -> bool:
    return file.version[0] >= _LARGE[file.format]


def _shard_of(file: PriceFile) -> str:
    name = file.path.name
    # CRC-32 only spreads the names evenly and identically in every process; `hash` would not.
    return f"{name if _is_large(file) else f'{zlib.crc32(name.encode()) % _SHARDS:02}'}.bars"


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # parsing will raise with a better message
        return None


def _packed(parsed: ParsedFile, file: PriceFile, source: str) -> CacheEntry:
    return CacheEntry(
        name=file.path.name,
        version=file.version,
        source=source,
        spacing=parsed.spacing,
        digest=parsed.digest,
        stamps=parsed.rows.stamps,
        values=parsed.rows.values,
    )


def _unpacked(entry: CacheEntry, file: PriceFile) -> ParsedFile:
    # Arrays of a shared shard stay mapped: its file descriptor is shared by many of them.
    mapped = entry.values.nbytes >= _WORTH_MAPPING or not _is_large(file)
    rows = Rows(
        symbol=file.symbol,
        source=file.path.name,
        stamps=entry.stamps if mapped else entry.stamps.copy(),
        values=entry.values if mapped else entry.values.copy(),
        locate=file.locate(),
    )
    return ParsedFile(rows, entry.spacing, entry.digest)
