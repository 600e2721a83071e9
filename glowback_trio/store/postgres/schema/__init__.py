"""Schema: the tables of the store, one numbered SQL file per version.

Belongs here: SQL files, and the function that applies those that a database lacks.
Never here: queries. A file that was released never changes: a change is a further file.
May be imported by: `store.postgres`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import psycopg

from glowback_trio.errors import StoreError

__all__ = ["SCRIPTS", "check_version", "upgrade"]

#: The text of every schema file, in order: a database of version n has had the first n.
SCRIPTS: tuple[str, ...] = tuple(
    each.read_text(encoding="utf-8")
    for each in sorted(files(__name__).iterdir(), key=lambda each: each.name)
    if each.name.endswith(".sql")
)

# "gbt1" in ASCII: the advisory lock that one upgrade at a time holds.
_LOCK = 0x67627431


def check_version(connection: psycopg.Connection, scripts: Sequence[str] = SCRIPTS) -> int:
    """Return the version of a database; 0 if it has no table. Changes nothing.

    Raises:
        StoreError: It is another program's, or of a newer version than this package knows.
    """
    database = connection.info.dbname
    if _first(connection, "SELECT to_regclass('glowback_schema')") is None:
        if _first(connection, _ANY_TABLE) is not None:
            raise StoreError(
                f"The database {database} has tables of another program: name an empty database, "
                "or one of a glowback-trio server"
            )
        return 0
    version = int(_first(connection, "SELECT version FROM glowback_schema") or 0)
    if version > len(scripts):
        raise StoreError(
            f"The database {database} has version {version}, and this package knows versions up to "
            f"{len(scripts)}: use the version of the package that wrote it, or a newer one"
        )
    return version


_ANY_TABLE = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() LIMIT 1"


def upgrade(connection: psycopg.Connection, scripts: Sequence[str] = SCRIPTS) -> None:
    """Apply the schema files that a database lacks: all of them or, where one fails, none.

    Raises:
        StoreError: See `check_version`; the database is as it was.
    """
    if check_version(connection, scripts) == len(scripts):
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        # Checked once more, with the lock: another gateway may have been here meanwhile.
        version = check_version(connection, scripts)
        if version == 0:
            connection.execute(b"CREATE TABLE glowback_schema (version integer NOT NULL)")
            connection.execute(b"INSERT INTO glowback_schema VALUES (0)")
        for script in scripts[version:]:
            connection.execute(script.encode())
        connection.execute(b"UPDATE glowback_schema SET version = %s", (len(scripts),))


def _first(connection: psycopg.Connection, sql: str) -> Any:
    row = connection.execute(sql.encode()).fetchone()
    return None if row is None else row[0]
