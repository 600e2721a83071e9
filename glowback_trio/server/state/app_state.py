"""What all handlers of one app share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import trio
from attrs import define, field

from glowback_trio.actors import Gateway, Run
from glowback_trio.errors import GatewayClosedError
from glowback_trio.model.lifecycle import State
from glowback_trio.model.request import BacktestRequest
from glowback_trio.server.http.route import PREFIXES, Route
from glowback_trio.server.observability.metrics import Metrics
from glowback_trio.server.security.proxies import Proxies
from glowback_trio.server.security.rate_limit import Buckets
from glowback_trio.server.security.tickets import Tickets
from glowback_trio.server.settings import Settings
from glowback_trio.server.state.feeds import Feeds
from glowback_trio.server.state.idempotency import IdempotencyCache
from glowback_trio.serving import Load
from glowback_trio.wire.converter import Converter, make_converter

__all__ = ["AppState", "Streams"]

# Result documents are written in threads; under one interpreter lock more of them at a time would
# only make each other, and the event loop, wait longer.
_WRITERS = 2

# Wrong keys and tickets that one address may present.
_FAILURES, _FAILURE_WINDOW_S = 30, 60.0

_SHUT_DOWN = "the server was shut down"


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
    def open(self) -> int:
        """How many there are."""
        return self._open

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
class AppState:
    """The gateway, the settings, and what little the HTTP side remembers.

    Attributes:
        gateway: What is served.
        settings: How.
        routes: The registry.
        new_id: Makes request ids.
        clock: Gives the time of day.
        converter: Reads requests, for the strategies that the gateway has.
        streams: The open streams.
        feeds: What the open streams follow.
        repeats: First answers to requests that may be repeated.
        writers: Threads that write result documents.
        proxies: Those whose word about a client counts.
        requests: What callers have left of their rate.
        failed_keys: What addresses have left of wrong keys and tickets.
        tickets: Those that can still open a stream.
        load: What the server has to carry.
        metrics: The numbers.
        stopping: Whether the server is about to end.
        draining: Whether it takes no more runs.
    """

    gateway: Gateway
    settings: Settings
    routes: Sequence[Route]
    new_id: Callable[[], str]
    clock: Callable[[], datetime]
    converter: Converter = field(init=False)
    streams: Streams = field(init=False)
    feeds: Feeds = field(factory=Feeds, init=False)
    idempotency: IdempotencyCache = field(factory=IdempotencyCache, init=False)
    writers: trio.CapacityLimiter = field(init=False)
    proxies: Proxies = field(init=False)
    requests: Buckets = field(init=False)
    failed_keys: Buckets = field(init=False)
    tickets: Tickets = field(factory=Tickets, init=False)
    load: Load = field(factory=Load, init=False)
    metrics: Metrics = field(init=False)
    stopping: bool = field(default=False, init=False)
    draining: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.converter = make_converter(self.gateway.strategies)
        self.streams = Streams(self.settings.max_streams)
        self.writers = trio.CapacityLimiter(_WRITERS)
        self.proxies = Proxies.read(self.settings.trusted_proxies)
        self.requests = Buckets(self.settings.rate_limit, self.settings.rate_window)
        self.failed_keys = Buckets(_FAILURES, _FAILURE_WINDOW_S)
        self.metrics = Metrics(
            self.gateway,
            frozenset(prefix + route.path for prefix in PREFIXES for route in self.routes),
            connections=lambda: self.load.connections,
            streams=lambda: self.streams.open,
            messages=lambda: self.load.messages,
        )

    def submit(self, asked: BacktestRequest) -> Run:
        """Queue a run, unless the server only waits for the last ones.

        Raises:
            GatewayClosedError: It does; and whatever else `Gateway.submit` raises.
        """
        if self.draining:
            raise GatewayClosedError("No more runs are taken: the server is shutting down")
        return self.gateway.submit(asked)

    async def drain(self) -> None:
        """Take no more runs, end those that wait for a place, and wait for those that have one."""
        self.stopping = self.draining = True
        for run in self.gateway.runs():
            if run.status.state is State.QUEUED:
                run.cancel(_SHUT_DOWN)
        await self.gateway.wait_idle()

    async def close(self) -> None:
        """End all runs, and wait until every stream has told the end of its run."""
        self.gateway.close(_SHUT_DOWN)
        await self.streams.wait_none()
