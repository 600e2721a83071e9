"""The database file: how it is opened, and what its errors are in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import apsw

from glowback_trio.errors import StoreError

__all__ = ["connect", "failures_of", "transaction"]

# How long a statement waits for another program, such as the sqlite3 shell, to release the file.
_BUSY_MS = 1000
# What is left of the write-ahead log when it begins anew.
_LOG_BYTES = 1 << 25

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (apsw.FullError, "the disk is full"),
    (apsw.ReadOnlyError, "it, or its directory, is read-only"),
    (apsw.PermissionsError, "its permissions do not allow it"),
    (apsw.CantOpenError, "it cannot be opened; the directory must exist and be writable"),
    (apsw.BusyError, "another program holds a lock on it"),
    (apsw.LockedError, "another program holds a lock on it"),
    (apsw.NotADBError, "it is no SQLite database"),
    (apsw.CorruptError, "it is damaged"),
    (apsw.IOError, "the disk reports an error"),
)


def connect(path: Path, *, synchronous: str = "NORMAL", read_only: bool = False) -> apsw.Connection:
    """Open the file; where it does not exist, create it.

    Args:
        path: The file.
        synchronous: `NORMAL`: a commit survives the end of the process; `FULL`: a power cut, too.
        read_only: Open a file that exists, and never change it.
    """
    create = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    flags = apsw.SQLITE_OPEN_READONLY if read_only else create
    with ExitStack() as opened:
        connection = opened.enter_context(closing(apsw.Connection(str(path), flags=flags)))
        connection.set_busy_timeout(_BUSY_MS)
        if not read_only:
            connection.pragma("synchronous", synchronous)
            connection.pragma("journal_size_limit", _LOG_BYTES)
        # A connection that could not be set up is closed here: its file must not stay open.
        opened.pop_all()
    return connection


@contextmanager
def failures_of(path: Path) -> Iterator[None]:
    """Raise what SQLite reports in the block as `StoreError`, in plain words."""
    try:
        yield
    except apsw.Error as error:
        words = (text for kind, text in _WORDS if isinstance(error, kind))
        reason = next(words, "SQLite reports an error")
        raise StoreError(f"The store {path} cannot be used: {reason} ({error})") from error


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Make all the changes of the block, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself where the disk was full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
