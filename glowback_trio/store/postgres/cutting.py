"""Cutting: end a wait for a server that does not answer.

A server that was stopped, or whose machine hangs, keeps its connections. A thread that waits for
its answer cannot be cancelled, and no option of the driver ends the wait. The connection is shut
down under it instead: the thread gets an error, as from a connection that was lost.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import psycopg
import trio
from attrs import define, field

from glowback_trio.border import log_fault, restarted
from glowback_trio.nursery import open_bare_nursery

__all__ = ["PATIENCE_S", "Connection", "Watch", "cut", "was_cut"]

Connection = psycopg.Connection[tuple[Any, ...]]

_FAULT = "The watch over waits for PostgreSQL has failed; it begins again"
#: Seconds that a server has for an answer; a wait may take a quarter more.
PATIENCE_S = 10.0
# At which it takes in what is sent to it: an imported run may have hundreds of megabytes.
_LEAST_BYTES_PER_S = 1_000_000


@define(eq=False)
class Watch:
    """Watches waits for answers, and cuts the connections of those that take too long."""

    #: When a wait is too long, and the connection that is used by then.
    _waits: dict[object, tuple[float, Callable[[], Connection | None]]] = field(
        factory=dict, init=False
    )

    @contextmanager
    def over(self, connection: Callable[[], Connection | None], size: int = 0) -> Iterator[None]:
        """Watch over the waits of a block.

        Args:
            connection: Returns the connection that the block uses by then.
            size: How many bytes the block sends.
        """
        wait, patience_s = object(), PATIENCE_S + size / _LEAST_BYTES_PER_S
        self._waits[wait] = trio.current_time() + patience_s, connection
        try:
            yield
        finally:
            del self._waits[wait]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch for the length of a block, however it is cancelled."""
        # A task for each wait would cost more than most commits.
        scope = trio.CancelScope(shield=True)
        async with open_bare_nursery() as nursery:
            nursery.start_soon(self._watch, scope)
            try:
                yield
            finally:
                scope.cancel()

    async def _watch(self, scope: trio.CancelScope) -> None:
        with scope:
            await restarted(self._cut_late, log_fault(_FAULT))

    async def _cut_late(self) -> None:
        while True:
            await trio.sleep(PATIENCE_S / 4)
            now = trio.current_time()
            for late, connection in [*self._waits.values()]:
                if late <= now:
                    cut(connection())


def was_cut(connection: Connection) -> bool:
    """Return whether a connection that nobody uses at the moment is closed, here or by the server.

    A server that is gone without a word is not noticed.
    """
    readable = select.poll()
    try:
        readable.register(connection.fileno(), select.POLLIN)
        # What it has said may be a notice, and comes before its end.
        while readable.poll(0):
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return False


def cut(connection: Connection | None) -> None:
    """Cut a connection, whichever thread uses it; nothing if it is closed."""
    if connection is None or connection.closed:
        return
    with (
        suppress(OSError, psycopg.Error),  # it was closed just now
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        if not connection.closed:  # otherwise the number may be that of another file
            line.shutdown(socket.SHUT_RDWR)
