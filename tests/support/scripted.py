"""A server that keeps to a script, lies included, on a network that is nowhere but in memory."""

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


def log_of(told: int) -> list[bytes]:
    """A sound log with so many log lines in the middle."""
    log = [event(1, "state", {"state": "queued"}), event(2, "state", {"state": "running"})]
    log += [event(3 + i, "log", {"level": "info", "message": f"líne {i}"}) for i in range(told)]
    return [*log, end_of(log)]


def end_of(before: Iterable[bytes], **changes: object) -> bytes:
    """The terminal event of a log, right unless changed."""
    digest, count = Digest(), 1
    for data in before:
        digest.add(data)
        count += 1
    payload = {"state": "completed", "error": None, "event_count": count, "digest": str(digest)}
    return event(count, "state", {**payload, **changes})


class Wire(httpcore2.AsyncNetworkStream):
    """A memory stream as the HTTP library knows streams."""

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
    """The server's end of one connection, once the handshake was asked for."""

    stream: trio.abc.Stream
    target: str
    protocol: WSConnection
    #: What the client said after the handshake.
    heard: list[Event]

    @property
    def cursor(self) -> int:
        """The last event the client has seen."""
        return int(parse_qs(urlsplit(self.target).query)["last_event_id"][0])

    async def say(self, *events: Event) -> None:
        await self.stream.send_all(b"".join(self.protocol.send(each) for each in events))

    async def accept(self) -> None:
        await self.say(AcceptConnection())

    async def tell(self, *events: bytes) -> None:
        await self.say(*(TextMessage(data.decode()) for data in events))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.say(CloseConnection(code, reason))
        await self.listen()

    async def reject(self, status: int, body: bytes = b"") -> None:
        length = [(b"content-length", b"%d" % len(body))]
        await self.say(RejectConnection(status_code=status, headers=length, has_body=True))
        await self.say(RejectData(data=body))

    async def listen(self) -> None:
        """Hear the client out, until it is gone."""
        while data := bytes(await self.stream.receive_some()):
            self.protocol.receive_data(data)
            self.heard += self.protocol.events()


@define(eq=False)
class Theatre(httpcore2.AsyncNetworkBackend):
    """Plays one scene per connection; after the last one nobody answers any more."""

    nursery: trio.Nursery
    scenes: list[Scene]
    #: What each connection asked for.
    asked: list[str] = field(factory=list, init=False)
    peers: list[Peer] = field(factory=list, init=False)
    #: When each connection was made, in trio's time.
    times: list[float] = field(factory=list, init=False)
    #: Makes the two ends of a connection.
    pair: Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]] = trio.testing.memory_stream_pair

    async def connect_tcp(self, *_args: object, **_more: object) -> httpcore2.AsyncNetworkStream:
        await trio.lowlevel.checkpoint()
        self.times.append(trio.current_time())
        if not self.scenes:
            raise httpcore2.ConnectError("nobody is there")
        ours, theirs = self.pair()
        self.nursery.start_soon(self._play, theirs, self.scenes.pop(0))
        return Wire(ours)

    async def _play(self, stream: trio.abc.Stream, scene: Scene) -> None:
        async with stream:
            # The client may leave in the middle of a scene.
            with suppress(trio.BrokenResourceError):
                await scene(await self._greet(stream))

    async def _greet(self, stream: trio.abc.Stream) -> Peer:
        protocol = WSConnection(ConnectionType.SERVER)
        while True:
            data = bytes(await stream.receive_some())
            if not data:
                raise trio.BrokenResourceError
            protocol.receive_data(data)
            for each in protocol.events():
                assert isinstance(each, Request)
                self.asked.append(each.target)
                self.peers.append(Peer(stream, each.target, protocol, []))
                return self.peers[-1]


@asynccontextmanager
async def playing(*scenes: Scene, **options: Any) -> AsyncIterator[tuple[Client, Theatre]]:
    """A client of a server that plays one scene per connection."""
    async with trio.open_nursery() as nursery:
        theatre = Theatre(nursery, list(scenes))
        transport = httpx2.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        transport._pool = httpcore2.AsyncConnectionPool(network_backend=theatre)
        async with open_client("http://server", transport=transport, **options) as client:
            yield client, theatre
        nursery.cancel_scope.cancel()


def tells(*events: bytes, close: int | None = 1000, reason: str = "") -> Scene:
    """Tell these events, then close; None: hang up without a word."""

    async def scene(peer: Peer) -> None:
        await peer.accept()
        await peer.tell(*events)
        if close is not None:
            await peer.close(close, reason)

    return scene


def resumes(log: Sequence[bytes]) -> Scene:
    """Tell what the client has not seen, as an honest server does."""

    async def scene(peer: Peer) -> None:
        await tells(*log[peer.cursor :])(peer)

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
    """The bytes of a stream read to its end; losses are added to `retries`."""
    losses: list[Retry] = [] if retries is None else retries
    async with client.stream(
        "r", after=after, types=types, retry_for=retry_for, on_retry=losses.append
    ) as events:
        return [event.data async for event in events]
