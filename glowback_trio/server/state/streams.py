"""The streams that are open: how many there may be, how many there are, and their feeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.memory import Account
from glowback_trio.server.state.feeds import Feeds

__all__ = ["Streams"]


class Source(Protocol):
    """The source of a stream: a run, an attempt of an optimization, or the changes of all."""

    @property
    def survives(self) -> bool:
        """True if its streams are not waited for when the gateway closes."""


@define(eq=False)
class Streams:
    """The open streams of one app, WebSocket and SSE counted as one.

    Args:
        limit: Streams that may be open at once.
        max_message_bytes: Most bytes in one array of events.
        account: Told of what the feeds take.

    Attributes:
        feeds: The feeds that these streams read.
    """

    limit: int
    max_message_bytes: int
    account: Account
    feeds: Feeds = field(init=False)
    _open: int = field(default=0, init=False)
    #: How many are open of each log that has some.
    _sources: Counter[Source] = field(factory=Counter, init=False)
    _closed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    def __attrs_post_init__(self) -> None:
        self.feeds = Feeds(self.max_message_bytes, self.account)

    @property
    def open(self) -> int:
        """The number of open streams."""
        return self._open

    @property
    def full(self) -> bool:
        """True if no further stream may open."""
        return self._open >= self.limit

    @contextmanager
    def counted(self, source: Source) -> Iterator[None]:
        """Count one stream of a log as open for the length of a block."""
        self._open += 1
        self._sources[source] += 1
        try:
            yield
        finally:
            self._open -= 1
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]
            self._closed.unpark_all()

    async def wait_ended(self) -> None:
        """Wait until no stream is open but those of what outlives the server."""
        while any(not source.survives for source in self._sources):
            await self._closed.park()
