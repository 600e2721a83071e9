"""Looking after a store's file: its contents, its soundness, its free space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
from attrs import frozen

from glowback_trio.errors import GlowbackError, StoreError
from glowback_trio.model.instant import utc_now
from glowback_trio.store.inspection import StoredCounts, check_run, export_run
from glowback_trio.store.sqlite import queries
from glowback_trio.store.sqlite.database import connect, failures_of
from glowback_trio.store.sqlite.lock import held
from glowback_trio.store.sqlite.optimizations.checks import check_optimizations
from glowback_trio.store.sqlite.schema import check_version
from glowback_trio.wire.exports.run_export import RunExport

__all__ = ["StoreInfo", "backup_store", "check_store", "compact_store", "export_from_store"]
__all__ += ["store_info"]

# Version of the schema that brought optimizations and the ledger of trials.
_OPTIMIZATIONS = 5

# Not those that were forgotten, whose rows are removed later.
_KNOWN = "(SELECT * FROM runs WHERE run_id IS NOT NULL)"
_COUNTS = f"""
SELECT run_id, seq, event_count,
    (SELECT ifnull(sum(count), 0) FROM event_batches WHERE run = seq),
    finished_at IS NOT NULL, EXISTS (SELECT 1 FROM results WHERE run = seq)
FROM {_KNOWN}
"""


@frozen
class StoreInfo:
    """The contents of a store's file, counted.

    Attributes:
        version: Version of the schema.
        size: Bytes of the file and of the write-ahead log beside it.
        free: Bytes of it that `compact_store` would give back.
        states: Number of runs by state.
        events: Number of events.
        results: Number of results of runs.
        optimizations: Number of optimizations.
        trials: Trials that the ledger has counted.
    """

    version: int
    size: int
    free: int
    states: Mapping[str, int]
    events: int
    results: int
    optimizations: int
    trials: int


def store_info(path: Path) -> StoreInfo:
    """Look at a store, which may be in use.

    Raises:
        StoreError: There is no file, or it is no store that this package knows.
    """
    with _opened(path) as connection:
        states = f"SELECT state, count(*) FROM {_KNOWN} GROUP BY state"
        free = connection.pragma("freelist_count") * connection.pragma("page_size")
        version = check_version(connection)
        searched, tried = _searches(connection) if version >= _OPTIMIZATIONS else (0, 0)
        beside = path.with_name(path.name + "-wal")
        return StoreInfo(
            version=version,
            size=path.stat().st_size + (beside.stat().st_size if beside.exists() else 0),
            free=free,
            states=dict(connection.execute(states)),
            events=connection.execute(f"SELECT ifnull(sum(event_count), 0) FROM {_KNOWN}").get,
            results=connection.execute(
                f"SELECT count(*) FROM results JOIN {_KNOWN} ON run = seq"
            ).get,
            optimizations=searched,
            trials=tried,
        )


def _searches(connection: apsw.Connection) -> tuple[int, int]:
    """Return the number of optimizations, and of the trials that the ledger has counted."""
    known = "SELECT count(*) FROM optimizations WHERE optimization_id IS NOT NULL"
    trials = "SELECT ifnull(sum(trials), 0) FROM ledger"
    return connection.execute(known).get, connection.execute(trials).get


def check_store(path: Path) -> Iterator[str]:
    """Read a whole store, which may be in use, and yield a sentence for everything that is wrong.

    The database itself, the checksum of every batch of events, the laws of every log with its
    digest, every result, and the chain of the ledger of trials are checked.

    Raises:
        StoreError: There is no file, or it is no store that this package knows.
    """
    with _opened(path) as connection:
        connection.execute("BEGIN")  # all of it as of one moment
        for (finding,) in connection.execute("PRAGMA integrity_check"):
            if finding != "ok":
                yield f"The database: {finding}"
        for row in connection.execute(_COUNTS):
            run = StoredCounts(*row)
            try:
                check_run(queries, connection, run)
            except (GlowbackError, ValueError, KeyError) as error:
                yield f"Run {run.run_id}: {error}"
        if check_version(connection) >= _OPTIMIZATIONS:
            yield from check_optimizations(connection)


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


def export_from_store(path: Path, run_id: str) -> RunExport:
    """Return a finished run of a store, which may be in use, as an export.

    Raises:
        UnknownRunError: There is no such run.
        NotReadyError: It has not ended.
        StoreError: There is no file, it is no store that this package knows, or it is damaged.
    """
    with _opened(path) as connection:
        connection.execute("BEGIN")  # all of it as of one moment
        return export_run(queries, connection, run_id)


def backup_store(path: Path, copy: Path) -> None:
    """Copy a store, which may be in use, as of one moment into a new file.

    Raises:
        StoreError: There is no store, the copy exists already, or it cannot be written.
    """
    if copy.exists():
        raise StoreError(f"{copy} exists already: name a file that does not")
    partial = copy.with_name(f"{copy.name}.partial")
    partial.unlink(missing_ok=True)
    with (
        _opened(path) as connection,
        failures_of(copy),
        closing(connect(partial, synchronous="FULL")) as written,
    ):
        # In one step: a reader of the log holds no writer up, and sees one moment.
        with written.backup("main", connection, "main") as backup:
            backup.step()
        # One file instead of three, until somebody opens it.
        written.pragma("journal_mode", "delete")
    partial.rename(copy)
