"""Schema: the tables of the store, one numbered SQL file per version.

Belongs here: SQL files, and the function that applies those that a database lacks.
Never here: queries. A file that was released never changes: a change is a further file.
May be imported by: `store.sqlite`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import apsw

from glowback_trio.errors import StoreError
from glowback_trio.store.sqlite.database import transaction

__all__ = ["SCRIPTS", "check_version", "upgrade"]

# "gbt1" in ASCII: it tells files of this package from other SQLite databases.
_APPLICATION = 0x67627431

#: The text of every schema file, in order: a database of version n has had the first n.
SCRIPTS: tuple[str, ...] = tuple(
    each.read_text(encoding="utf-8")
    for each in sorted(files(__name__).iterdir(), key=lambda each: each.name)
    if each.name.endswith(".sql")
)


def check_version(connection: apsw.Connection, scripts: Sequence[str] = SCRIPTS) -> int:
    """Return the version of a database; 0 if it is empty. Changes nothing.

    Raises:
        StoreError: It is another program's, or of a newer version than this package knows.
    """
    version = int(connection.pragma("user_version"))
    if connection.pragma("application_id") != _APPLICATION:
        if next(connection.execute("SELECT 1 FROM sqlite_schema"), None) is not None:
            raise StoreError(f"{connection.filename} is a database of another program")
        return 0
    if version > len(scripts):
        raise StoreError(
            f"{connection.filename} has version {version}, and this package knows versions up to "
            f"{len(scripts)}: use the version of the package that wrote it, or a newer one"
        )
    return version


def upgrade(connection: apsw.Connection, scripts: Sequence[str] = SCRIPTS) -> None:
    """Apply the schema files that a database lacks: all of them or, where one fails, none.

    Raises:
        StoreError: See `check_version`; the database is as it was.
    """
    if check_version(connection, scripts) == len(scripts):
        return
    # Before the first table: in a file that has one it would count only after `VACUUM`.
    if check_version(connection, scripts) == 0:
        connection.pragma("auto_vacuum", 2)  # incremental: space can be given back in steps
    # Outside the transaction: SQLite allows it nowhere else.
    connection.pragma("journal_mode", "wal")
    with transaction(connection):
        # Checked once more, with the lock: another process may have been here meanwhile.
        for script in scripts[check_version(connection, scripts) :]:
            connection.execute(script)
        connection.pragma("application_id", _APPLICATION)
        connection.pragma("user_version", len(scripts))
