"""A TCP proxy that cuts connections after so many bytes of answers, or lies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from attrs import define


@define(eq=False)
class Cuts:
    """After how many bytes each next connection is cut; when there are no more, none is."""

    offsets: Iterator[int]
    made: int = 0

    def budget(self) -> float:
        offset = next(self.offsets, None)
        if offset is None:
            return float("inf")
        self.made += 1
        return offset


@asynccontextmanager
async def open_cutting_proxy(
    target: str,
    offsets: Iterable[int],
    refused: bytes | None = None,
    lie: tuple[bytes, bytes] = (b"", b""),
) -> AsyncIterator[tuple[str, Cuts]]:
    """Forward to the server at `target`; the proxy's URL and its account of cuts come back.

    A connection that begins with a request in which `refused` stands is hung up on. In answers the
    first part of `lie` becomes the second, of the same length.
    """
    assert len(lie[0]) == len(lie[1])
    port = int(target.rpartition(":")[2])
    cuts = Cuts(iter(offsets))

    async def forward(client: trio.SocketStream) -> None:
        request = await client.receive_some()
        if not request or (refused is not None and refused in request):
            return
        budget = cuts.budget()
        server = await trio.open_tcp_stream("127.0.0.1", port)
        async with server, trio.open_nursery() as nursery:
            await server.send_all(request)
            both = nursery.cancel_scope
            nursery.start_soon(_pump, client, server, float("inf"), both)
            nursery.start_soon(_pump, server, client, budget, both, lie)

    async with trio.open_nursery() as nursery:
        listeners: list[trio.SocketListener] = await nursery.start(
            partial(trio.serve_tcp, forward, 0, host="127.0.0.1")
        )
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", cuts
        nursery.cancel_scope.cancel()


async def _pump(
    source: trio.SocketStream,
    sink: trio.SocketStream,
    budget: float,
    both: trio.CancelScope,
    lie: tuple[bytes, bytes] = (b"", b""),
) -> None:
    try:
        async for chunk in source:
            told = chunk.replace(*lie) if lie[0] else chunk
            await sink.send_all(told[: int(min(budget, len(chunk)))])
            budget -= len(chunk)
            if budget <= 0:
                break
    except trio.BrokenResourceError:
        pass  # one side has gone, so the other one goes as well
    both.cancel()
