"""A server on a virtual network: a gateway, or any ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import trio
from attrs import field, frozen

from glowback_trio import serving
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings
from glowback_trio.server.app import build_app, make_app_state
from glowback_trio.server.serve import serve_app
from glowback_trio.testing.sim.net import VirtualNet

__all__ = ["MemoryServer", "serve_in_memory"]

_QUIET = Settings(log_level="ERROR", rate_limit=0)


@frozen
class MemoryServer:
    """A server on a virtual network. Made by `serve_in_memory`.

    Attributes:
        url: Where clients on the network find it.
        net: The network.
        stop: Set it to shut the server down as a signal would.
        records: What the server of an application has told of requests, WebSockets and faults.
    """

    url: str
    net: VirtualNet
    stop: trio.Event
    records: list[serving.Record] = field(factory=list)
    _address: tuple[str, int] = ("server", 80)

    async def connect(self) -> trio.SocketStream:
        """Connect, and return the client's stream."""
        return await trio.open_tcp_stream(*self._address)

    def connect_nowait(self, capacity: int | None = None) -> trio.SocketStream:
        """Return a stream that is connected at once.

        Args:
            capacity: Bytes that a direction holds; as in the network if not given.
        """
        return self.net.connect_nowait(self._address, capacity=capacity)


@asynccontextmanager
async def serve_in_memory(
    app_or_gateway: Any,
    *,
    net: VirtualNet | None = None,
    host: str = "server",
    port: int = 80,
    settings: Settings = _QUIET,
    **options: Any,
) -> AsyncIterator[MemoryServer]:
    """Serve a gateway or an ASGI application on a virtual network for the length of a block.

    At the end of the block the server is stopped and has to stop. A gateway's server does not
    measure the lag of the event loop, which is nothing in virtual time.

    Args:
        app_or_gateway: An open gateway, or any ASGI application that runs on trio.
        net: An installed network; a new one is installed for the block if none is given.
        host: The server's host on it.
        port: The port that the server listens on.
        settings: Of a gateway's server.
        options: Of an application's server: those of `glowback_trio.serving.serve`.
    """
    stop = trio.Event()
    records: list[serving.Record] = []
    with ExitStack() as stack:
        if net is None:
            net = stack.enter_context(VirtualNet().installed())
        with net.at(host):
            listeners = await trio.open_tcp_listeners(port, host=host)
        number = listeners[0].socket.getsockname()[1]
        if isinstance(app_or_gateway, Gateway):
            app_state = make_app_state(app_or_gateway, settings)
            serve = partial(serve_app, app_state, build_app(app_state))
        else:
            given = {"date_header": False, "log": records.append, **options}
            serve = partial(serving.serve, app_or_gateway, **given)
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(serve, listeners=listeners, stop=stop))
            yield MemoryServer(f"http://{host}:{number}", net, stop, records, (host, number))
            stop.set()
