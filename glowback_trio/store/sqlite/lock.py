"""The lock that keeps a second server from a store, and says who has it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import apsw

from glowback_trio.errors import StoreError
from glowback_trio.model.instant import stamp
from glowback_trio.store.sqlite.database import connect, failures_of

__all__ = ["held"]


@contextmanager
def held(path: Path, now: datetime) -> Iterator[None]:
    """Hold the lock of a store for the length of a block; the end of the process releases it, too.

    The lock is the write lock of a small database beside the store: it is the same on every system,
    no child process inherits it, and what it holds, the holder's name, can be read meanwhile.

    Raises:
        StoreError: Another gateway holds it, or its file cannot be written.
    """
    with failures_of(path):
        connection = connect(path.with_name(path.name + "-lock"))
    try:
        connection.set_busy_timeout(0)
        try:
            with failures_of(path):
                _take(connection, now)
        except StoreError as error:
            if isinstance(error.__cause__, apsw.BusyError):
                raise StoreError(
                    f"The store {path} is open in another gateway: {_holder(connection)}; "
                    "end it, or name another file"
                ) from None
            raise
        yield
    finally:
        connection.close()


def _take(connection: apsw.Connection, now: datetime) -> None:
    name = f"process {os.getpid()} on {socket.gethostname()}, since {stamp(now)}"
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("CREATE TABLE IF NOT EXISTS holder (name TEXT)")
    connection.execute("DELETE FROM holder; INSERT INTO holder VALUES (?)", (name,))
    connection.execute("COMMIT; BEGIN IMMEDIATE")


def _holder(connection: apsw.Connection) -> str:
    try:
        return str(next(connection.execute("SELECT name FROM holder"))[0])
    except (apsw.Error, StopIteration):  # it is writing its name at this moment
        return "it began just now"
