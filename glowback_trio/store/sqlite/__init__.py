"""SQLite: the store that keeps runs in one file, so that they survive the process.

Belongs here: the schema, the task that writes the file, queries, logs with their ends in memory.
Never here: what a run is, and when it starts again. No part of a file is ever unpickled.
May be imported by: `glowback_trio`, `server` and `cli`, by name: it brings APSW.
"""

from glowback_trio.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
