"""The writer: the one task that changes the database, a group of changes in each commit.

Whatever is handed over while a commit is under way joins the next one. A commit that fails is tried
again, with everything that has come since, until the disk takes it: nothing is dropped, and nothing
that is not written can be read.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

import apsw
import trio
from attrs import define, field

from glowback_trio.border import Border
from glowback_trio.errors import ResourceError, StoreError
from glowback_trio.model.events import Event
from glowback_trio.store.sqlite.database import failures_of, transaction
from glowback_trio.store.sqlite.statements import Statement, append_events

__all__ = ["CallInThread", "LogTable", "Pending", "Writer"]

_log = logging.getLogger(__name__)

#: Calls a function where it may block, and returns what it returns.
CallInThread = Callable[..., Awaitable[Any]]
#: The table that has the row of what a log is of.
LogTable = Literal["runs", "attempts"]

# When so much is waiting, the next commit is made at once.
_GROUP_BYTES = 1 << 18
# Runs wait when this much is waiting: a disk that is slow or full must not fill the memory.
_MOST_BYTES = 1 << 25
# How long the write-ahead log may become: 256 MB.
_MOST_LOG_PAGES = 1 << 16
# A commit that failed is tried again after this time, then after twice as long, and so on.
_RETRY_S = 0.25
_RETRY_MOST_S = 4.0
# How long closing goes on trying where commits fail.
_CLOSE_S = 5.0


class Pending(Protocol):
    """A log, as far as the writer needs it."""

    @property
    def seq(self) -> int:
        """Number of the row of the run or the attempt."""

    @property
    def of(self) -> LogTable:
        """The table that the row is in."""

    def unwritten(self) -> Sequence[Event]:
        """Return the events that are not durable yet."""

    def written(self, newest: int) -> None:
        """Note that all events up to this id are durable."""


@define(eq=False)
class _Group:
    """The work of one commit.

    Attributes:
        written: It has been committed, whatever failed later.
    """

    statements: Sequence[Statement]
    events: Sequence[tuple[Pending, Sequence[Event]]]
    written: bool = False


@define(eq=False)
class Writer:
    """Collects changes and commits them.

    Args:
        path: The database's file.
        connection: A connection to it that nothing else uses.
        call: Carries out commits.
        interval_s: After a pause a commit is made at once, then at most this often.
        on_commit: Called after a commit, with the pages that the write-ahead log has now.
    """

    path: Path
    connection: apsw.Connection
    call: CallInThread
    interval_s: float
    on_commit: Callable[[int], None]
    #: Why the last commit failed; None once one has succeeded.
    problem: StoreError | None = field(default=None, init=False)
    _statements: list[Statement] = field(factory=list, init=False)
    _logs: dict[Pending, None] = field(factory=dict, init=False)
    #: How much is not written, and how much of it is not in the commit under way.
    _bytes: int = field(default=0, init=False)
    _group_bytes: int = field(default=0, init=False)
    #: Changes are counted: how many were handed over, and how many are written.
    handed_over: int = field(default=0, init=False)
    written: int = field(default=0, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)
    _enough: trio.Event = field(factory=trio.Event, init=False)
    _attempted: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _identity: tuple[int, int] = field(init=False)
    _log_pages: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._identity = self._find_identity()
        # Instead of SQLite's own checkpoints, which come within a commit.
        self.connection.set_wal_hook(self._note_log)

    def add(self, *statements: Statement) -> None:
        """Take over changes of rows; they are made before any event of the same commit."""
        self._statements += statements
        self._note(sum(statement.size for statement in statements))

    def add_event(self, log: Pending, size: int) -> None:
        """Note that a log has one more event, of so many bytes."""
        self._logs[log] = None
        self._note(size)

    def _note(self, size: int) -> None:
        self.handed_over += 1
        self._bytes += size
        self._group_bytes += size
        self._bell.set()
        if self._group_bytes >= _GROUP_BYTES:
            self._enough.set()

    async def flush(self, *, patient: bool = False) -> None:
        """Wait until everything that was handed over so far is written.

        Args:
            patient: Wait for as long as it takes.

        Raises:
            StoreError: A commit failed, and the caller is not patient. It is tried again, so the
                changes may be written later.
        """
        await trio.lowlevel.checkpoint()
        goal = self.handed_over
        while self.written < goal:
            await self._attempted.park()
            if self.problem is not None and self.written < goal and not patient:
                raise self.problem

    async def wait_room(self) -> None:
        """Wait while too much is waiting to be written."""
        await trio.lowlevel.checkpoint()
        while self._bytes >= _MOST_BYTES:
            await self._attempted.park()

    async def write_for_ever(self) -> None:
        """Be the writer's task."""
        retry = _RETRY_S
        while True:
            await self._bell.wait()
            again = trio.current_time() + self.interval_s
            await self.commit()
            if self.problem is not None:
                await trio.sleep(retry)
                retry = min(2 * retry, _RETRY_MOST_S)
                continue
            retry = _RETRY_S
            with trio.move_on_at(again):
                await self._enough.wait()

    async def close(self) -> None:
        """Write what is left.

        Raises:
            StoreError: The disk does not take it.
        """
        until = trio.current_time() + _CLOSE_S
        # Shielded: cancelling the gateway must not lose what its runs have emitted.
        with trio.CancelScope(shield=True):
            while self.written < self.handed_over:
                await self.commit()
                if self.problem is not None:
                    if trio.current_time() >= until:
                        raise self.problem
                    await trio.sleep(_RETRY_S)

    async def commit(self) -> None:
        """Try to write all that is waiting, and note what came of it."""
        group = _Group(tuple(self._statements), [(log, log.unwritten()) for log in self._logs])
        goal, size = self.handed_over, self._bytes
        self._statements, self._logs, self._group_bytes = [], {}, 0
        self._bell, self._enough = trio.Event(), trio.Event()
        try:
            # Shielded: a commit whose outcome nobody awaits would be written and never shown.
            with Border(self._note_fault), trio.CancelScope(shield=True):
                await self.call(self._write, group)
        finally:
            if not group.written:
                self._put_back(group)
        if group.written:
            self._bytes -= size
            self.on_commit(self._log_pages)
            self._note_written(group, goal)
        self._attempted.unpark_all()

    def _write(self, group: _Group) -> None:
        """Make all the changes in one transaction. Called where it may block."""
        with failures_of(self.path):
            if self._find_identity() != self._identity:
                raise StoreError(f"The store {self.path} cannot be used: its file was replaced")
            with transaction(self.connection):
                logs = [(log.of, (log.seq, events)) for log, events in group.events]
                events = append_events(
                    [each for of, each in logs if of == "runs"],
                    [each for of, each in logs if of == "attempts"],
                )
                for statement in (*group.statements, *events):
                    # To its end: some pragmas do a part of their work at each row.
                    self.connection.execute(statement.sql, statement.values).fetchall()
            group.written = True  # here, so that no later fault has it written again
            if self._log_pages >= _MOST_LOG_PAGES:
                # The checkpointer does not keep up; commits wait for the disk now.
                with suppress(apsw.BusyError):
                    self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)

    def _note_log(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
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

    def _put_back(self, group: _Group) -> None:
        self._statements[:0] = group.statements
        self._logs = {**{log: None for log, _ in group.events}, **self._logs}
        self._bell.set()

    def _note_fault(self, error: BaseException) -> None:
        """Note why a commit failed: the disk, or for example a thread that cannot be started."""
        if isinstance(error, StoreError):
            self._note_problem(error)
            return
        _log.error("A commit has failed unexpectedly", exc_info=error)
        reason = ResourceError.of(error) or type(error).__name__
        self._note_problem(StoreError(f"The store {self.path} cannot be written: {reason}"))

    def _note_problem(self, error: StoreError) -> None:
        if self.problem is None:
            _log.error("%s; trying again until it can be written", error)
        self.problem = error

    def _note_written(self, group: _Group, goal: int) -> None:
        if self.problem is not None:
            _log.warning("The store %s can be written again", self.path)
        self.problem = None
        self.written = goal
        for log, events in group.events:
            if events:
                log.written(events[-1].event_id)
