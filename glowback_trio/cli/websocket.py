"""The client's end of a WebSocket that only reads.

One task and one stream: the protocol is wsproto's, which does no I/O of its own. So the socket is
closed by whoever opened it, however the other side behaves, and a server that hangs up in the
middle of the handshake is noticed at once.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import SplitResult, urlsplit

import trio
from attrs import define, field, frozen
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

__all__ = ["Broken", "Closed", "Rejected", "WebSocket", "open_websocket"]

_CONNECT_S = 10.0
_CLOSE_S = 2.0
# A server that vanished without a word is found out by a ping after this much silence.
_SILENCE_S = 30.0
_PONG_S = 10.0


@frozen
class Rejected:
    """The server answered the handshake as HTTP."""

    status: int
    body: bytes


@frozen
class Closed:
    """The server closed the WebSocket as the protocol has it."""

    code: int
    reason: str


@frozen
class Broken:
    """The connection is gone without a word of the protocol."""

    why: str


@define(eq=False)
class WebSocket:
    """An open connection, from the handshake's first byte on. Made by `open_websocket`."""

    _stream: trio.abc.Stream
    _protocol: WSConnection = field(init=False)
    _events: deque[Event] = field(factory=deque, init=False)
    #: What has come of a message, or of the body of a rejection.
    _text: str = field(default="", init=False)
    _rejection: Rejected | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._protocol = WSConnection(ConnectionType.CLIENT)

    async def send(self, event: Event) -> None:
        """Send one of the protocol's events."""
        await self._stream.send_all(self._protocol.send(event))

    async def receive(self) -> str | Closed | Rejected | Broken:
        """Wait for the next message, or the end."""
        try:
            while True:
                while self._events:
                    if (received := await self._handle(self._events.popleft())) is not None:
                        return received
                if not await self._read():
                    return Broken("the connection broke")
        except trio.TooSlowError:
            return Broken(f"the server has been silent for {_SILENCE_S + _PONG_S:g} s")
        except (trio.BrokenResourceError, ProtocolError) as error:
            return Broken(f"the connection broke ({error})")

    async def _read(self) -> bool:
        """Read what comes next; False at the end of the stream."""
        data = None
        with trio.move_on_after(_SILENCE_S):
            data = await self._stream.receive_some()
        if data is None:
            with trio.fail_after(_PONG_S):
                await self.send(Ping())
                data = await self._stream.receive_some()
        if data:
            self._protocol.receive_data(bytes(data))
            self._events.extend(self._protocol.events())
        return bool(data)

    async def _handle(self, event: Event) -> str | Closed | Rejected | None:
        match event:
            case TextMessage(data=text, message_finished=finished):
                self._text += text
                if finished:
                    whole, self._text = self._text, ""
                    return whole
            case Ping():
                await self.send(event.response())
            case CloseConnection(code=code, reason=reason):
                with trio.move_on_after(_CLOSE_S):
                    await self.send(event.response())
                return Closed(code, reason or "")
            case RejectConnection(status_code=status, has_body=has_body):
                self._rejection = Rejected(status, b"")
                return None if has_body else self._rejection
            case RejectData(data=data, body_finished=finished) if self._rejection is not None:
                self._rejection = Rejected(self._rejection.status, self._rejection.body + data)
                return self._rejection if finished else None
            case _:
                pass
        return None


@asynccontextmanager
async def open_websocket(
    url: str, headers: list[tuple[bytes, bytes]]
) -> AsyncIterator[WebSocket | Broken]:
    """Connect and send the handshake; what comes of it is the first thing to be received.

    Args:
        url: `ws://` or `wss://`.
        headers: Sent with the handshake.

    Yields:
        The WebSocket, or why there is nobody to connect to.
    """
    parts = urlsplit(url)
    stream = await _connect(parts)
    if isinstance(stream, Broken):
        yield stream
        return
    async with stream:
        socket = WebSocket(stream)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        with suppress(trio.BrokenResourceError):  # the first receive will tell
            await socket.send(
                Request(parts.netloc.rpartition("@")[2], target, extra_headers=headers)
            )
        yield socket


async def _connect(parts: SplitResult) -> trio.abc.Stream | Broken:
    host = parts.hostname or ""
    try:
        with trio.fail_after(_CONNECT_S):
            if parts.scheme == "wss":
                return await _connect_securely(host, parts.port or 443)
            return await trio.open_tcp_stream(host, parts.port or 80)
    except trio.TooSlowError:
        return Broken(f"no connection within {_CONNECT_S:g} s")
    except (OSError, trio.BrokenResourceError) as error:
        return Broken(f"no connection: {error.__cause__ or error}")


async def _connect_securely(host: str, port: int) -> trio.abc.Stream:
    stream = await trio.open_ssl_over_tcp_stream(
        host, port, ssl_context=ssl.create_default_context(), https_compatible=True
    )
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream
