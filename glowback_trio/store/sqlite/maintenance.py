"""What an operator does with a store's file: look at it, check it, give back free space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
from attrs import frozen

from glowback_trio.errors import GlowbackError, LogError, StoreError
from glowback_trio.model.instant import utc_now
from glowback_trio.model.invariants import assert_sound
from glowback_trio.store.sqlite.database import connect, failures_of
from glowback_trio.store.sqlite.lock import held
from glowback_trio.store.sqlite.queries import read_events, read_result
from glowback_trio.store.sqlite.schema import check_version

__all__ = ["StoreInfo", "check_store", "compact_store", "store_info"]

# Not those that were forgotten, whose rows are removed later.
_KNOWN = "(SELECT * FROM runs WHERE run_id IS NOT NULL)"


@frozen
class StoreInfo:
    """What is in a store's file.

    Attributes:
        version: Version of the schema.
        size: Bytes of the file and of the write-ahead log beside it.
        free: Bytes of it that `compact_store` would give back.
        states: Number of runs by state.
        events: Number of events.
        results: Number of results.
    """

    version: int
    size: int
    free: int
    states: Mapping[str, int]
    events: int
    results: int


def store_info(path: Path) -> StoreInfo:
    """Look at a store, which may be in use.

    Raises:
        StoreError: There is no file, or it is no store that this package knows.
    """
    with _opened(path) as connection:
        states = f"SELECT state, count(*) FROM {_KNOWN} GROUP BY state"
        free = connection.pragma("freelist_count") * connection.pragma("page_size")
        beside = path.with_name(path.name + "-wal")
        return StoreInfo(
            version=check_version(connection),
            size=path.stat().st_size + (beside.stat().st_size if beside.exists() else 0),
            free=free,
            states=dict(connection.execute(states)),
            events=connection.execute(f"SELECT ifnull(sum(event_count), 0) FROM {_KNOWN}").get,
            results=connection.execute(
                f"SELECT count(*) FROM results JOIN {_KNOWN} ON run = seq"
            ).get,
        )


def check_store(path: Path) -> Iterator[str]:
    """Read a whole store, which may be in use, and yield a sentence for everything that is wrong.

    The database itself, the checksum of every batch of events, the laws of every log with its
    digest, and every result are checked.

    Raises:
        StoreError: There is no file, or it is no store that this package knows.
    """
    with _opened(path) as connection:
        connection.execute("BEGIN")  # all of it as of one moment
        for (finding,) in connection.execute("PRAGMA integrity_check"):
            if finding != "ok":
                yield f"The database: {finding}"
        runs = f"SELECT seq, run_id, event_count, finished_at FROM {_KNOWN}"
        for seq, run_id, count, finished_at in connection.execute(runs):
            try:
                _check_run(connection, seq, run_id, count, ended=finished_at is not None)
            except (GlowbackError, ValueError, KeyError) as error:
                yield f"Run {run_id}: {error}"


def _check_run(
    connection: apsw.Connection, seq: int, run_id: str, count: int, *, ended: bool
) -> None:
    batches = "SELECT ifnull(sum(count), 0) FROM event_batches WHERE run = ?"
    if (found := connection.execute(batches, (seq,)).get) != count:
        raise LogError(f"{found:,} events are stored, and {count:,} are noted")
    if count:
        assert_sound(read_events(connection, seq, 0, count), ended=ended)
    if connection.execute("SELECT 1 FROM results WHERE run = ?", (seq,)).get:
        read_result(connection, run_id)


def compact_store(path: Path) -> None:
    """Give the free space of a store that is not in use back to the disk.

    Raises:
        StoreError: It is in use, or cannot be written.
    """
    with _opened(path):
        pass  # no other program's database is touched
    with held(path, utc_now()), failures_of(path), closing(connect(path)) as connection:
        # From then on a server gives space back by itself, which it cannot in files of version 1.
        connection.pragma("auto_vacuum", 2)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    """Open a store for reading.

    Raises:
        StoreError: There is no file, or it is no store that this package knows.
    """
    if not path.exists():
        raise StoreError(f"There is no store {path}")
    with failures_of(path), closing(connect(path, read_only=True)) as connection:
        if check_version(connection) == 0:
            raise StoreError(f"{path} is empty: no gateway has opened it yet")
        yield connection
