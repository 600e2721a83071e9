"""What all handlers of one app share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import trio
from attrs import define, field

from glowback_trio.actors import Gateway
from glowback_trio.server.feed import Feeds
from glowback_trio.server.repeats import Repeats
from glowback_trio.server.route import Route
from glowback_trio.server.settings import Settings

__all__ = ["Site", "Streams"]

# Result documents are written in threads; under one interpreter lock more of them at a time would
# only make each other, and the event loop, wait longer.
_WRITERS = 2


@define(eq=False)
class Streams:
    """The streams that are open, WebSocket and SSE together.

    Args:
        most: How many there may be.
    """

    most: int
    _open: int = field(default=0, init=False)
    _closed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return self._open >= self.most

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Count one stream for the length of a block."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._closed.unpark_all()

    async def wait_none(self) -> None:
        """Wait until no stream is open."""
        while self._open:
            await self._closed.park()


@define(eq=False)
class Site:
    """The gateway, the settings, and what little the HTTP side remembers.

    Attributes:
        gateway: What is served.
        settings: How.
        routes: The registry.
        new_id: Makes request ids.
        streams: The open streams.
        feeds: What the open streams follow.
        repeats: First answers to requests that may be repeated.
        writers: Threads that write result documents.
        draining: Whether the server is about to end.
    """

    gateway: Gateway
    settings: Settings
    routes: Sequence[Route]
    new_id: Callable[[], str]
    streams: Streams = field(init=False)
    feeds: Feeds = field(factory=Feeds, init=False)
    repeats: Repeats = field(factory=Repeats, init=False)
    writers: trio.CapacityLimiter = field(init=False)
    draining: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.streams = Streams(self.settings.max_streams)
        self.writers = trio.CapacityLimiter(_WRITERS)

    async def close(self) -> None:
        """End all runs, and wait until every stream has told the end of its run."""
        self.draining = True
        self.gateway.close("the server was shut down")
        await self.streams.wait_none()
