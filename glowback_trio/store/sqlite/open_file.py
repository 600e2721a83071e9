"""Opening a file: its connections, and the tasks that a store in it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

from attrs import define

from glowback_trio.memory import Memory
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.store.durable.cleaner import Cleaner
from glowback_trio.store.durable.session import Session
from glowback_trio.store.durable.statement import CallInThread, RowNumber
from glowback_trio.store.durable.writer import Group, Writer
from glowback_trio.store.sqlite import queries, statements
from glowback_trio.store.sqlite.committer import Committer
from glowback_trio.store.sqlite.database import connect, failures_of
from glowback_trio.store.sqlite.reader import Reader
from glowback_trio.store.sqlite.schema import upgrade
from glowback_trio.store.sqlite.upkeep.checkpointer import Checkpointer
from glowback_trio.store.sqlite.upkeep.free_space import FreeSpace
from glowback_trio.wire.converter import make_converter

__all__ = ["OpenFile"]


@define(eq=False)
class OpenFile:
    """An open file.

    Attributes:
        session: The store in it.
        committer: Writes it.
        checkpointer: Copies what was committed into it.
    """

    session: Session
    committer: Committer
    checkpointer: Checkpointer
    _reader: Reader

    @classmethod
    def open(  # noqa: PLR0917 - called in a thread, by position
        cls,
        path: Path,
        synchronous: str,
        interval_s: float,
        strategies: StrategyRegistry,
        call: CallInThread,
        memory: Memory,
    ) -> OpenFile:
        """Open a store's file. Blocks.

        Raises:
            StoreError: It cannot be opened, or is no store that this package knows.
        """
        with failures_of(path), ExitStack() as opened:
            connection = opened.enter_context(closing(connect(path, synchronous=synchronous)))
            upgrade(connection)
            copying = opened.enter_context(closing(connect(path, synchronous=synchronous)))
            checkpointer = Checkpointer(path, copying, call)
            committer = Committer(path, connection)

            def note(_group: Group) -> None:
                checkpointer.note(committer.log_pages)

            writer = Writer(str(path), call, interval_s, committer.write, note)
            reader = Reader(path, call)
            free = FreeSpace(writer, reader, checkpointer)
            cleaner = Cleaner(writer, reader, statements, queries, free.give_back)
            if queries.any_forgotten(connection):
                cleaner.wake()
            numbers = count(queries.last_seq(connection) + 1)
            opened.pop_all()
        session = Session(
            writer,
            cleaner,
            reader,
            statements,
            queries,
            make_converter(strategies),
            call,
            lambda: RowNumber(next(numbers)),
            memory,
        )
        return cls(session, committer, checkpointer, reader)

    @property
    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """The tasks that run while it is open."""
        return (
            self.session.writer.write_for_ever,
            self.checkpointer.copy_for_ever,
            self.session.cleaner.clean_for_ever,
        )

    def close(self) -> None:
        """Close all connections. Blocks.

        Raises:
            StoreError: The disk reports an error. Whatever is durable stays so.
        """
        # In reverse order: each is closed, whatever becomes of the others.
        with failures_of(self.committer.path), ExitStack() as closed:
            closed.callback(self.committer.connection.close)
            closed.callback(self.checkpointer.connection.close)
            closed.callback(self._reader.close)
