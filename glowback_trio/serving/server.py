"""Serving an ASGI application: from the first bind to the last close."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import trio
from attrs import define, field
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext

from glowback_trio.serving.binding import Bound, Listener, Tls, open_bound
from glowback_trio.serving.connection import Connection
from glowback_trio.serving.exception_groups import leaves
from glowback_trio.serving.http.immediate import ImmediateHandler, leave_to_the_application
from glowback_trio.serving.http.rejection import RejectionHandler, answer_plainly
from glowback_trio.serving.hub import Hub
from glowback_trio.serving.lifespan import open_lifespan
from glowback_trio.serving.limits import Limits
from glowback_trio.serving.progress_stream import ProgressStream
from glowback_trio.serving.records import Load, Log, discard
from glowback_trio.serving.service import Service

__all__ = ["serve"]

# So many connections beyond the limit are told why they are refused; more are just closed.
TOLD_SURPLUS = 256

# Time to say goodbye where the grace has been used up by the application.
FAREWELL_S = 0.25

DEFAULT_LIMITS = Limits()

Hook: TypeAlias = Callable[[], Awaitable[None]]


async def serve(
    app: Any,
    *,
    prompt: ImmediateHandler = leave_to_the_application,
    bind: str | Sequence[str] = "127.0.0.1:8000",
    listeners: Sequence[Listener] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    tls: Tls | None = None,
    stop: trio.Event | None = None,
    on_drain: Hook | None = None,
    on_stop: Hook | None = None,
    log: Log | None = None,
    load: Load | None = None,
    refuse: RejectionHandler = answer_plainly,
    date_header: bool = True,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve an ASGI application over HTTP/1.1 and WebSocket until `stop` is set.

    Then, in this order: no connection is accepted any more; `on_drain` runs, while what is open is
    served; the grace begins and `on_stop` runs; WebSockets still open are closed 1012, idle
    connections at once, requests in flight after their answer; when the grace is over, everything
    else by force; the application's lifespan shuts down.

    Args:
        app: Any ASGI application that runs on trio.
        prompt: Asked before the application about every request without a body; what it answers is
            sent without starting a task. It must not block.
        bind: Where to listen: `host:port`, `[v6 address]:port`, `unix:/path`, or several. Port 0
            picks a free port. Unused when `listeners` are given.
        listeners: Open listeners of any kind to use instead. They are closed at the end.
        limits: What clients may do.
        tls: Certificate and key, to serve https and wss.
        stop: Set it to end the server in order. Cancelling ends it at once, and just as surely.
        on_drain: The application's chance to finish its work, for at most `limits.drain` seconds.
        on_stop: The application's chance to end its streams, for at most `limits.grace` seconds.
        log: Takes one record per finished request, finished WebSocket and fault. It must not
            block; what it raises is dropped.
        load: Kept up to date with what there is to do.
        refuse: Makes the answers that are given without the application.
        date_header: Whether answers carry the time of day, the only thing here that is not on
            trio's clock.
        task_status: Given the URLs once connections are accepted.

    Raises:
        ServingError: If an address, a certificate or the application's startup fails.

    Cancellation closes all connections at once; the lifespan still shuts down, within half a
    second.
    """
    load = Load() if load is None else load
    service = Service(
        app=app,
        config=hypercorn_config(limits, date_header=date_header),
        context=WorkerContext(None),
        limits=limits,
        prompt=prompt,
        refuse=refuse,
        log=log or discard,
        load=load,
        hub=Hub(load),
        state={},
        tls=None if tls is None else tls.context(),
    )
    binds = [bind] if isinstance(bind, str) else bind
    async with (
        open_bound(
            binds if listeners is None else [],
            listeners or [],
            backlog=limits.backlog,
            scheme="https" if service.secure else "http",
        ) as bound,
        open_lifespan(app, service.state, partial(service.fault, "lifespan")) as lifespan,
    ):
        server = Server(service, trio.Event() if stop is None else stop, on_drain, on_stop)
        lifespan.shutdown_by = await server.run(bound, task_status)


def hypercorn_config(limits: Limits, *, date_header: bool) -> Config:
    """Return Hypercorn's settings: everything that this package does itself is off."""
    config = Config()
    config.accesslog = None
    config.errorlog = None
    config.include_server_header = False
    config.include_date_header = date_header
    config.keep_alive_max_requests = sys.maxsize
    config.h11_max_incomplete_size = limits.header_bytes
    config.websocket_max_message_size = limits.websocket_message_bytes
    return config


@define(eq=False)
class Server:
    """The actor that accepts connections and ends them in order.

    Attributes:
        service: What all connections share.
        stop: Set when the server shall end.
        on_drain: The application's chance to finish its work, for at most `limits.drain` seconds.
        on_drain: The application's part in that, before the grace.
        on_stop: Its part in that, within the grace.
    """

    service: Service
    stop: trio.Event
    on_drain: Hook | None
    on_stop: Hook | None
    _open: set[Connection] = field(factory=set, init=False)
    _surplus: set[Connection] = field(factory=set, init=False)

    async def run(self, bound: Sequence[Bound], task_status: trio.TaskStatus[list[str]]) -> float:
        """Serve until `stop`, and return when the grace is over, on trio's clock."""
        async with trio.open_nursery() as writing:
            writing.start_soon(self.service.hub.run)
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as accepting:
                    await accepting.start(
                        partial(
                            trio.serve_listeners,
                            self._meet,
                            [each.listener for each in bound],
                            handler_nursery=connections,
                        )
                    )
                    task_status.started([each.url for each in bound if each.url is not None])
                    await self.stop.wait()
                    accepting.cancel_scope.cancel()
                limits = self.service.limits
                await self._call("on_drain", self.on_drain, trio.current_time() + limits.drain)
                grace_ends = trio.current_time() + limits.grace
                await self._call("on_stop", self.on_stop, grace_ends)
                await self.service.context.terminated.set()
                for connection in self._open | self._surplus:
                    connection.leave()
                farewell_ends = trio.current_time() + FAREWELL_S
                connections.cancel_scope.deadline = max(grace_ends, farewell_ends)
            writing.cancel_scope.cancel()
        return grace_ends

    async def _call(self, where: str, hook: Hook | None, deadline: float) -> None:
        """Let the application do its part until a deadline."""
        if hook is None:
            return
        try:
            with trio.move_on_at(deadline):
                await hook()
        except* Exception as group:  # noqa: BLE001 - the shutdown goes on whatever it raises
            for error in leaves(group):
                self.service.fault(where, error)

    async def _meet(self, stream: trio.abc.Stream) -> None:
        limits = self.service.limits
        surplus = len(self._open) >= limits.connections
        crowd = self._surplus if surplus else self._open
        crowded = surplus and len(self._surplus) >= TOLD_SURPLUS
        if crowded or self.service.context.terminated.is_set():
            return  # whoever accepted the stream closes it
        transport = ProgressStream(stream, limits.send_timeout)
        connection = Connection(self.service, transport, surplus=surplus)
        crowd.add(connection)
        self._weigh()
        try:
            await connection.run()
        finally:
            crowd.discard(connection)
            self._weigh()

    def _weigh(self) -> None:
        self.service.load.connections = len(self._open) + len(self._surplus)
