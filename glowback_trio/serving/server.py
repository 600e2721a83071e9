"""Serve an ASGI application, from the first bind to the last close."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import trio
from attrs import define, field

from glowback_trio.border import Border, restarted
from glowback_trio.serving.accepting import Acceptor
from glowback_trio.serving.binding import Bound, Listener, Tls, open_bound
from glowback_trio.serving.connection import Connection
from glowback_trio.serving.http.immediate import ImmediateHandler, never_immediate
from glowback_trio.serving.http.options import HttpOptions
from glowback_trio.serving.http.rejection import RejectionHandler, plain_rejection
from glowback_trio.serving.http.request_limits import BodyAccount, Unbounded
from glowback_trio.serving.hub import Hub
from glowback_trio.serving.lifespan import open_lifespan
from glowback_trio.serving.limits import Limits
from glowback_trio.serving.progress_stream import ProgressStream
from glowback_trio.serving.reading.socket_reader import open_readiness
from glowback_trio.serving.records import Load, Log, discard
from glowback_trio.serving.service import Service

__all__ = ["serve"]

# Connections get so long to send their close frames even where `on_stop` has used up the grace.
MIN_CLOSE_S = 0.25

DEFAULT_LIMITS = Limits()

Hook: TypeAlias = Callable[[], Awaitable[None]]


async def serve(
    app: Any,
    *,
    immediate: ImmediateHandler = never_immediate,
    bind: str | Sequence[str] = "127.0.0.1:8000",
    listeners: Sequence[Listener] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    tls: Tls | None = None,
    stop: trio.Event | None = None,
    on_drain: Hook | None = None,
    on_stop: Hook | None = None,
    log: Log | None = None,
    load: Load | None = None,
    reject: RejectionHandler = plain_rejection,
    bodies: BodyAccount | None = None,
    date_header: bool = True,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI application over HTTP/1.1 and WebSocket until `stop` is set.

    The shutdown has this order: no connection is accepted any more; `on_drain` runs, while open
    connections are served; the grace period begins and `on_stop` runs; WebSockets that are still
    open are closed 1012, idle connections at once, requests in flight after their response; when
    the grace period is over, all other connections are closed by force; the application's lifespan
    shuts down.

    Args:
        app: Any ASGI application that runs on trio.
        immediate: Called before the application with every request that has no body; the response
            that it returns is sent without starting a task. It must not block.
        bind: Where to listen: `host:port`, `[v6 address]:port`, `unix:/path`, or several. Port 0
            picks a free port. Unused when `listeners` are given.
        listeners: Open listeners of any kind to use instead. They are closed at the end.
        limits: What clients may do.
        tls: Certificate and key, to serve https and wss.
        stop: Set it to shut the server down. Cancellation ends the server at once instead.
        on_drain: Called first in the shutdown, so that the application can finish its work; for
            at most `limits.drain` seconds.
        on_stop: Called next, so that the application can end its streams; for at most
            `limits.grace` seconds.
        log: Called with one record per finished request, finished WebSocket and fault. It must not
            block; what it raises is dropped.
        load: Kept up to date with what the server is busy with.
        reject: Makes the responses that are given without the application.
        bodies: Counts the bytes of request bodies, and bounds them together; None: no bound.
        date_header: True if responses carry the time of day. It is the only thing here that does
            not follow trio's clock, so tests switch it off.
        task_status: Started with the URLs once connections are accepted.

    Raises:
        ServingError: If an address, a certificate or the application's startup fails.

    Cancellation closes all connections at once; the lifespan still shuts down, within half a
    second.
    """
    load = Load() if load is None else load
    state: dict[str, Any] = {}
    http = HttpOptions(
        limits=limits,
        immediate=immediate,
        reject=reject,
        hub=Hub(load),
        state=state,
        secure=tls is not None,
        bodies=bodies or Unbounded(),
        date_header=date_header,
    )
    context = None if tls is None else tls.context()
    binds = [bind] if isinstance(bind, str) else bind
    with open_readiness() as readiness:
        service = Service(
            app=app, http=http, log=log or discard, load=load, readiness=readiness, tls=context
        )
        async with (
            open_bound(
                binds if listeners is None else [],
                listeners or [],
                backlog=limits.backlog,
                scheme="https" if http.secure else "http",
            ) as bound,
            open_lifespan(app, state, partial(service.fault, "lifespan")) as lifespan,
        ):
            server = Server(service, trio.Event() if stop is None else stop, on_drain, on_stop)
            lifespan.shutdown_by = await server.run(bound, task_status)


@define(eq=False)
class Server:
    """The actor that accepts connections and shuts them down in order.

    Attributes:
        service: What all connections share.
        stop: Set when the server shall shut down.
        on_drain: Called before the grace period, for at most `limits.drain` seconds.
        on_stop: Called within the grace period, for at most `limits.grace` seconds.
    """

    service: Service
    stop: trio.Event
    on_drain: Hook | None
    on_stop: Hook | None
    _open: set[Connection] = field(factory=set, init=False)
    _over_limit: set[Connection] = field(factory=set, init=False)
    _ending: bool = field(default=False, init=False)

    async def run(self, bound: Sequence[Bound], task_status: trio.TaskStatus[list[str]]) -> float:
        """Serve until `stop` is set and all connections are closed.

        The nesting of the nurseries is the order of the shutdown: accepting ends first, then the
        connections, then the hub.

        Args:
            bound: Where to accept connections.
            task_status: Started with the URLs.

        Returns:
            When the grace period ends, on trio's clock.
        """
        async with trio.open_nursery() as writing:
            self._start_serving_all(writing)
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as accepting:
                    for each in bound:
                        acceptor = Acceptor(
                            each.listener, self._accept, connections, self.service.record
                        )
                        accepting.start_soon(acceptor.run)
                    task_status.started([each.url for each in bound if each.url is not None])
                    await self.stop.wait()
                    accepting.cancel_scope.cancel()
                limits = self.service.limits
                await self._call("on_drain", self.on_drain, trio.current_time() + limits.drain)
                grace_ends = trio.current_time() + limits.grace
                await self._call("on_stop", self.on_stop, grace_ends)
                self._ending = True
                for connection in self._open | self._over_limit:
                    connection.shut_down()
                closed_by = max(grace_ends, trio.current_time() + MIN_CLOSE_S)
                connections.cancel_scope.deadline = closed_by
            writing.cancel_scope.cancel()
        return grace_ends

    def _start_serving_all(self, nursery: trio.Nursery) -> None:
        """Start what all connections need."""
        hub, readiness = self.service.http.hub, self.service.readiness
        nursery.start_soon(restarted, hub.run, partial(self.service.fault, "hub"), name=hub.run)
        if readiness is not None:
            note = partial(self.service.fault, "readiness")
            nursery.start_soon(restarted, readiness.run, note, name=readiness.run)

    async def _call(self, where: str, hook: Hook | None, deadline: float) -> None:
        """Call a hook of the application, until a deadline; its errors are recorded."""
        if hook is None:
            return
        with Border(partial(self.service.fault, where)), trio.move_on_at(deadline):
            await hook()

    async def _accept(self, stream: trio.abc.Stream) -> None:
        """Serve one accepted stream, as a task of its own."""
        limits = self.service.limits
        over_limit = len(self._open) >= limits.connections
        connections = self._over_limit if over_limit else self._open
        too_many = over_limit and len(self._over_limit) >= limits.refusals
        if too_many or self._ending:
            return  # the acceptor closes the stream
        transport = ProgressStream(stream, limits.send_timeout)
        connection = Connection(self.service, transport, over_limit)
        connections.add(connection)
        self._update_load()
        try:
            await connection.run()
        finally:
            connections.discard(connection)
            self._update_load()

    def _update_load(self) -> None:
        self.service.load.connections = len(self._open) + len(self._over_limit)
