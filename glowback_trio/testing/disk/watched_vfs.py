"""SQLite's way to the disk, watched: every operation on a file is told before it is carried out.

Who is told may note it, or raise what the disk would report instead. Only connections that are
opened while a disk is watched go this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import apsw
from attrs import frozen

__all__ = ["Operation", "watched_files"]

# By its name: an empty one is the default, which is the watched one itself.
_BASE = "unix"
_NAME = "watched"

Kind = Literal[
    "open", "create", "read", "write", "truncate", "sync", "lock", "delete", "sync directory"
]


@frozen
class Operation:
    """One operation on one file.

    Attributes:
        kind: What is done; `create` is an `open` of a file that is not there yet. `sync directory`
            makes certain that a file was deleted.
        name: The file's name, without its directory.
        offset: Where it is written, or where it is cut off.
        data: What is written.
    """

    kind: Kind
    name: str
    offset: int = 0
    data: bytes = b""


Tell = Callable[[Operation], object]


@contextmanager
def watched_files(tell: Tell) -> Iterator[None]:
    """Let connections that are opened in the block tell what they do to files.

    Args:
        tell: Called before each operation. What it raises, the disk reports.
    """
    vfs = _WatchedVfs(tell)
    try:
        yield
    finally:
        vfs.unregister()


class _WatchedVfs(apsw.VFS):
    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        super().__init__(_NAME, _BASE, makedefault=True)

    def xOpen(  # noqa: N802 - SQLite's name
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:  # a temporary file, which no power cut can hurt
            return super().xOpen(name, flags)
        kind: Kind = "open" if Path(path).exists() else "create"
        self._tell(Operation(kind, Path(path).name))
        return _WatchedFile(name, flags, Path(path).name, self._tell)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802 - SQLite's call
        self._tell(Operation("delete", Path(filename).name))
        super().xDelete(filename, syncdir)
        if syncdir:
            self._tell(Operation("sync directory", Path(filename).name))


class _WatchedFile(apsw.VFSFile):
    def __init__(
        self, name: str | apsw.URIFilename | None, flags: list[int], label: str, tell: Tell
    ) -> None:
        self._label, self._tell = label, tell
        super().__init__(_BASE, name, flags)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        self._tell(Operation("read", self._label, offset))
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        self._tell(Operation("write", self._label, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        self._tell(Operation("truncate", self._label, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._tell(Operation("sync", self._label))
        super().xSync(flags)

    def xLock(self, level: int) -> None:  # noqa: N802 - SQLite's name
        self._tell(Operation("lock", self._label))
        try:
            super().xLock(level)
        except apsw.IOError:
            # A read-only connection that closes tries for a lock that it cannot have. SQLite takes
            # that for an answer; of what is raised here it does so only with this.
            raise apsw.BusyError("read-only") from None
