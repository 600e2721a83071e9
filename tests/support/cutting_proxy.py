"""A TCP proxy that cuts connections after so many response bytes, or falsifies responses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from attrs import define


@define(eq=False)
class Cuts:
    """After how many bytes each next connection is cut; when the numbers run out, none is cut."""

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
    """Forward to the server at `target`; yield the proxy's URL and its counter of cuts.

    A connection whose first request contains `refused` is closed at once. In responses the first
    part of `lie` is replaced by the second, which has the same length.
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
            sent = chunk.replace(*lie) if lie[0] else chunk
            await sink.send_all(sent[: int(min(budget, len(chunk)))])
            budget -= len(chunk)
            if budget <= 0:
                break
    except trio.BrokenResourceError:
        pass  # one side is closed, so the other is closed too
    both.cancel()
