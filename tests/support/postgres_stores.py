"""Stores in PostgreSQL on new databases, with or without threads."""

from __future__ import annotations

import psycopg
from support.postgres import new_database
from support.sqlite_files import call_inline

from glowback_trio.store.postgres import PostgresStore
from glowback_trio.store.postgres.schema import upgrade

__all__ = ["inline_postgres_store", "new_store_database"]


def new_store_database() -> str:
    """Make a database that has the tables of a store, and return its URL."""
    return new_database(_upgrade)


def _upgrade(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        upgrade(connection)


def inline_postgres_store(url: str | None = None) -> PostgresStore:
    """A store that works on the event loop; on a new database unless one is given."""
    url = url or new_store_database()
    return PostgresStore(url, commit_interval_s=0.0, call_in_thread=call_inline)
