"""Leases: rows that gateways renew by the clock of the database, and that others fence.

Functions of a connection, for threads: all of them block.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import psycopg

from glowback_trio.store.cluster import LEASE_S, FencedError, Held, Lease
from glowback_trio.store.postgres.cluster.kinds import KINDS, Kind

__all__ = [
    "check_lease",
    "committing",
    "fence",
    "fenced_error",
    "find_leases",
    "join",
    "leave",
    "renew",
]

# Fenced leases, claims of keys, and news of changes that nobody has needed for so long are removed.
_OLD_LEASE, _OLD_CLAIM, _OLD_CHANGE = "1 hour", "1 day", "10 minutes"
# A fence waits for a commit that is under way for so long before it ends that.
_PATIENCE_MS = 2000
_UNTIL = f"clock_timestamp() + interval '{LEASE_S} s'"


def fenced_error(epoch: int) -> FencedError:
    """Return the error of a gateway that was fenced."""
    return FencedError(
        f"Gateway {epoch} was paused or cut off for longer than its lease of {LEASE_S:g} s; others "
        "have taken over what it held"
    )


def committing(epoch: int) -> str:
    """Return the name that a connection has while a gateway commits."""
    return f"glowback-trio commit {epoch}"


def join(connection: psycopg.Connection, name: str, address: str | None, version: str) -> int:
    """Begin a lease and return its epoch."""
    with connection.transaction():
        connection.execute(
            f"DELETE FROM gateways WHERE lease_until < clock_timestamp() - interval '{_OLD_LEASE}' "
            "AND fenced"
        )
        connection.execute(
            f"DELETE FROM idempotency_keys WHERE made_at < now() - interval '{_OLD_CLAIM}'"
        )
        row = connection.execute(
            "INSERT INTO gateways (name, address, version, lease_until) "
            f"VALUES (%s, %s, %s, {_UNTIL}) RETURNING epoch",
            (name, address, version),
        ).fetchone()
        assert row is not None, "an insertion returns its row"
        connection.execute("INSERT INTO commits (epoch) VALUES (%s)", row)
    return int(row[0])


def renew(connection: psycopg.Connection, epoch: int, address: str | None) -> bool:
    """Let a lease live on; False if it was fenced."""
    connection.execute(
        f"DELETE FROM changes WHERE at < clock_timestamp() - interval '{_OLD_CHANGE}'"
    )
    renewed = connection.execute(
        f"UPDATE gateways SET lease_until = {_UNTIL}, address = %s WHERE epoch = %s AND NOT fenced",
        (address, epoch),
    )
    return renewed.rowcount == 1


def check_lease(connection: psycopg.Connection, epoch: int) -> None:
    """Check that a lease is not fenced, and keep it from being fenced during the transaction.

    The transaction gets the name by which a fence finds and ends it, should it hang.

    Raises:
        FencedError: It is.
    """
    sql = (
        "SELECT set_config('application_name', %s, true) FROM gateways "
        "WHERE epoch = %s AND NOT fenced FOR KEY SHARE"
    )
    if connection.execute(sql, (committing(epoch), epoch)).fetchone() is None:
        raise fenced_error(epoch)


def find_leases(connection: psycopg.Connection) -> list[Lease]:
    """Return the leases that are not fenced, oldest first."""
    rows = connection.execute(
        "SELECT epoch, name, address, version, started_at, "
        "extract(epoch FROM lease_until - clock_timestamp())::float8, "
        "(SELECT count(*) FROM work WHERE held_by = gateways.epoch AND NOT ended) "
        "FROM gateways WHERE NOT fenced ORDER BY epoch"
    )
    return [Lease(*row) for row in rows]


def fence(connection: psycopg.Connection, epoch: int, others: Collection[int]) -> list[Held]:
    """Fence those leases that have expired; return what they held and has not ended.

    Raises:
        FencedError: One's own lease is fenced.
    """
    try:
        return _fence(connection, epoch, others)
    except psycopg.errors.LockNotAvailable:
        # A gateway that was frozen in the middle of a commit holds its lease's lock for ever.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = ANY(%s)",
            ([committing(each) for each in others],),
        )
        return _fence(connection, epoch, others)


def _fence(connection: psycopg.Connection, epoch: int, others: Collection[int]) -> list[Held]:
    with connection.transaction():
        check_lease(connection, epoch)
        connection.execute(f"SET LOCAL lock_timeout = {_PATIENCE_MS}")
        # FOR UPDATE waits for commits that are under way, which hold FOR KEY SHARE.
        rows = connection.execute(
            "SELECT epoch FROM gateways WHERE epoch = ANY(%s) AND NOT fenced "
            "AND lease_until < clock_timestamp() ORDER BY epoch FOR UPDATE",
            (list(others),),
        )
        return _let_go(connection, [expired for (expired,) in rows])


def leave(connection: psycopg.Connection, epoch: int) -> None:
    """End a lease of one's own, and hold nothing any more."""
    with connection.transaction():
        connection.execute("SELECT FROM gateways WHERE epoch = %s FOR UPDATE", (epoch,))
        _let_go(connection, [epoch])


def _let_go(connection: psycopg.Connection, epochs: Sequence[int]) -> list[Held]:
    """Mark leases as fenced, and what they held as held by nobody; return that."""
    if not epochs:
        return []
    connection.execute("UPDATE gateways SET fenced = true WHERE epoch = ANY(%s)", (epochs,))
    return [held for name, kind in KINDS.items() for held in _free(connection, name, kind, epochs)]


def _free(
    connection: psycopg.Connection, name: str, kind: Kind, epochs: Sequence[int]
) -> list[Held]:
    rows = connection.execute(
        f"UPDATE {kind.table} SET held_by = NULL, begun = {kind.begun}, "
        "changed_at = clock_timestamp() WHERE held_by = ANY(%(epochs)s) AND "
        f"{kind.id} IN (SELECT id FROM work WHERE kind = %(kind)s AND NOT ended "
        f"AND held_by = ANY(%(epochs)s)) RETURNING seq, {kind.id}, owner",
        {"epochs": list(epochs), "kind": name},
    )
    found = sorted(rows.fetchall())
    return [
        Held(("run" if name == "run" else "optimization", each), owner) for _, each, owner in found
    ]
