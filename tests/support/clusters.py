"""Members of a cluster over a real database, without the stores that they belong to.

Rule: rows of runs and optimizations are written as a store writes them; all else is asked of
`PostgresCluster`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg
import trio
from attrs import define, field
from support.postgres_stores import new_store_database

from glowback_trio.errors import StoreError
from glowback_trio.store.cluster import Named
from glowback_trio.store.durable.statement import Statement
from glowback_trio.store.postgres.cluster.membership import PostgresCluster
from glowback_trio.store.postgres.cutting import Watch

__all__ = ["Member", "changes_of", "joined"]


@define(eq=False)
class Member:
    """A gateway's part in a cluster, and what it asks of its store.

    Attributes:
        cluster: What is tested.
        holding: What the store was told is held, and after how many events.
    """

    url: str
    cluster: PostgresCluster = field(init=False)
    holding: list[tuple[Named, int]] = field(factory=list)
    dropped: int = 0

    def __attrs_post_init__(self) -> None:
        connect = partial(psycopg.connect, self.url, autocommit=True, application_name="news")
        self.cluster = PostgresCluster(self.ask, self, connect, trio.to_thread.run_sync, Watch())

    async def ask(self, function: Callable[..., Any], /, *args: Any) -> Any:
        return await trio.to_thread.run_sync(self._ask, function, args)

    def _ask(self, function: Callable[..., Any], args: Any) -> Any:
        try:
            with psycopg.connect(self.url, autocommit=True) as connection:
                return function(connection, *args)
        except psycopg.Error as error:
            raise StoreError(f"The database cannot be used: {error}") from error

    def add(self, *statements: Statement) -> None:
        raise AssertionError("only a store writes")

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()

    async def drop_pending(self) -> None:
        self.dropped += 1
        await trio.lowlevel.checkpoint()

    def begin_holding(self, named: Named, event_count: int) -> None:
        self.holding.append((named, event_count))

    async def submit(self, *run_ids: str, owner: str = "", **columns: Any) -> None:
        """Write the rows of new runs, held by this member unless another holder is given."""
        given = {"held_by": self.cluster.epoch, "event_count": 1, **columns}
        for run_id in run_ids:
            await self.insert(
                "runs", run_id=run_id, owner=owner, strategy="s", symbols=["A"], **given
            )

    async def insert(self, table: str, **columns: Any) -> int:
        """Write a row with the next number and return that."""
        names, places = ", ".join(columns), ", ".join(["%s"] * len(columns))
        sql = (
            f"INSERT INTO {table} (seq, {names}) VALUES (nextval('row_numbers'), {places}) "
            "RETURNING seq"
        )
        [seq] = await self.sql(sql, *columns.values())
        return int(seq[0])

    async def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        def ask(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

        found: list[tuple[Any, ...]] = await self.ask(ask)
        return found

    async def expire(self, other: Member) -> None:
        """Let the lease of another member expire."""
        past = "clock_timestamp() - interval '1 s'"
        sql = f"UPDATE gateways SET lease_until = {past} WHERE epoch = %s"
        await self.sql(sql, other.cluster.epoch)


@asynccontextmanager
async def joined(count: int, url: str | None = None) -> AsyncIterator[list[Member]]:
    """Let so many members join the cluster of a database; a new one unless it is given."""
    members = [Member(url or new_store_database())]
    members += [Member(members[0].url) for _ in range(count - 1)]
    async with trio.open_nursery() as nursery:
        for each in members:
            await each.cluster.join()
            nursery.start_soon(each.cluster.news.listen_for_ever)
            nursery.start_soon(each.cluster.news.tell_for_ever)
        yield members
        nursery.cancel_scope.cancel()


def changes_of(found: tuple[Any, Any]) -> set[Named]:
    return set(found[0])
