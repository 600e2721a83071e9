"""The writer: the one task that changes the database, a group of changes in each commit.

Whatever is handed over while a commit is under way joins the next one. A commit that fails is tried
again, as it was, until the database takes it: nothing is dropped, and nothing that is not written
can be read. Only what a gateway hands over whose lease was fenced is dropped, by `drop_pending`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.border import Border
from glowback_trio.errors import GlowbackError, ResourceError, StoreError
from glowback_trio.model.events import Event
from glowback_trio.store.cluster import FencedError, Named
from glowback_trio.store.durable.statement import CallInThread, LogTable, RowNumber, Statement

__all__ = ["Group", "Pending", "Writer"]

_log = logging.getLogger(__name__)

# When so much is waiting, the next commit is made at once.
_GROUP_BYTES = 1 << 18
# Runs wait when this much is waiting: a disk that is slow or full must not fill the memory.
_MOST_BYTES = 1 << 25
# A commit that failed is tried again after this time, then after twice as long, and so on.
_RETRY_S = 0.25
_RETRY_MOST_S = 4.0
# How long closing goes on trying where commits fail.
_CLOSE_S = 5.0


class Pending(Protocol):
    """A log, as far as the writer needs it."""

    @property
    def row(self) -> RowNumber:
        """Number of the row of the run or the attempt."""

    @property
    def of(self) -> LogTable:
        """The table that the row is in."""

    @property
    def named(self) -> Named | None:
        """The run or optimization whose log it is, if that is known."""

    def unwritten(self) -> Sequence[Event]:
        """Return the events that are not durable yet."""

    def written(self, newest: int) -> None:
        """Note that all events up to this id are durable."""

    def drop_unwritten(self, refusal: GlowbackError | None = None) -> None:
        """Let go of what is not stored, and never will be."""


@define(eq=False)
class Group:
    """The work of one commit.

    Attributes:
        statements: Changes of rows; they are made before any event is stored.
        events: The next events of each log.
        goal: Which change was the last one before it.
        size: How many bytes it holds, roughly.
        refused: Logs whose events were not taken, and why. The rest is committed.
        written: It has been committed, whatever failed later.
    """

    statements: Sequence[Statement]
    events: Sequence[tuple[Pending, Sequence[Event]]]
    goal: int
    size: int
    refused: Mapping[Pending, GlowbackError] = field(factory=dict)
    written: bool = False


@define(eq=False)
class Writer:
    """Collects changes and has them committed.

    Args:
        name: The store, as messages name it.
        call: Calls what blocks.
        interval_s: After a pause a commit is made at once, then at most this often.
        write: Makes all the changes of a group in one transaction, and says so in `written`; it
            blocks.
        on_commit: Called after a commit.
        on_fenced: Called when a commit was refused because the lease of this gateway was fenced.
    """

    name: str
    call: CallInThread
    interval_s: float
    write: Callable[[Group], None]
    on_commit: Callable[[Group], None]
    on_fenced: Callable[[], None] | None = None
    #: Why the last commit failed; None once one has succeeded.
    problem: StoreError | None = field(default=None, init=False)
    _statements: list[Statement] = field(factory=list, init=False)
    _logs: dict[Pending, None] = field(factory=dict, init=False)
    #: The commit that is under way or has failed.
    _group: Group | None = field(default=None, init=False)
    _committing: trio.Lock = field(factory=trio.Lock, init=False)
    #: How much is not written, and how much of it is not in the commit under way.
    _bytes: int = field(default=0, init=False)
    _group_bytes: int = field(default=0, init=False)
    #: Changes are counted: how many were handed over, and how many are written.
    handed_over: int = field(default=0, init=False)
    written: int = field(default=0, init=False)
    #: How often what was handed over was dropped.
    _drops: int = field(default=0, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)
    _enough: trio.Event = field(factory=trio.Event, init=False)
    _attempted: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

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
            FencedError: They are never written.
        """
        await trio.lowlevel.checkpoint()
        goal, drops = self.handed_over, self._drops
        while self.written < goal:
            if isinstance(self.problem, FencedError):
                raise self.problem
            await self._attempted.park()
            if self._drops != drops:
                raise FencedError(f"What was handed over to {self.name} was dropped")
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
                    if trio.current_time() >= until or isinstance(self.problem, FencedError):
                        raise self.problem
                    await trio.sleep(_RETRY_S)

    async def commit(self) -> None:
        """Try to write all that is waiting, and note what came of it."""
        async with self._committing:
            group = self._group = self._group or self._gather()
            # Shielded: a commit whose outcome nobody awaits would be written and never shown.
            with Border(self._note_fault), trio.CancelScope(shield=True):
                await self.call(self.write, group)
            if group.written:
                self._group = None
                self._bytes -= group.size
                self.on_commit(group)
                self._note_written(group)
            self._attempted.unpark_all()

    def _gather(self) -> Group:
        events = [(log, log.unwritten()) for log in self._logs]
        statements, size = tuple(self._statements), self._group_bytes
        self._statements, self._logs, self._group_bytes = [], {}, 0
        self._bell, self._enough = trio.Event(), trio.Event()
        return Group(statements, events, self.handed_over, size)

    async def drop_pending(self) -> None:
        """Let go of all that was handed over and is not written; no commit is under way then."""
        async with self._committing:
            logs = {log: None for log, _ in self._group.events} if self._group else {}
            for log in {**logs, **self._logs}:
                log.drop_unwritten()
            self._gather()
            self._group, self._bytes, self.problem = None, 0, None
            self.written = self.handed_over
            self._drops += 1
            self._attempted.unpark_all()

    def _note_fault(self, error: BaseException) -> None:
        """Note why a commit failed: the disk, or for example a thread that cannot be started."""
        self._bell.set()
        if isinstance(error, StoreError):
            self._note_problem(error)
            return
        _log.error("A commit has failed unexpectedly", exc_info=error)
        reason = ResourceError.of(error) or type(error).__name__
        self._note_problem(StoreError(f"The store {self.name} cannot be written: {reason}"))

    def _note_problem(self, error: StoreError) -> None:
        if isinstance(error, FencedError):
            if not isinstance(self.problem, FencedError):
                _log.error("%s", error)
            if self.on_fenced is not None:
                self.on_fenced()
        elif self.problem is None:
            _log.error("%s; trying again until it can be written", error)
        self.problem = error

    def _note_written(self, group: Group) -> None:
        if self.problem is not None:
            _log.warning("The store %s can be written again", self.name)
        self.problem = None
        self.written = group.goal
        for log, events in group.events:
            if (refusal := group.refused.get(log)) is not None:
                _log.error("%s", refusal)
                log.drop_unwritten(refusal)
            elif events:
                log.written(events[-1].event_id)
