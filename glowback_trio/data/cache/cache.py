"""The cache of parsed price files: which entries are valid, and when they are written.

A price file counts as unchanged while its size, times and inode are unchanged. If one of them
differs, the digest of its content is computed; only if that differs too is the file parsed again. A
cache changes nothing but the time of a load: if it cannot be written, there is none.

Small files share shards, because each shard is one more file to open and to write. A large file has
a shard of its own, so that a change of another file does not rewrite it.
"""

from __future__ import annotations

import hashlib
import logging
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from attrs import evolve, field, frozen

from glowback_trio.data.cache.parsed_file import ParsedFile
from glowback_trio.data.cache.shard import CacheEntry, Shard, open_shard, write_shard
from glowback_trio.data.files.price_file import FileFormat, PriceFile
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.unchanged_file import OpenedFile, Version, read_unchanged
from glowback_trio.data.rows import Rows
from glowback_trio.errors import DataError
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["CACHE_NAME", "Cache", "Reader", "open_reader"]

#: Name of the default cache directory, inside the directory of the price files.
CACHE_NAME = ".glowback-cache"

_log = logging.getLogger(__name__)

_SHARDS = 16
_LARGE: Mapping[FileFormat, int] = {"csv": 1 << 20, "parquet": 1 << 19}  # bytes: about 20,000 rows
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
    limits: FileLimits = DEFAULT_LIMITS,
    wanted: Sequence[PriceFile] = (),
) -> Iterator[Reader]:
    """Open a reader of price files for one load, and write new entries at its end.

    Args:
        home: The directory of the cache, created with its first entry; None: no cache.
        names: The existing price files; entries of other files are dropped.
        checkpoint: Called before a shard is written; an exception that it raises ends the writing.
        limits: How much a file may hold.
        wanted: The files that will be read, as far as it is known: many of them are read at once.
    """
    if home is None:
        yield lambda file: ParsedFile.of(file.read(limits))
        return
    cache = Cache(home, names, checkpoint, limits=limits)
    cache.read_ahead(wanted)
    try:
        yield cache.read
    except DataError:  # the other files have been parsed all the same
        cache.flush()
        raise
    cache.flush()


@frozen(eq=False)
class Cache:
    """The cache of one directory of price files, for the length of one load.

    Attributes:
        home: The directory of the shards.
        names: The existing price files; entries of other files are dropped.
        checkpoint: Called before a shard is written; an exception that it raises ends the writing.
        limits: How much a file may hold.
        now: Returns the time in nanoseconds since 1970.
        max_pending: Bytes of new entries that may be in memory before they are written.
    """

    home: Path
    names: AbstractSet[str]
    checkpoint: Callable[[], object] = lambda: None
    limits: FileLimits = DEFAULT_LIMITS
    now: Callable[[], int] = time.time_ns
    max_pending: int = 256 << 20
    # Mutable: the shared shards opened by this load, the new entries of each shard, and the entries
    # of files that were read ahead, None where there is no sound one.
    _shards: dict[str, Shard] = field(factory=dict, init=False, repr=False)
    _pending: dict[str, list[CacheEntry]] = field(factory=dict, init=False, repr=False)
    _ahead: dict[str, CacheEntry | None] = field(factory=dict, init=False, repr=False)
    _known: dict[str, Stamps] = field(factory=dict, init=False, repr=False)

    def read_ahead(self, files: Sequence[PriceFile]) -> None:
        """Read the shared shards that files make up at least half of, into one piece of memory.

        The system gives a large piece in large pages, and one by one it takes three times as long.

        Args:
            files: What will be read soon.
        """
        wanted: defaultdict[str, list[PriceFile]] = defaultdict(list)
        for file in files:
            if not _is_large(file):
                wanted[_shard_of(file)].append(file)
        lengths = {}
        for name, own in wanted.items():
            shard = self._shards[name] = open_shard(self.home / name)
            total = shard.words
            if total and 2 * sum(shard.words_of(file.name) for file in own) >= total:
                lengths[name] = total
        memory = np.empty(8 * sum(lengths.values()), np.uint8).data
        # From here on nobody can write to it, so bars need no copies of their own.
        words, start = np.frombuffer(memory.toreadonly(), np.uint64), 0
        for name, length in lengths.items():
            self.checkpoint()
            shard = self._shards[name]
            read = shard.read_into(memory[start * 8 : (start + length) * 8])
            part = words[start : start + read // 8]
            # Summed up at once, while the processor's caches still hold what has been read.
            for file in wanted[name]:
                self._ahead[file.name] = shard.take(file.name, part, self._known)
            start += length

    def read(self, file: PriceFile) -> ParsedFile:
        """Return a file's entry, or read the file.

        Raises:
            DataError: The file cannot be read, or has a bad cell or another symbol's rows.
        """
        entry = self._ahead.pop(file.name) if file.name in self._ahead else self._entry(file)
        if entry is not None and entry.version == file.version:
            return _unpacked(entry, file)
        fresh, version = read_unchanged(file.path, partial(self._read_again, file, entry))
        parsed, source = fresh
        # The file may have changed since it was listed: what was read is what is kept.
        read = evolve(file, version=version)
        if self._is_settled(version):
            pending = self._pending.setdefault(_shard_of(file), [])
            pending.append(_packed(parsed, read, source))
            if _is_large(file) or self._pending_bytes() > self.max_pending:
                self.flush()
        return parsed

    def _entry(self, file: PriceFile) -> CacheEntry | None:
        name = _shard_of(file)
        shard = self._shards.get(name) or open_shard(self.home / name)
        if not _is_large(file):
            self._shards[name] = shard
        return shard.take(file.name, known=self._known)

    def _read_again(
        self, file: PriceFile, entry: CacheEntry | None, opened: OpenedFile
    ) -> tuple[ParsedFile, str]:
        """Return what a file holds, from its entry if that has the same content, and its digest."""
        source = hashlib.file_digest(opened.content, "sha256").hexdigest()
        read = evolve(file, version=opened.version)
        if entry is not None and entry.source == source:
            return _unpacked(entry, read), source
        return ParsedFile.of(read.rows_in(self.limits, opened)).with_digest(), source

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

    def _is_settled(self, version: Version) -> bool:
        """Return True if a later change of a file would show."""
        return self.now() - version[1] > _TICK_NS


def _is_large(file: PriceFile) -> bool:
    return file.version[0] >= _LARGE[file.format]


def _shard_of(file: PriceFile) -> str:
    return f"{file.name}.bars" if _is_large(file) else _shared_shard(file.name)


@lru_cache(maxsize=1 << 16)
def _shared_shard(name: str) -> str:
    # CRC-32 only spreads the names evenly and identically in every process; `hash` would not.
    return f"{zlib.crc32(name.encode()) % _SHARDS:02}.bars"


def _packed(parsed: ParsedFile, file: PriceFile, source: str) -> CacheEntry:
    return CacheEntry(
        name=file.name,
        version=file.version,
        source=source,
        spacing=parsed.spacing,
        digest=parsed.digest,
        is_plain=parsed.is_plain,
        stamps=parsed.rows.stamps,
        values=parsed.rows.values,
    )


def _unpacked(entry: CacheEntry, file: PriceFile) -> ParsedFile:
    rows = Rows(
        symbol=file.symbol,
        source=file.name,
        stamps=entry.stamps,
        values=entry.values,
        locate=file.locate(),
    )
    return ParsedFile(rows, entry.spacing, entry.digest, entry.is_plain)
