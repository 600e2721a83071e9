"""Claims: who holds a run or an optimization, and the queue of those that have not begun.

Functions of a connection, for threads: all of them block.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import psycopg

from glowback_trio.store.cluster import Held, Lease, LeftOut, Named
from glowback_trio.store.postgres.cluster.kinds import KINDS, NOBODY, by_kind
from glowback_trio.store.postgres.cluster.leases import check_lease, committing, find_leases

__all__ = [
    "claim",
    "claim_queued",
    "find_changed",
    "find_free",
    "find_holders",
    "find_origin",
    "find_positions",
    "find_queued",
    "release",
]

# Who has taken a run out of the queue has it for so long before others may take it in turn. It may
# then be given the run once more itself: the answer may have been lost with its connection.
_TAKEN = "5 s"
# What was changed in transactions that had begun before the clock was read may be seen later only.
_NOW = (
    "SELECT least(clock_timestamp(), min(xact_start)) - interval '100 ms' FROM pg_stat_activity "
    "WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
)
_WAITS = (
    "run_id IS NOT NULL AND finished_at IS NULL AND state = 'queued' AND NOT begun AND NOT paused "
    "AND event_count > 0"
)
# Runs without a fingerprint are left out by their ids alone.
_LEFT_OUT = "(coalesce(fingerprint = ANY(%(fingerprints)s), false) OR run_id = ANY(%(run_ids)s))"
_QUEUED = (
    f"{_WAITS} AND NOT {_LEFT_OUT} AND CASE "
    f"WHEN {NOBODY} THEN true "
    "WHEN taken_at IS NULL THEN held_by <> %(epoch)s "
    f"ELSE taken_at < clock_timestamp() - interval '{_TAKEN}' END"
)
# Of each owner the first gets the place after those that the owner has running, and so on.
_CLAIM_QUEUED = f"""
WITH running AS (
    SELECT owner, count(*) AS n FROM runs
    WHERE finished_at IS NULL AND (begun OR taken_at IS NOT NULL) GROUP BY owner
), ranked AS (
    SELECT seq, priority, coalesce(n, 0) + row_number() OVER
        (PARTITION BY runs.owner ORDER BY priority DESC, seq) AS place
    FROM runs LEFT JOIN running ON running.owner = runs.owner WHERE {_QUEUED}
), picked AS (
    SELECT runs.seq FROM runs JOIN ranked ON ranked.seq = runs.seq WHERE {_QUEUED}
    ORDER BY ranked.priority DESC, place, ranked.seq LIMIT %(most)s
    FOR UPDATE OF runs SKIP LOCKED
)
UPDATE runs SET held_by = %(epoch)s, taken_at = clock_timestamp(), changed_at = clock_timestamp()
FROM picked JOIN ranked ON ranked.seq = picked.seq WHERE runs.seq = picked.seq
RETURNING -ranked.priority, place, runs.seq, run_id, owner, fingerprint
"""


def claim(connection: psycopg.Connection, epoch: int, named: Named) -> int | None:
    """Hold something; return how many events its log has, or None where another one holds it.

    Raises:
        FencedError: The lease is fenced.
    """
    name, identity = named
    kind = KINDS[name]
    values = {"epoch": epoch, "kind": name, "id": identity}
    with connection.transaction():
        check_lease(connection, epoch)
        claimed = connection.execute(
            f"UPDATE {kind.table} SET held_by = %(epoch)s, begun = true, "
            f"changed_at = clock_timestamp() WHERE {kind.id} = %(id)s "
            f"AND (held_by = %(epoch)s OR {NOBODY}) AND EXISTS "
            "(SELECT FROM work WHERE kind = %(kind)s AND id = %(id)s AND NOT ended)",
            values,
        )
        if claimed.rowcount == 0:
            return None
        return find_positions(connection, [named])[named]


def claim_queued(
    connection: psycopg.Connection, epoch: int, most: int, left_out: LeftOut
) -> list[Held]:
    """Hold queued runs that nobody has begun; the one that should run first comes first.

    Raises:
        FencedError: The lease is fenced.
    """
    values = {"epoch": epoch, "most": most, **_lists(left_out)}
    with connection.transaction():
        check_lease(connection, epoch)
        rows = connection.execute(_CLAIM_QUEUED, values).fetchall()
    ranked = sorted(rows, key=lambda row: row[:3])
    return [Held(("run", run_id), owner, fingerprint=bars) for *_, run_id, owner, bars in ranked]


def _lists(left_out: LeftOut) -> dict[str, Any]:
    return {"fingerprints": list(left_out.fingerprints), "run_ids": list(left_out.run_ids)}


def find_queued(connection: psycopg.Connection, left_out: LeftOut) -> list[Held]:
    """Return what is left out of the queue, whoever holds it, oldest first."""
    rows = connection.execute(
        f"SELECT run_id, owner, fingerprint FROM runs WHERE {_WAITS} AND {_LEFT_OUT} ORDER BY seq",
        _lists(left_out),
    )
    return [Held(("run", run_id), owner, fingerprint=bars) for run_id, owner, bars in rows]


def find_origin(connection: psycopg.Connection, named: Named) -> Held | None:
    """Return what was kept of the origin of something; None if it is not there."""
    kind = KINDS[named[0]]
    row = connection.execute(
        f"SELECT owner, paused, fingerprint FROM {kind.table} WHERE {kind.id} = %s", named[1:]
    ).fetchone()
    return None if row is None else Held(named, *row)


def release(connection: psycopg.Connection, epoch: int, named: Collection[Named]) -> None:
    """Hold these no longer; runs that have not begun are queued again.

    Raises:
        FencedError: The lease is fenced.
    """
    with connection.transaction():
        check_lease(connection, epoch)
        for _, kind, ids in by_kind(named):
            connection.execute(
                f"UPDATE {kind.table} SET held_by = NULL, begun = {kind.begun}, taken_at = NULL, "
                f"changed_at = clock_timestamp() WHERE {kind.id} = ANY(%s) AND held_by = %s",
                (ids, epoch),
            )


def find_holders(
    connection: psycopg.Connection, named: Collection[Named]
) -> dict[Named, Lease | None]:
    """Return who holds what has not ended."""
    leases = {lease.epoch: lease for lease in find_leases(connection)}
    rows = _work_of(connection, named, "held_by", "NOT ended")
    return {each: leases.get(held_by) for each, held_by in rows}


def find_free(connection: psycopg.Connection) -> list[Held]:
    """Return what nobody holds and has not ended, but for queued runs; oldest first."""
    rows = connection.execute(
        "SELECT kind, id, owner, paused, CASE kind "
        "WHEN 'run' THEN (SELECT fingerprint FROM runs WHERE run_id = id) "
        "ELSE (SELECT fingerprint FROM optimizations WHERE optimization_id = id) END "
        f"FROM work WHERE NOT ended AND NOT queued AND {NOBODY} ORDER BY seq"
    )
    return [Held((kind, identity), *rest) for kind, identity, *rest in rows]


def find_positions(connection: psycopg.Connection, named: Collection[Named]) -> dict[Named, int]:
    """Return how many events the newest logs of these have."""
    return dict(_work_of(connection, named, "event_count", "true"))


def _work_of(
    connection: psycopg.Connection, named: Collection[Named], column: str, condition: str
) -> list[tuple[Named, Any]]:
    found: list[tuple[Named, Any]] = []
    for name, _, ids in by_kind(named):
        rows = connection.execute(
            f"SELECT kind, id, {column} FROM work WHERE kind = %s AND id = ANY(%s) AND {condition}",
            (name, ids),
        )
        found += [((kind, identity), value) for kind, identity, value in rows]
    return found


def find_changed(
    connection: psycopg.Connection, epoch: int, since: datetime | None
) -> tuple[list[Named], datetime]:
    """Return what was changed by others since a time, and the time to ask since the next time."""
    row = connection.execute(_NOW).fetchone()
    assert row is not None, "an aggregate has one row"
    if since is None:
        return [], row[0]
    rows = connection.execute(
        "SELECT kind, id FROM changes WHERE at >= %(since)s AND made_by <> %(me)s "
        "UNION SELECT kind, id FROM work WHERE NOT ended AND changed_at >= %(since)s "
        "AND held_by IS DISTINCT FROM %(epoch)s",
        {"since": since, "me": committing(epoch), "epoch": epoch},
    )
    return [(kind, identity) for kind, identity in rows], row[0]
