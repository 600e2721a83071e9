"""Compressed streams, read with a WebSocket library that is not the server's.

Rule: compression changes the number of bytes and nothing else.
"""

from __future__ import annotations

import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from attrs import define, field
from support.raw_http import connect
from support.rough_client import BINARY, frame
from support.served import Serve
from support.watcher import Watcher, event_of
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Request, TextMessage
from wsproto.extensions import Extension, PerMessageDeflate

from glowback_trio import Run, assert_sound
from glowback_trio.server import Settings

Watch = Callable[..., Awaitable[Watcher]]

RSV1 = 4


@define(eq=False)
class Client:
    """A WebSocket client that counts the bytes it receives."""

    stream: trio.abc.Stream
    protocol: WSConnection = field(factory=lambda: WSConnection(ConnectionType.CLIENT))
    accepted: list[Extension] = field(factory=list)
    messages: list[bytes] = field(factory=list)
    code: int | None = None
    received: int = 0

    async def upgrade(self, path: str, *extensions: Extension) -> None:
        request = Request(host="localhost", target=path, extensions=list(extensions))
        await self.stream.send_all(self.protocol.send(request))
        while not isinstance(event := await self.next_event(), AcceptConnection):
            pass
        self.accepted = event.extensions

    async def next_event(self) -> Event:
        while True:
            for event in self.protocol.events():
                return event
            data = await self.stream.receive_some()
            self.received += len(data)
            self.protocol.receive_data(bytes(data) or None)

    async def follow(self) -> None:
        """Read to the server's close, and answer it."""
        text = ""
        while not isinstance(event := await self.next_event(), CloseConnection):
            assert isinstance(event, TextMessage)
            text += event.data
            if event.message_finished:
                self.messages.append(text.encode())
                text = ""
        self.code = event.code
        await self.stream.send_all(self.protocol.send(event.response()))


@asynccontextmanager
async def opened(url: str, path: str, *extensions: Extension) -> AsyncIterator[Client]:
    with trio.fail_after(20):
        async with await connect(url) as stream:
            client = Client(stream)
            await client.upgrade(path, *extensions)
            yield client


def stream_of(run: Run, query: str = "") -> str:
    return f"/backtests/{run.run_id}/stream{query}"


def test_compression_is_off_until_it_is_switched_on() -> None:
    assert not Settings().allow_compression
    assert Settings.from_environ({"GLOWBACK_ALLOW_COMPRESSION": "yes"}).allow_compression


async def test_an_offered_compression_is_ignored_where_it_is_switched_off(
    url: str, finished: Run
) -> None:
    async with opened(url, stream_of(finished), PerMessageDeflate()) as client:
        assert client.accepted == []
        await client.follow()
    assert client.code == 1000


@pytest.mark.parametrize("query", ["", "?batch=100"])
async def test_a_compressed_stream_is_the_same_bytes_in_fewer(
    query: str, serve_with: Serve, finished: Run
) -> None:
    url = await serve_with(allow_compression=True)
    path = stream_of(finished, query)
    async with opened(url, path) as plain:
        await plain.follow()
    async with opened(url, path, PerMessageDeflate()) as client:
        (extension,) = client.accepted
        assert isinstance(extension, PerMessageDeflate)
        assert extension.server_no_context_takeover
        assert extension.client_no_context_takeover
        await client.follow()
    assert plain.accepted == []
    assert client.messages == plain.messages
    assert client.code == plain.code == 1000
    assert client.received < plain.received
    if query:
        assert client.received < plain.received / 4
    else:
        assert_sound([event_of(message) for message in client.messages])


async def test_a_compressed_batch_is_within_its_bound_before_compression(
    serve_with: Serve, finished: Run
) -> None:
    url = await serve_with(allow_compression=True, max_message_bytes=1000)
    async with opened(url, stream_of(finished, "?batch=100"), PerMessageDeflate()) as client:
        assert client.accepted
        await client.follow()
    assert max(map(len, client.messages)) <= 1000
    log = await finished.load_events(limit=10_000)
    assert b",".join(m[1:-1] for m in client.messages) == b",".join(e.data for e in log)


async def test_a_live_compressed_stream_sends_the_end_of_its_run(
    serve_with: Serve, endless: Run
) -> None:
    stop = trio.Event()
    url = await serve_with(stop, allow_compression=True)
    async with opened(url, stream_of(endless), PerMessageDeflate()) as client:
        first = await client.next_event()
        assert isinstance(first, TextMessage)
        client.messages.append(first.data.encode())
        stop.set()
        await client.follow()
    assert_sound([event_of(message) for message in client.messages])
    assert client.code == 1000


async def test_a_client_that_leaves_a_compressed_stream_is_forgotten(
    serve_with: Serve, endless: Run
) -> None:
    url = await serve_with(allow_compression=True)
    async with opened(url, stream_of(endless), PerMessageDeflate()) as client:
        await client.next_event()
        assert endless.subscribers == 1
    with trio.fail_after(5):
        while endless.subscribers:
            await trio.lowlevel.checkpoint()


async def test_a_bomb_is_not_inflated_by_a_stream(
    serve_with: Serve, endless: Run, watch: Watch
) -> None:
    # Before there is a server: the test would hold its loop for a tenth of a second.
    deflater = zlib.compressobj(wbits=-15)
    zeros = deflater.compress(bytes(50_000_000)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    bomb = frame(BINARY, zeros.removesuffix(b"\x00\x00\xff\xff"), rsv=RSV1)
    url = await serve_with(allow_compression=True)
    async with opened(url, stream_of(endless), PerMessageDeflate()) as client:
        tracemalloc.start()
        try:
            await client.stream.send_all(bomb)
            await client.follow()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert client.code == 1009
    assert peak < 2_000_000
    assert (await watch(f"{url}{stream_of(endless)}", count=1)).messages
