"""Accept connections, and go on when the system has nothing left to accept one with."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, NoReturn, TypeAlias

import trio
from attrs import define

from glowback_trio.border import Border
from glowback_trio.errors import ResourceError
from glowback_trio.serving.binding import Listener
from glowback_trio.serving.records import FaultRecord, Log

__all__ = ["Acceptor"]

# Meanwhile connections wait in the kernel's queue, and those that end give descriptors back.
_PAUSE_S = 0.1
# Connections accepted between two turns of other tasks. trio accepts one, and after a restart of
# the server thousands come at once.
_AT_ONCE = 16
# So many failures in a row are one line of the log.
_TOLD_EVERY = 100

Handler: TypeAlias = Callable[[trio.abc.Stream], Awaitable[object]]


@define(eq=False)
class Acceptor:
    """Accepts the connections of one listener, each in a task of its own.

    Attributes:
        listener: Where they come from; closed at the end.
        handler: Serves one of them; afterwards it is closed.
        nursery: Owns the tasks.
        log: Takes what an accept failed with.
    """

    listener: Listener
    handler: Handler
    nursery: trio.Nursery
    log: Log
    _failed: int = 0
    _broken: Exception | None = None

    async def run(self) -> NoReturn:
        """Accept until cancelled.

        Raises:
            OSError: The listener cannot be used any more: without it nobody would be served.
        """
        # Closed as soon as nothing is accepted any more, so that nobody waits in its queue.
        async with self.listener:
            while self._broken is None:
                with Border(self._note):
                    if self._failed:
                        await trio.sleep(_PAUSE_S)
                    first = await self.listener.accept()
                    self._failed = 0
                    for stream in chain([first], self._waiting()):
                        self.nursery.start_soon(self._handle, stream)
        raise self._broken

    def _waiting(self) -> Iterator[trio.SocketStream]:
        """Yield connections that wait in the queue of a listener of the kernel's, up to a number.

        What goes wrong here is left to the next accept, which says so.
        """
        if not isinstance(self.listener, trio.SocketListener):
            return
        with suppress(OSError), socket.socket(fileno=os.dup(self.listener.socket.fileno())) as each:
            each.settimeout(0)
            for _ in range(_AT_ONCE):
                accepted, _address = each.accept()
                yield trio.SocketStream(trio.socket.from_stdlib_socket(accepted))

    def _note(self, error: BaseException) -> None:
        short_of = ResourceError.of(error)
        if short_of is None and isinstance(error, OSError | trio.ClosedResourceError):
            self._broken = error
            return
        if self._failed % _TOLD_EVERY == 0:
            self.log(FaultRecord(where="accept", error=short_of or error))
        self._failed += 1

    async def _handle(self, stream: trio.abc.Stream) -> Any:
        with Border(lambda error: self.log(FaultRecord(where="connection", error=error))):
            try:
                await self.handler(stream)
            finally:
                await trio.aclose_forcefully(stream)
