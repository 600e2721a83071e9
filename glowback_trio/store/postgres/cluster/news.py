"""News: hints between gateways that something has changed, by LISTEN and NOTIFY.

A hint is never a part of a commit that writes events: notifying commits wait for each other. What
is to be told is gathered for some milliseconds, and told in a transaction of its own. A hint that
is lost with a connection is not repeated, since gateways ask from time to time, too.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any

import orjson
import psycopg
import trio
from attrs import define, field

from glowback_trio.store.cluster import Named
from glowback_trio.store.postgres.cutting import Watch

__all__ = ["CallInThread", "Connect", "News"]

_log = logging.getLogger(__name__)

#: Calls a function where it may block, and returns what it returns.
CallInThread = Callable[..., Awaitable[Any]]
#: Opens a connection in autocommit mode.
Connect = Callable[[], psycopg.Connection[Any]]

_CHANNEL = "glowback"
# How long hints are gathered before they are told. Each hint wakes every gateway, so it is longer
# where there are more of them than a few.
_GATHERED_S = 0.02
_FEW = 10
# A payload has less than 8,000 bytes.
_MOST_BYTES = 7000
_RETRY_S, _RETRY_MOST_S = 0.25, 4.0


@define(eq=False)
class News:
    """Tells the other gateways what has changed, and hears it from them.

    Args:
        connect: Opens a connection in autocommit mode. It blocks.
        call: Carries out what blocks.
        watch: Ends waits that take too long.
        epoch: Returns the epoch of this gateway, whose own hints are left out.
    """

    _connect: Connect
    _call: CallInThread
    _watch: Watch
    _epoch: Callable[[], int]
    #: How many gateways there are, roughly.
    listeners: int = field(default=1, init=False)
    _untold: dict[Named, None] = field(factory=dict, init=False)
    _heard: dict[Named, None] = field(factory=dict, init=False)
    _any_untold: trio.Event = field(factory=trio.Event, init=False)
    _any_heard: trio.Event = field(factory=trio.Event, init=False)

    def tell(self, named: Collection[Named]) -> None:
        """Let the others know soon that these have changed."""
        if named:
            self._untold.update(dict.fromkeys(named))
            self._any_untold.set()

    async def wait(self) -> Collection[Named]:
        """Wait until others have told something, and return what."""
        await self._any_heard.wait()
        heard, self._heard, self._any_heard = self._heard, {}, trio.Event()
        return list(heard)

    async def tell_for_ever(self) -> None:
        """Be the task that tells."""
        await self._connected_for_ever(self._tell_all)

    async def listen_for_ever(self) -> None:
        """Be the task that listens."""
        await self._connected_for_ever(self._listen)

    async def _connected_for_ever(
        self, use: Callable[[psycopg.Connection[Any]], Awaitable[None]]
    ) -> None:
        """Use a connection, and another one whenever that is cut."""
        retry = _RETRY_S
        while True:
            try:
                connection = await self._call(self._connect)
                retry = _RETRY_S
                try:
                    await use(connection)
                finally:
                    connection.close()
            except psycopg.Error as error:
                _log.debug("Hints between gateways are lost for a while: %s", error)
            await trio.sleep(retry)
            retry = min(2 * retry, _RETRY_MOST_S)

    async def _tell_all(self, connection: psycopg.Connection[Any]) -> None:
        while True:
            await self._any_untold.wait()
            await trio.sleep(_GATHERED_S * max(1.0, self.listeners / _FEW))
            untold, self._untold, self._any_untold = self._untold, {}, trio.Event()
            with self._watch.over(lambda: connection):
                await self._call(_notify, connection, [*_payloads(self._epoch(), untold)])

    async def _listen(self, connection: psycopg.Connection[Any]) -> None:
        with self._watch.over(lambda: connection):
            await self._call(connection.execute, f"LISTEN {_CHANNEL}")
        while True:
            for notice in connection.notifies(timeout=0):
                self._take(notice.payload)
            await trio.lowlevel.wait_readable(connection.fileno())

    def _take(self, payload: str) -> None:
        epoch, named = orjson.loads(payload)
        if epoch != self._epoch():
            self._heard.update(dict.fromkeys(map(tuple, named)))
            self._any_heard.set()


def _notify(connection: psycopg.Connection[Any], payloads: Collection[str]) -> None:
    for payload in payloads:
        connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, payload))


def _payloads(epoch: int, named: Collection[Named]) -> Iterator[str]:
    """Yield texts that together name all of these, each short enough for one hint."""
    part: list[Named] = []
    size = 0
    for each in named:
        added = len(orjson.dumps(each)) + 1
        if part and size + added > _MOST_BYTES:
            yield orjson.dumps([epoch, part]).decode()
            part, size = [], 0
        part.append(each)
        size += added
    if part:
        yield orjson.dumps([epoch, part]).decode()
