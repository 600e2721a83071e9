"""An open database: its connections, and the tasks that a store in it needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import trio
from attrs import define, frozen

from glowback_trio.errors import StoreError
from glowback_trio.memory import Memory
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.store.cluster import Named
from glowback_trio.store.durable.cleaner import Cleaner
from glowback_trio.store.durable.log import DurableLog
from glowback_trio.store.durable.session import Session
from glowback_trio.store.durable.statement import CallInThread, RowNumber, Statement
from glowback_trio.store.durable.writer import Group, Writer
from glowback_trio.store.postgres import queries, statements
from glowback_trio.store.postgres.cluster.membership import PostgresCluster
from glowback_trio.store.postgres.committer import Committer
from glowback_trio.store.postgres.cutting import Watch
from glowback_trio.store.postgres.reader import Reader
from glowback_trio.store.postgres.schema import upgrade
from glowback_trio.wire.converter import make_converter

__all__ = ["OpenDatabase", "make_session"]

# Seconds that a gateway which closes waits until the others know.
_LEAVE_S = 2.0


@define(eq=False)
class OpenDatabase:
    """An open database.

    Attributes:
        session: The store in it.
        cluster: The gateways that share it.
        watch: Runs for as long as it is open.
    """

    session: Session
    cluster: PostgresCluster
    watch: Watch
    _committer: Committer
    _readers: Sequence[Reader]

    @classmethod
    async def open(
        cls,
        reader: Reader,
        interval_s: float,
        session_of: Callable[[Writer, Reader, CallInThread], Session],
        find_log: Callable[[Named], DurableLog | None],
        call: CallInThread,
    ) -> OpenDatabase:
        """Open a database, and join the gateways that share it.

        Args:
            reader: Asks the database.
            interval_s: See `Writer`.
            session_of: Makes the store in it.
            find_log: Returns the newest log of a run or an optimization, if somebody holds it.
            call: Calls what blocks.

        Raises:
            StoreError: It cannot be reached or used, or is no database that this package knows.
        """
        database, watch = reader.database, Watch()
        committer = Committer(database, lambda: cluster.epoch)

        async def call_in_time(function: Callable[..., Any], *args: Any) -> Any:
            size = sum(each.size for each in args if isinstance(each, Group))
            with watch.over(lambda: committer.connection, size):
                return await call(function, *args)

        writer = Writer(
            database.name,
            call_in_time,
            interval_s,
            committer.write,
            lambda group: cluster.news.tell(_named(group)),
            lambda: cluster.note_fenced(cluster.epoch),
        )
        hooks = _Hooks(writer, find_log)
        # Connections of its own: long queries must not keep a lease from being renewed.
        members = Reader(database, reader.call)
        cluster = PostgresCluster(members.ask, hooks, database.connect, call, watch)
        try:
            await reader.ask(upgrade)
            await cluster.join()
        except BaseException:
            await members.close()
            await reader.close()
            raise
        session = session_of(writer, reader, call)
        session.cleaner.wake()
        return cls(session, cluster, watch, committer, (members, reader))

    @property
    def tasks(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """The tasks that run while it is open."""
        news = self.cluster.news
        return (
            self.session.writer.write_for_ever,
            self.session.cleaner.clean_for_ever,
            news.tell_for_ever,
            news.listen_for_ever,
        )

    async def close(self) -> None:
        """Leave the cluster, and close all connections."""
        with trio.CancelScope(shield=True):
            # Where it cannot be said, the others find that the lease has expired.
            with suppress(StoreError), trio.move_on_after(_LEAVE_S):
                await self.cluster.leave()
            await self.session.writer.call(self._committer.close)
            for each in self._readers:
                await each.close()


@frozen
class _Hooks:
    """What the cluster needs of the store."""

    _writer: Writer
    _find_log: Callable[[Named], DurableLog | None]

    def add(self, *statements: Statement) -> None:
        self._writer.add(*statements)

    async def flush(self) -> None:
        await self._writer.flush()

    async def drop_pending(self) -> None:
        await self._writer.drop_pending()

    def begin_holding(self, named: Named, event_count: int) -> None:
        if (log := self._find_log(named)) is not None:
            log.note_stored(event_count)


def _named(group: Group) -> list[Named]:
    return [log.named for log, events in group.events if events and log.named is not None]


def make_session(
    strategies: StrategyRegistry, memory: Memory
) -> Callable[[Writer, Reader, CallInThread], Session]:
    """Return what makes the store of a database.

    Args:
        strategies: Those that the requests of kept runs may name.
        memory: Its accounts are told of what is at hand.
    """

    def made(writer: Writer, reader: Reader, call: CallInThread) -> Session:
        return Session(
            writer,
            Cleaner(writer, reader, statements, queries),
            reader,
            statements,
            queries,
            make_converter(strategies),
            call,
            RowNumber,
            memory,
        )

    return made
