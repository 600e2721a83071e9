"""A TCP proxy in front of one server, which may be cut, or swallow what it should pass on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Literal

import trio
from attrs import define, field

__all__ = ["Link", "open_link"]

_RECEIVE = 1 << 16

State = Literal["whole", "cut", "silent"]


@define(eq=False)
class Link:
    """What stands between those who use the address of a server and that server.

    Attributes:
        url: The address.
        target: The port of the server on 127.0.0.1.
        state: `cut`: connections are closed at once, as by a host that is gone; `silent`: nothing
            is passed on, as by a network that loses everything.
    """

    url: str
    target: int
    state: State = "whole"
    _healed: trio.Event = field(factory=trio.Event)
    _passing: set[trio.CancelScope] = field(factory=set)

    def fail(self, how: Literal["cut", "silent"]) -> None:
        """Let nothing through from now on."""
        self.state, self._healed = how, trio.Event()
        if how == "cut":
            for each in self._passing:
                each.cancel()

    def heal(self) -> None:
        """Let everything through again, also what waits."""
        self.state = "whole"
        self._healed.set()

    async def forward(self, client: trio.SocketStream) -> None:
        """Serve one connection until either side closes it, or it is cut."""
        with trio.CancelScope() as scope:
            self._passing.add(scope)
            try:
                if self.state != "cut":
                    await self._pass(client)
            except (OSError, trio.BrokenResourceError):
                pass  # one side is gone, so the other is closed too
            finally:
                self._passing.discard(scope)

    async def _pass(self, client: trio.SocketStream) -> None:
        async with (
            await trio.open_tcp_stream("127.0.0.1", self.target) as server,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(self._pump, client, server, nursery.cancel_scope)
            nursery.start_soon(self._pump, server, client, nursery.cancel_scope)

    async def _pump(
        self, source: trio.SocketStream, sink: trio.SocketStream, both: trio.CancelScope
    ) -> None:
        try:
            while data := await source.receive_some(_RECEIVE):
                while self.state == "silent":
                    await self._healed.wait()
                await sink.send_all(data)
        except trio.BrokenResourceError:
            pass
        both.cancel()


@asynccontextmanager
async def open_link(target: int) -> AsyncIterator[Link]:
    """Stand in front of a port of 127.0.0.1, whether or not somebody listens there yet."""
    async with trio.open_nursery() as nursery:
        link = Link("", target)
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, link.forward, 0, host="127.0.0.1")
        )
        link.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield link
        nursery.cancel_scope.cancel()
