"""Stores of several gateways over one real database, with threads as a server has them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psycopg
from support.postgres_stores import new_store_database

from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store.postgres import PostgresStore

__all__ = ["expire", "opened_beside", "opened_stores"]


@asynccontextmanager
async def opened_stores(count: int) -> AsyncIterator[list[PostgresStore]]:
    """Open stores of so many gateways over one new database."""
    url = new_store_database()
    stores = [PostgresStore(url, commit_interval_s=0.0) for _ in range(count)]
    async with AsyncExitStack() as stack:
        for each in stores:
            await stack.enter_async_context(each.opened(make_registry()))
        yield stores


@asynccontextmanager
async def opened_beside(store: PostgresStore) -> AsyncIterator[PostgresStore]:
    """Open the store of one more gateway over the same database."""
    beside = PostgresStore(store.url, commit_interval_s=0.0)
    async with beside.opened(make_registry()):
        yield beside


def expire(store: PostgresStore) -> None:
    """Let the lease of a store's gateway expire."""
    assert store.cluster is not None
    past = "clock_timestamp() - interval '1 s'"
    with psycopg.connect(store.url) as connection:
        connection.execute(
            f"UPDATE gateways SET lease_until = {past} WHERE epoch = %s".encode(),
            (store.cluster.epoch,),
        )
