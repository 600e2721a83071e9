"""The committer: makes the changes of one commit in a SQLite file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import apsw
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.store.durable.writer import Group
from glowback_trio.store.sqlite.database import failures_of, transaction
from glowback_trio.store.sqlite.statements import append_events

__all__ = ["Committer"]

# How long the write-ahead log may become: 256 MB.
_MOST_LOG_PAGES = 1 << 16


@define(eq=False)
class Committer:
    """Makes changes, a group of them in each transaction.

    Args:
        path: The database's file.
        connection: A connection to it that nothing else uses.
    """

    path: Path
    connection: apsw.Connection
    #: The pages that the write-ahead log has since the last commit.
    log_pages: int = field(default=0, init=False)
    _identity: tuple[int, int] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._identity = self._find_identity()
        # Instead of SQLite's own checkpoints, which come within a commit.
        self.connection.set_wal_hook(self._note_log)

    def write(self, group: Group) -> None:
        """Make all the changes in one transaction. Blocks."""
        with failures_of(self.path):
            if self._find_identity() != self._identity:
                raise StoreError(f"The store {self.path} cannot be used: its file was replaced")
            with transaction(self.connection):
                logs = [(log.of, (log.row.value, events)) for log, events in group.events]
                events = append_events(
                    [each for of, each in logs if of == "runs"],
                    [each for of, each in logs if of == "attempts"],
                )
                for statement in (*group.statements, *events):
                    # To its end: some pragmas do a part of their work at each row.
                    self.connection.execute(statement.sql, statement.values).fetchall()
            group.written = True  # here, so that no later fault has it written again
            if self.log_pages >= _MOST_LOG_PAGES:
                # The checkpointer does not keep up; commits wait for the disk now.
                with suppress(apsw.BusyError):
                    self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)

    def _note_log(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self.log_pages = pages
        return apsw.SQLITE_OK

    def _find_identity(self) -> tuple[int, int]:
        """Return what tells the file from another one under the same name."""
        # A file that was deleted can still be written to, and is gone when the process ends.
        try:
            status = self.path.stat()
        except OSError as error:
            message = f"The store {self.path} cannot be used: its file is gone ({error.strerror})"
            raise StoreError(message) from error
        return status.st_dev, status.st_ino
