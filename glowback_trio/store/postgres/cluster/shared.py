"""What the gateways of a database share besides runs: keys of requests, tickets, and rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import psycopg
from attrs import define, field

from glowback_trio.store.postgres.cluster.asking import AsksAsMember
from glowback_trio.store.postgres.cluster.leases import check_lease
from glowback_trio.store.shared_state import KeyClaim

__all__ = ["PostgresShared"]

# A claim whose gateway lives and neither begins nor gives up is broken after this.
_OLD_CLAIM = "10 minutes"
# Rows of callers that have spent nothing for so long are removed.
_OLD_RATE = "10 minutes"
# Rows are looked at again for so long: a transaction may end after a later one.
_OVERLAP = "5 seconds"
# Callers and gateways whose totals are remembered. Whose is not may be counted once more.
_MOST_SEEN = 100_000


@define(eq=False)
class PostgresShared:
    """Keys, tickets and rates in tables of a database.

    Args:
        asking: Asks the database.
    """

    _asking: AsksAsMember
    #: What each other gateway had spent in all when it was last seen, by caller and epoch.
    _seen: dict[tuple[str, int], int] = field(factory=dict, init=False)
    _seen_at: datetime | None = field(default=None, init=False)
    #: What could not be told.
    _untold: Counter[str] = field(factory=Counter, init=False)

    async def claim_key(self, claim: KeyClaim) -> KeyClaim:
        """Return the claim that holds for a key from now on."""
        found: KeyClaim = await self._asking.ask_as_member(_claim_key, claim)
        return found

    async def release_key(self, claim: KeyClaim) -> None:
        """Let a claim hold no longer."""
        await self._asking.ask(_release_key, claim)

    async def keep_ticket(self, digest: bytes, holder: str, seconds: float) -> None:
        """Keep a ticket."""
        await self._asking.ask(_keep_ticket, digest, holder, seconds)

    async def take_ticket(self, digest: bytes) -> str | None:
        """Use a ticket up, and return its holder."""
        found: str | None = await self._asking.ask(_take_ticket, digest)
        return found

    async def exchange_rates(self, spent: Mapping[str, int]) -> Mapping[str, int]:
        """Tell the others what callers have spent here since the last time; return theirs."""
        self._untold.update(spent)
        told = dict(self._untold)
        first = self._seen_at is None
        rows, self._seen_at = await self._asking.ask_as_member(_exchange, told, self._seen_at)
        self._untold.subtract(told)
        self._untold += Counter()  # which leaves out what is zero
        return self._spent_since(rows, first=first)

    def _spent_since(self, rows: list[tuple[str, int, int]], *, first: bool) -> Counter[str]:
        """Return what others have spent since their rows were seen before; at first nothing."""
        others: Counter[str] = Counter()
        for caller, epoch, total in rows:
            before = self._seen.get((caller, epoch), 0)
            # A row that was removed meanwhile has begun again.
            others[caller] += 0 if first else total - (before if before <= total else 0)
        seen = {(caller, epoch): total for caller, epoch, total in rows}
        self._seen = seen if len(self._seen) > _MOST_SEEN else self._seen | seen
        return +others


def _claim_key(connection: psycopg.Connection, epoch: int, claim: KeyClaim) -> KeyClaim:
    with connection.transaction():
        check_lease(connection, epoch)
        while True:
            row = connection.execute(
                "INSERT INTO idempotency_keys AS held (kind, key, id, digest, epoch) "
                "VALUES (%s, %s, %s, %s, %s) ON CONFLICT (kind, key) DO UPDATE SET "
                "id = excluded.id, digest = excluded.digest, epoch = excluded.epoch, "
                "made_at = now() WHERE held.epoch = excluded.epoch "
                f"OR held.made_at < now() - interval '{_OLD_CLAIM}' OR NOT EXISTS "
                "(SELECT FROM gateways WHERE gateways.epoch = held.epoch AND NOT fenced) "
                "RETURNING id",
                (claim.kind, claim.key, claim.nonce, claim.digest, epoch),
            ).fetchone()
            if row is not None:
                return claim
            other = connection.execute(
                "SELECT digest, id FROM idempotency_keys WHERE kind = %s AND key = %s",
                (claim.kind, claim.key),
            ).fetchone()
            if other is not None:  # else it was released in between
                return KeyClaim(claim.kind, claim.key, *other)


def _release_key(connection: psycopg.Connection, claim: KeyClaim) -> None:
    connection.execute(
        "DELETE FROM idempotency_keys WHERE kind = %s AND key = %s AND id = %s",
        (claim.kind, claim.key, claim.nonce),
    )


def _keep_ticket(
    connection: psycopg.Connection, digest: bytes, holder: str, seconds: float
) -> None:
    connection.execute("DELETE FROM tickets WHERE until < clock_timestamp()")
    connection.execute(
        "INSERT INTO tickets (digest, holder, opens, until) "
        "VALUES (%s, %s, 'stream', clock_timestamp() + make_interval(secs => %s))",
        (digest, holder, seconds),
    )


def _take_ticket(connection: psycopg.Connection, digest: bytes) -> str | None:
    row = connection.execute(
        "DELETE FROM tickets WHERE digest = %s RETURNING holder, until > clock_timestamp()",
        (digest,),
    ).fetchone()
    return str(row[0]) if row is not None and row[1] else None


def _exchange(
    connection: psycopg.Connection, epoch: int, spent: Mapping[str, int], since: datetime | None
) -> tuple[list[tuple[str, int, int]], datetime]:
    """Add to one's own rows; return the rows of others that have changed, and the time."""
    callers = sorted(spent)  # in one order, so that no two gateways wait for each other
    with connection.transaction():
        if callers:
            connection.execute(
                "INSERT INTO rates (client, epoch, spent) SELECT client, %s, spent "
                "FROM unnest(%s::text[], %s::float8[]) AS new (client, spent) "
                "ON CONFLICT (client, epoch) DO UPDATE "
                "SET spent = rates.spent + excluded.spent, at = clock_timestamp()",
                (epoch, callers, [spent[caller] for caller in callers]),
            )
        connection.execute(f"DELETE FROM rates WHERE at < now() - interval '{_OLD_RATE}'")
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None, "a clock has a time"
        rows = connection.execute(
            "SELECT client, epoch, spent::bigint FROM rates WHERE epoch <> %s "
            f"AND (%s::timestamptz IS NULL OR at >= %s::timestamptz - interval '{_OVERLAP}')",
            (epoch, since, since),
        ).fetchall()
    return rows, row[0]
