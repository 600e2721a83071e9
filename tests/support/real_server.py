"""A server on real sockets, and clients that are closed when a test is over."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field
from support.rough_client import RoughClient

from glowback_trio.serving import Record, serve


@define(eq=False)
class Running:
    """A server on real sockets."""

    urls: list[str]
    stop: trio.Event
    ended: trio.Event
    records: list[Record]
    recorded: trio.MemoryReceiveChannel[Record]
    clients: list[RoughClient] = field(factory=list)

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    async def connect(self) -> RoughClient:
        return self.keep(await trio.open_tcp_stream("127.0.0.1", self.port))

    async def next_record(self) -> Record:
        return await self.recorded.receive()

    def keep(self, stream: trio.SocketStream) -> RoughClient:
        """Return a client on a stream that is closed when the test is over."""
        self.clients.append(RoughClient(stream))
        return self.clients[-1]


@asynccontextmanager
async def running(app: Any, **options: Any) -> AsyncIterator[Running]:
    stop, ended = trio.Event(), trio.Event()
    records: list[Record] = []
    send, recorded = trio.open_memory_channel[Record](1000)
    options.setdefault("bind", "127.0.0.1:0")

    def log(record: Record) -> None:
        records.append(record)
        send.send_nowait(record)

    async def run(*, task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(app, stop=stop, log=log, task_status=task_status, **options)
        ended.set()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            server = Running(await nursery.start(run), stop, ended, records, recorded)
            try:
                yield server
            finally:
                stop.set()
                for client in server.clients:
                    client.stream.socket.close()


def reset(client: RoughClient) -> None:
    """Close with a reset, as a crashed machine's router would."""
    client.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.stream.socket.close()
