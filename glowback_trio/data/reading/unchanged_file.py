"""Read a file that others may write at the same time: one version of it, never a mixture of two.

A file is read through one descriptor, so a file that is replaced by a rename is read to its end as
it was. Its version (size, times and inode) is compared before and after. Two traps remain, and for
both the file has to rest for a while before it is read:

- Two changes within one tick of the file system's clock leave the same times.
- A program that writes a large file in place may pause between two writes. Half of the new content
  then looks like a file at rest.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import closing
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

from attrs import field, frozen

from glowback_trio.data.reading.reader_errors import errors_named
from glowback_trio.errors import DataError

__all__ = [
    "ChangedFileError",
    "OpenedFile",
    "Version",
    "check_unchanged",
    "read_unchanged",
    "version_at_rest",
    "version_of",
]

T = TypeVar("T")

#: Size, times of the last change of the content and of the inode in ns since 1970, and inode.
Version = tuple[int, int, int, int]

# Linux stamps files by a clock that ticks every 1 to 10 ms.
_TICK_NS = 20 * 10**6
# File systems without fractions of seconds: FAT ticks every 2 s, HFS+ and ext3 every second.
_COARSE_TICK_NS = 2 * 10**9
# A file of this size is written by one call, or by a few with nothing in between.
_SMALL = 64 << 10
_PAUSE_NS = 250 * 10**6
_ATTEMPTS = 5
_PATIENCE_NS = 5 * 10**9
_NAP_S = 0.005


class ChangedFileError(DataError):
    """Raised when a file changes as often as it is read."""


@frozen(eq=False)
class OpenedFile:
    """A file that is being read.

    Attributes:
        path: Its path.
        content: Its content, from any position. Whoever reads it seeks first, and leaves it open.
        version: What it has to be again once it has been read.
    """

    path: Path
    content: BufferedReader = field(repr=False)
    version: Version

    @property
    def name(self) -> str:
        """Its name, for messages."""
        return self.path.name


def version_of(found: os.stat_result) -> Version:
    """Return the version of a file: a key for its content that needs no reading."""
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def read_unchanged(path: Path, read: Callable[[OpenedFile], T]) -> tuple[T, Version]:
    """Read a file, again if it changes meanwhile, and return its version as well.

    Args:
        path: The file.
        read: Reads it, possibly several times. What it raises counts only if nothing has changed:
            half of a new content is seldom a table.

    Raises:
        DataError: The file is no file or cannot be read, or `read` raised it.
        ChangedFileError: It does not stop changing.
    """
    give_up = time.monotonic_ns() + _PATIENCE_NS
    with errors_named(path.name):
        file = _open(path)
        try:
            for _ in range(_ATTEMPTS):
                version = _at_rest(path.name, file, give_up)
                file.seek(0)
                try:
                    found = read(OpenedFile(path, file, version))
                except Exception:
                    if _has_version(file, version):
                        raise
                else:
                    if _has_version(file, version):
                        return found, version
                # Nothing writes to a file that has lost its name: the next attempt succeeds.
                if os.fstat(file.fileno()).st_nlink:
                    file.close()
                    file = _open(path)
        finally:
            file.close()
    raise _changing(path.name)


def version_at_rest(path: Path) -> Version:
    """Return the version of a file that is going to be read in several passes.

    Raises:
        DataError: It is no file or cannot be read.
        ChangedFileError: It does not stop changing.
    """
    with errors_named(path.name), closing(_open(path)) as file:
        return _at_rest(path.name, file, time.monotonic_ns() + _PATIENCE_NS)


def check_unchanged(path: Path, version: Version) -> None:
    """Check that a file still has the version that `version_at_rest` returned.

    Raises:
        ChangedFileError: It has another one.
    """
    with errors_named(path.name):
        if version_of(path.stat()) != version:
            raise _changing(path.name)


def _has_version(file: BufferedReader, version: Version) -> bool:
    return version_of(os.fstat(file.fileno())) == version


def _open(path: Path) -> BufferedReader:
    # Nobody writes to a pipe that has taken the place of a file since it was listed.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise DataError(f"{path.name} cannot be read: it is not a regular file")
    return os.fdopen(descriptor, "rb")


def _at_rest(name: str, file: BufferedReader, give_up: int) -> Version:
    """Wait until a file has rested, and return its version.

    By the time of the inode, which no program can set, unlike that of the content. A clock that is
    ahead of this one, as that of a server of files may be, makes no difference: then the rest is
    counted from when this began to look.

    Raises:
        ChangedFileError: It changes for too long.
    """
    version = version_of(os.fstat(file.fileno()))
    looked = time.monotonic_ns()
    while True:
        rest = _rest_of(version)
        seen = time.monotonic_ns() - looked
        if seen >= rest or time.time_ns() - version[2] >= rest:
            return version
        if time.monotonic_ns() > give_up:
            raise _changing(name)
        time.sleep(_NAP_S)
        now = version_of(os.fstat(file.fileno()))
        if now != version:
            version, looked = now, time.monotonic_ns()


def _rest_of(version: Version) -> int:
    """Return how long a file has to rest, in nanoseconds."""
    size, changed, inode_changed, _inode = version
    if not (changed % 10**9 or inode_changed % 10**9):
        return _COARSE_TICK_NS
    return _TICK_NS if size <= _SMALL else _PAUSE_NS


def _changing(name: str) -> ChangedFileError:
    return ChangedFileError(
        f"{name} changes while it is read; write new prices into another file and rename that"
    )
