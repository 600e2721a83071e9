"""The reader: a few read-only connections, for queries in threads."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import apsw
import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.store.durable.statement import CallInThread
from glowback_trio.store.sqlite.database import connect, failures_of

__all__ = ["Reader"]

_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# Queries wait for the disk and for the interpreter lock; more at once make each of them slower.
_MOST = 4


@define(eq=False)
class Reader:
    """Asks a database, at most so many questions at once.

    Args:
        path: The database's file.
        call: Carries out queries.
    """

    path: Path
    call: CallInThread
    _idle: list[apsw.Connection] = field(factory=list, init=False)
    _places: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(_MOST), init=False)

    async def ask(
        self,
        query: Callable[Concatenate[apsw.Connection, P], T],
        *args: P.args,
        **more: P.kwargs,
    ) -> T:
        """Return what a query returns that is given a connection and these arguments.

        Raises:
            StoreError: The database cannot be read.
        """
        async with self._places:
            try:
                answer: T = await self.call(self._ask, query, args, more)
            except StoreError as error:
                # Clients are not told what is wrong with a file.
                _log.error("%s", error)
                raise
        return answer

    def _ask(self, query: Callable[..., T], args: Any, more: Any) -> T:
        with failures_of(self.path):
            # A list's `pop` and `append` are safe in threads.
            connection = self._idle.pop() if self._idle else connect(self.path, read_only=True)
            try:
                return query(connection, *args, **more)
            finally:
                self._idle.append(connection)

    def close(self) -> None:
        """Close the connections. No query may be under way."""
        while self._idle:
            self._idle.pop().close()
