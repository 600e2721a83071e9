"""The committer: makes the changes of one commit in the database, in one exchange with it.

A commit begins by checking that the lease of this gateway is not fenced, and by counting itself:
one whose outcome is lost with the connection is looked for before it is made again. Events are
taken of what this gateway holds alone, and only those that come next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from attrs import define, field

from glowback_trio.store.cluster import HeldElsewhereError
from glowback_trio.store.durable.statement import RowNumber, Statement
from glowback_trio.store.durable.writer import Group, Pending
from glowback_trio.store.postgres.appending import append_to_attempts, append_to_runs, find_written
from glowback_trio.store.postgres.cluster.leases import fenced_error
from glowback_trio.store.postgres.connecting import Connection, Database
from glowback_trio.store.postgres.cutting import was_cut

__all__ = ["Committer"]

# What the function `begin_commit` raises.
_FENCED, _MADE_BEFORE = "GB001", "GB002"


@define(eq=False)
class Committer:
    """Makes changes, a group of them in each transaction.

    Args:
        database: The database.
        epoch: Returns the epoch of this gateway's lease.
    """

    database: Database
    epoch: Callable[[], int]
    #: The connection that it uses; None: it opens one for the next commit.
    connection: Connection | None = field(default=None, init=False)
    #: The lease under which the last commit was made, and the number of that commit.
    _last: tuple[int, int] = field(default=(0, 0), init=False)

    def write(self, group: Group) -> None:
        """Make all the changes in one transaction. Blocks.

        Raises:
            FencedError: The lease is fenced.
            StoreError: The database cannot be used; none of the changes is made, or all of them,
                which the next call with the same group finds out.
        """
        epoch = self.epoch()
        number = self._last[1] + 1 if self._last[0] == epoch else 1
        with self.database.failures():
            connection = self._connected()
            try:
                _number_rows(connection, group)
                taken = _commit(connection, group, epoch, number)
            except psycopg.Error as error:
                state = getattr(error, "sqlstate", None)
                if state == _FENCED:
                    raise fenced_error(epoch) from None
                if state != _MADE_BEFORE:
                    # Whatever state the connection is in: another one is cheap.
                    self.close()
                    raise
                taken = find_written(connection, group.events)
            self._last = epoch, number
            group.refused = {
                log: _refusal(log)
                for log, events in group.events
                if events and log.row.value not in taken
            }
            group.written = True

    def _connected(self) -> Connection:
        if self.connection is not None and was_cut(self.connection):
            self.close()  # by a server that was restarted while nothing was committed
        if self.connection is None:
            self.connection = self.database.connect()
        return self.connection

    def close(self) -> None:
        """Close the connection; the next commit opens another one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


def _number_rows(connection: Connection, group: Group) -> None:
    """Number the rows that are new; a group that is tried again keeps its numbers."""
    new = dict.fromkeys(
        value
        for statement in group.statements
        for value in statement.values
        if isinstance(value, RowNumber) and not value.value
    )
    if not new:
        return
    sql = "SELECT nextval('row_numbers') FROM generate_series(1, %s)"
    for row, (number,) in zip(new, connection.execute(sql, (len(new),)), strict=True):
        row.value = number


def _commit(connection: Connection, group: Group, epoch: int, number: int) -> set[int]:
    """Make the changes; return the numbers of the rows whose logs have taken events."""
    runs = [each for each in group.events if each[0].of == "runs" and each[1]]
    attempts = [each for each in group.events if each[0].of == "attempts" and each[1]]
    with connection.pipeline(), connection.transaction():
        connection.execute("SELECT begin_commit(%s, %s)", (epoch, number))
        for statement in group.statements:
            if not statement.last:
                _execute(connection, statement)
        cursors = [
            *append_to_runs(connection, epoch, runs),
            *append_to_attempts(connection, epoch, attempts),
        ]
        for statement in group.statements:
            if statement.last:
                _execute(connection, statement)
    return {seq for cursor in cursors for (seq,) in cursor}


def _execute(connection: Connection, statement: Statement) -> None:
    connection.execute(statement.sql.encode(), list(_plain(statement.values)))


def _plain(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield value.value if isinstance(value, RowNumber) else value


def _refusal(log: Pending) -> HeldElsewhereError:
    kind = "run" if log.of == "runs" else "attempt"
    return HeldElsewhereError(
        f"Events of the {kind} in row {log.row.value} were not stored: another gateway holds it, "
        "or it was deleted"
    )
