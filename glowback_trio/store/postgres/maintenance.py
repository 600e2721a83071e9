"""Looking after a store in a database: its contents, its soundness, runs that are taken out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from attrs import frozen

from glowback_trio.errors import GlowbackError, StoreError
from glowback_trio.store.inspection import (
    StoredCounts,
    check_optimizations,
    check_run,
    export_run,
)
from glowback_trio.store.postgres import queries
from glowback_trio.store.postgres.optimizations import rows
from glowback_trio.store.postgres.optimizations.ledger import broken_entry
from glowback_trio.store.postgres.schema import check_version
from glowback_trio.wire.exports.run_export import RunExport

__all__ = ["DatabaseInfo", "check_database", "database_info", "export_from_database"]

_CONNECT_S = 10
# Not those that were forgotten, whose rows are removed later.
_COUNTS = """
SELECT run_id, seq, event_count,
    (SELECT coalesce(sum(count), 0)::bigint FROM event_batches WHERE run = seq),
    finished_at IS NOT NULL, EXISTS (SELECT FROM results WHERE run = seq)
FROM runs WHERE run_id IS NOT NULL ORDER BY seq
"""
_INFO = """
SELECT pg_database_size(current_database()),
    (SELECT coalesce(sum(event_count), 0)::bigint FROM runs WHERE run_id IS NOT NULL),
    (SELECT count(*) FROM results JOIN runs ON run = seq WHERE run_id IS NOT NULL),
    (SELECT count(*) FROM optimizations WHERE optimization_id IS NOT NULL),
    (SELECT coalesce(sum(trials), 0)::bigint FROM ledger),
    (SELECT count(*) FROM gateways WHERE NOT fenced AND lease_until > clock_timestamp())
"""


@frozen
class DatabaseInfo:
    """The contents of a store, counted.

    Attributes:
        version: Version of the schema.
        states: Number of runs by state.
        size: Bytes of the database.
        events: Number of events.
        results: Number of results of runs.
        optimizations: Number of optimizations.
        trials: Trials that the ledger has counted.
        gateways: Gateways whose lease lives.
    """

    version: int
    states: Mapping[str, int]
    size: int
    events: int
    results: int
    optimizations: int
    trials: int
    gateways: int


def database_info(url: str) -> DatabaseInfo:
    """Look at a store, which may be in use.

    Raises:
        StoreError: It cannot be reached, or is no store that this package knows.
    """
    with _opened(url) as connection:
        states = "SELECT state, count(*) FROM runs WHERE run_id IS NOT NULL GROUP BY state"
        counted = connection.execute(_INFO).fetchone()
        assert counted is not None, "it selects one row"
        by_state = dict(connection.execute(states).fetchall())
        return DatabaseInfo(check_version(connection), by_state, *counted)


def check_database(url: str) -> Iterator[str]:
    """Read a whole store, which may be in use, and yield a sentence for everything that is wrong.

    The checksum of every batch of events, the laws of every log with its digest, every result, and
    the chain of the ledger of trials are checked.

    Raises:
        StoreError: It cannot be reached, or is no store that this package knows.
    """
    with _opened(url) as connection:
        for row in connection.execute(_COUNTS).fetchall():
            run = StoredCounts(*row)
            try:
                check_run(queries, connection, run)
            except (GlowbackError, ValueError, KeyError) as error:
                yield f"Run {run.run_id}: {error}"
        yield from check_optimizations(rows, queries, connection, _stored)
        if (broken := broken_entry(connection)) is not None:
            yield f"The ledger of trials: {broken.reason}"


def _stored(connection: psycopg.Connection[Any], seq: int) -> int:
    sql = "SELECT coalesce(sum(count), 0)::bigint FROM event_batches WHERE run = %s"
    row = connection.execute(sql, (seq,)).fetchone()
    assert row is not None, "an aggregate has one row"
    return int(row[0])


def export_from_database(url: str, run_id: str) -> RunExport:
    """Return a finished run of a store, which may be in use, as an export.

    Raises:
        UnknownRunError: There is no such run.
        NotReadyError: It has not ended.
        StoreError: The store cannot be reached, is none that this package knows, or is damaged.
    """
    with _opened(url) as connection:
        return export_run(queries, connection, run_id)


@contextmanager
def _opened(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Open a store for reading, all of it as of one moment.

    Raises:
        StoreError: It cannot be reached, or is no store that this package knows.
    """
    try:
        with psycopg.connect(url, connect_timeout=_CONNECT_S) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            if check_version(connection) == 0:
                database = connection.info.dbname
                raise StoreError(f"The database {database} is empty: no gateway has opened it yet")
            yield connection
    except psycopg.Error as error:
        raise StoreError(f"The database cannot be read: {error}".rstrip()) from error
