"""A server on a network in memory, with its clients and its records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import trio
from attrs import define, field
from support.asgi_apps import App
from support.rough_client import RoughClient
from support.virtual_net import KIB, Network

from glowback_trio.serving import (
    FaultRecord,
    Limits,
    Record,
    RequestRecord,
    WebSocketRecord,
    serve,
)

RecordKind = TypeVar("RecordKind", bound=Record)


@define(eq=False)
class VirtualServer:
    """A running server."""

    app: App
    network: Network = field(factory=Network)
    stop: trio.Event = field(factory=trio.Event)
    ended: trio.Event = field(factory=trio.Event)
    records: list[Record] = field(factory=list)

    async def run(self, *, task_status: trio.TaskStatus[list[str]], **options: Any) -> None:
        await serve(
            self.app,
            listeners=[self.network],
            stop=self.stop,
            date_header=False,
            task_status=task_status,
            **options,
        )
        self.ended.set()

    def connect(self, capacity: int = 64 * KIB) -> RoughClient:
        return RoughClient(self.network.connect(capacity))

    async def websocket(self, path: bytes = b"/echo", capacity: int = 64 * KIB) -> RoughClient:
        client = self.connect(capacity)
        head = await client.upgrade(path)
        assert head.startswith(b"HTTP/1.1 101"), head
        return client

    async def still_answers(self) -> bool:
        """Return True if a new client is served and no other request is left."""
        await trio.sleep(60)
        reply = await self.connect().get(b"/", b"Connection: close")
        await trio.sleep(60)
        return reply.body == b"ok" and self.app.running == 0

    def kinds(self, kind: type[RecordKind]) -> list[RecordKind]:
        return [record for record in self.records if isinstance(record, kind)]

    @property
    def requests(self) -> list[RequestRecord]:
        return self.kinds(RequestRecord)

    @property
    def websockets(self) -> list[WebSocketRecord]:
        return self.kinds(WebSocketRecord)

    @property
    def faults(self) -> list[str]:
        return [repr(record.error) for record in self.kinds(FaultRecord)]


@asynccontextmanager
async def serving(app: App | None = None, **options: Any) -> AsyncIterator[VirtualServer]:
    """Serve for the length of a block, then stop, and fail if it does not stop in time."""
    server = VirtualServer(app or App())
    options.setdefault("log", server.records.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(server.run, **options))
        yield server
        server.stop.set()
        with trio.fail_after(options.get("limits", Limits()).grace + 1):
            await server.ended.wait()
