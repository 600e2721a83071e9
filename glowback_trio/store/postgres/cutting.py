"""Cutting: end a wait for a server that does not answer.

A server that was stopped, or whose machine hangs, keeps its connections. A thread that waits for
its answer cannot be cancelled, and no option of the driver ends the wait. The connection is shut
down under it instead: the thread gets an error, as from a connection that was lost.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import trio

from glowback_trio.nursery import open_bare_nursery

__all__ = ["PATIENCE_S", "Connection", "cut", "cut_when_late"]

Connection = psycopg.Connection[tuple[Any, ...]]

#: Seconds that a server has for an answer.
PATIENCE_S = 10.0


@asynccontextmanager
async def cut_when_late(connection: Callable[[], Connection | None]) -> AsyncIterator[None]:
    """Cut a connection if the block takes longer than a server may, or is cancelled.

    Args:
        connection: Returns the connection that the block uses by then.
    """
    over = False

    async def watch() -> None:
        try:
            await trio.sleep(PATIENCE_S)
        finally:
            if not over:
                cut(connection())

    async with open_bare_nursery() as nursery:
        nursery.start_soon(watch)
        try:
            yield
        except psycopg.Error:
            await trio.lowlevel.checkpoint()  # one that was cancelled has not failed
            raise
        finally:
            over = True
        nursery.cancel_scope.cancel()


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
