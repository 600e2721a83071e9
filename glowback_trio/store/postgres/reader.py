"""The reader: a few connections, for queries in threads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.store.durable.statement import CallInThread
from glowback_trio.store.postgres.connecting import Connection, Database
from glowback_trio.store.postgres.cutting import PATIENCE_S

__all__ = ["Reader"]

_log = logging.getLogger(__name__)

# Queries wait for the database and for the interpreter lock; more at once make each of them slower.
_MOST = 6
# How long closing waits for questions that nobody waits for any more, and then for those that were
# cut; a thread that connects takes five seconds at most.
_CLOSE_S, _CUT_S = 2.0, 6.0


@define(eq=False)
class Reader:
    """Asks a database, at most so many questions at once.

    Args:
        database: The database.
        call: Carries out queries; left out, threads of its own, which a caller that is cancelled
            does not wait for.
    """

    database: Database
    call: CallInThread | None = None
    _idle: list[Connection] = field(factory=list, init=False)
    _places: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(_MOST), init=False)
    #: Places that are taken because it closes.
    _taken: int = field(default=0, init=False)

    async def ask(self, query: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Return what a query returns that is given a connection and these arguments.

        Raises:
            StoreError: The database cannot be read.
        """
        call = self.call or partial(
            trio.to_thread.run_sync, abandon_on_cancel=True, limiter=self._places
        )
        try:
            with trio.fail_after(PATIENCE_S):
                return await call(self._ask, query, args, more)
        except trio.TooSlowError:
            reason = f"it does not answer within {PATIENCE_S:g} s"
            message = f"The store {self.database.name} cannot be used: {reason}"
            _log.error("%s", message)
            raise StoreError(message) from None
        except StoreError as error:
            # Clients are not told where a database is and what is wrong with it.
            _log.error("%s", error)
            raise

    def _ask(self, query: Callable[..., Any], args: Any, more: Any) -> Any:
        with self.database.failures():
            # A list's `pop` and `append` are safe in threads.
            connection = self._idle.pop() if self._idle else None
            if connection is not None:
                try:
                    return self._use(connection, query, args, more)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
                # It was cut while nobody used it, and so were the others, by a server that ended.
                self._close_idle()
            return self._use(self.database.connect(), query, args, more)

    def _use(self, connection: Connection, query: Callable[..., Any], args: Any, more: Any) -> Any:
        try:
            return query(connection, *args, **more)
        finally:
            if not connection.closed:
                self._idle.append(connection)

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def close(self) -> None:
        """Wait for the queries that nobody waits for any more, and close the connections.

        Queries that a server does not answer are cut.
        """
        if not await self._taken_all(_CLOSE_S):
            self.database.cut()
            await self._taken_all(_CUT_S)
        self._close_idle()

    async def _taken_all(self, seconds: float) -> bool:
        """Take all places, so that no query is under way; False if it takes longer."""
        with trio.move_on_after(seconds, shield=True) as patience:
            while self._taken < _MOST:
                await self._places.acquire_on_behalf_of(object())
                self._taken += 1
        return not patience.cancelled_caught
