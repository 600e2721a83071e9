"""PostgreSQL: the store that several gateways share, in a database of a server.

Belongs here: the schema, what commits, queries, and what gateways of a cluster know of each other.
Never here: what a run is, and who computes it. No part of a database is ever unpickled.
May be imported by: `glowback_trio`, `server` and `cli`, by name: it needs the extra `postgres`.
"""

from glowback_trio.extras import POSTGRES

# Before any module of this package that imports it: the error says how to install it.
POSTGRES.load("psycopg")

from glowback_trio.store.postgres.store import PostgresStore  # noqa: E402

__all__ = ["PostgresStore"]
