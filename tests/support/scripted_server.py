"""A WebSocket server that follows a script, wrong messages included, on a network in memory.

Tests of the client use it for what the real server never does: lost and changed events, silence,
broken frames. Each connection plays one scene of the script.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpcore2
import httpx2
import orjson
import trio
import trio.testing
from attrs import define, field
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from glowback_trio.client import Client, Retry, open_client
from glowback_trio.model.events import EventType, encode
from glowback_trio.model.invariants import Digest

Scene = Callable[["Peer"], Awaitable[None]]

STAMP = "2024-01-02T00:00:00.000000Z"


def event(number: int, kind: EventType, payload: object, run_id: str = "r") -> bytes:
    return encode(number, run_id, kind, STAMP, orjson.dumps(payload)).data


def log_of(lines: int) -> list[bytes]:
    """Return a sound log with so many events of type `log` in the middle."""
    log = [event(1, "state", {"state": "queued"}), event(2, "state", {"state": "running"})]
    log += [event(3 + i, "log", {"level": "info", "message": f"líne {i}"}) for i in range(lines)]
    return [*log, end_of(log)]


def end_of(before: Iterable[bytes], **changes: object) -> bytes:
    """Return the terminal event of a log; `changes` make it wrong."""
    digest, count = Digest(), 1
    for data in before:
        digest.add(data)
        count += 1
    payload = {"state": "completed", "error": None, "event_count": count, "digest": str(digest)}
    return event(count, "state", {**payload, **changes})


class Wire(httpcore2.AsyncNetworkStream):
    """A memory stream with the interface of the HTTP library's streams."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - the library's protocol
        try:
            with trio.fail_after(float("inf") if timeout is None else timeout):
                return bytes(await self._stream.receive_some(max_bytes))
        except trio.TooSlowError as error:
            raise httpcore2.ReadTimeout from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore2.ReadError from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the library's protocol
        try:
            with trio.fail_after(float("inf") if timeout is None else timeout):
                await self._stream.send_all(buffer)
        except trio.TooSlowError as error:
            raise httpcore2.WriteTimeout from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore2.WriteError from error

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *_args: object, **_more: object) -> httpcore2.AsyncNetworkStream:
        raise AssertionError("there is no TLS in memory")

    def get_extra_info(self, info: str) -> Any:
        return None


@define(eq=False)
class Peer:
    """The server's end of one connection, after the handshake request has arrived."""

    stream: trio.abc.Stream
    target: str
    protocol: WSConnection
    #: What the client sent after the handshake.
    received: list[Event]

    @property
    def cursor(self) -> int:
        """The last event the client has seen."""
        return int(parse_qs(urlsplit(self.target).query)["last_event_id"][0])

    async def send(self, *events: Event) -> None:
        await self.stream.send_all(b"".join(self.protocol.send(each) for each in events))

    async def accept(self) -> None:
        await self.send(AcceptConnection())

    async def send_events(self, *events: bytes) -> None:
        await self.send(*(TextMessage(data.decode()) for data in events))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.send(CloseConnection(code, reason))
        await self.read_to_end()

    async def reject(self, status: int, body: bytes = b"") -> None:
        length = [(b"content-length", b"%d" % len(body))]
        await self.send(RejectConnection(status_code=status, headers=length, has_body=True))
        await self.send(RejectData(data=body))

    async def read_to_end(self) -> None:
        """Read what the client sends until it closes."""
        while data := bytes(await self.stream.receive_some()):
            self.protocol.receive_data(data)
            self.received += self.protocol.events()


@define(eq=False)
class ScriptedServer(httpcore2.AsyncNetworkBackend):
    """Plays one scene per connection; after the last scene connections are refused."""

    nursery: trio.Nursery
    scenes: list[Scene]
    #: The target of each handshake request.
    targets: list[str] = field(factory=list, init=False)
    peers: list[Peer] = field(factory=list, init=False)
    #: When each connection was made, in trio's time.
    times: list[float] = field(factory=list, init=False)
    #: Creates the two ends of a connection.
    pair: Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]] = trio.testing.memory_stream_pair

    async def connect_tcp(self, *_args: object, **_more: object) -> httpcore2.AsyncNetworkStream:
        await trio.lowlevel.checkpoint()
        self.times.append(trio.current_time())
        if not self.scenes:
            raise httpcore2.ConnectError("connection refused")
        ours, theirs = self.pair()
        self.nursery.start_soon(self._play, theirs, self.scenes.pop(0))
        return Wire(ours)

    async def _play(self, stream: trio.abc.Stream, scene: Scene) -> None:
        async with stream:
            # The client may close in the middle of a scene.
            with suppress(trio.BrokenResourceError):
                await scene(await self._handshake(stream))

    async def _handshake(self, stream: trio.abc.Stream) -> Peer:
        protocol = WSConnection(ConnectionType.SERVER)
        while True:
            data = bytes(await stream.receive_some())
            if not data:
                raise trio.BrokenResourceError
            protocol.receive_data(data)
            for each in protocol.events():
                assert isinstance(each, Request)
                self.targets.append(each.target)
                self.peers.append(Peer(stream, each.target, protocol, []))
                return self.peers[-1]


@asynccontextmanager
async def open_scripted_server(
    *scenes: Scene, **options: Any
) -> AsyncIterator[tuple[Client, ScriptedServer]]:
    """Open a client of a server that plays these scenes, one per connection."""
    async with trio.open_nursery() as nursery:
        server = ScriptedServer(nursery, list(scenes))
        transport = httpx2.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        transport._pool = httpcore2.AsyncConnectionPool(network_backend=server)
        async with open_client("http://server", transport=transport, **options) as client:
            yield client, server
        nursery.cancel_scope.cancel()


def sends(*events: bytes, close: int | None = 1000, reason: str = "") -> Scene:
    """Return a scene that sends events, then closes; `close=None`: without a close frame."""

    async def scene(peer: Peer) -> None:
        await peer.accept()
        await peer.send_events(*events)
        if close is not None:
            await peer.close(close, reason)

    return scene


def resumes(log: Sequence[bytes]) -> Scene:
    """Return a scene that sends the events after the client's cursor, as the real server does."""

    async def scene(peer: Peer) -> None:
        await sends(*log[peer.cursor :])(peer)

    return scene


def rejects(status: int, body: bytes = b"") -> Scene:
    async def scene(peer: Peer) -> None:
        await peer.reject(status, body)

    return scene


async def follow(
    client: Client,
    *,
    after: int = 0,
    types: list[EventType] | None = None,
    retry_for: float = 60,
    retries: list[Retry] | None = None,
) -> list[bytes]:
    """Read a stream to its end and return its messages; lost connections go to `retries`."""
    lost: list[Retry] = [] if retries is None else retries
    async with client.stream(
        "r", after=after, types=types, retry_for=retry_for, on_retry=lost.append
    ) as events:
        return [event.data async for event in events]
