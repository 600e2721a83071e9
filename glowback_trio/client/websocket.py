"""A WebSocket connection for a client that only reads.

The HTTP library makes the connection (proxies, TLS, the body of a refusal); after the switch of
protocols wsproto reads the frames. All of it runs in the calling task: there is no queue in which a
message could be lost, no background task, and the opener closes the connection whatever the server
does.
"""

from __future__ import annotations

import base64
import secrets
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpcore2
import httpx2
import trio
from attrs import define, field, frozen
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import ProtocolError, generate_accept_token

from glowback_trio.client.responses import reason_of

__all__ = ["Broken", "Closed", "Rejected", "WebSocket", "open_websocket"]

_READ_BYTES = 65_536
# A server that vanished without closing is detected by a ping after this much silence, since a
# healthy run may emit nothing for hours.
_SILENCE_S = 30.0
_PONG_S = 10.0
# Frames sent here are a few bytes. If they cannot be sent in this time, the server is gone.
_SEND_S = 2.0

# Frames are read from the stream below httpx2, so the errors are those of httpcore2.
_LOST = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError)


@frozen
class Rejected:
    """The server refused the handshake with an HTTP response."""

    response: httpx2.Response


@frozen
class Closed:
    """The server closed the WebSocket with a close frame."""

    code: int
    reason: str


@frozen
class Broken:
    """The connection was lost without a close frame, or could not be made."""

    why: str


@define(eq=False)
class WebSocket:
    """An open connection. Made by `open_websocket`; its owner calls `aclose`."""

    _response: httpx2.Response
    #: When the last bytes arrived, on trio's clock.
    heard_at: float = field(factory=trio.current_time, init=False)
    _protocol: Connection = field(init=False)
    _events: deque[Event] = field(factory=deque, init=False)
    #: The fragments of a message whose last one has not arrived.
    _parts: list[bytes] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._protocol = Connection(ConnectionType.CLIENT)

    async def receive(self) -> bytes | Closed | Broken:
        """Wait for the next message or the end. Cancelling the wait loses nothing."""
        try:
            while True:
                while self._events:
                    if (received := await self._handle(self._events.popleft())) is not None:
                        return received
                if not await self._read():
                    return Broken("the connection broke")
        except trio.TooSlowError:
            return Broken(f"the server has been silent for {_SILENCE_S + _PONG_S:g} s")
        except (*_LOST, ProtocolError) as error:
            return Broken(f"the connection broke ({reason_of(error)})")

    async def aclose(self) -> None:
        """Send a close frame if possible, and close the connection. Idempotent."""
        with trio.CancelScope(shield=True):
            # Shielded, so that a cancelled stream still sends a close frame; `_SEND_S` bounds it.
            await self._try_send(CloseConnection(1000))
            await self._response.aclose()

    async def _read(self) -> bool:
        """Read and parse the next bytes. Return False at the end of the stream."""
        data: bytes | None = None
        with trio.move_on_after(_SILENCE_S):
            data = await self._stream.read(_READ_BYTES)
        if data is None:
            await self._send(Ping())
            with trio.fail_after(_PONG_S):
                data = await self._stream.read(_READ_BYTES)
        if data:
            self.heard_at = trio.current_time()
            self._protocol.receive_data(data)
            self._events.extend(self._protocol.events())
        return bool(data)

    async def _handle(self, event: Event) -> bytes | Closed | None:
        match event:
            # Bytes, because the digest in the terminal event is over the bytes of the events.
            case TextMessage(data=str(text), message_finished=finished):
                return self._collect(text.encode(), finished=finished)
            case BytesMessage(data=data, message_finished=finished):
                return self._collect(bytes(data), finished=finished)
            case Ping():
                await self._try_send(event.response())
            case CloseConnection(code=code, reason=reason):
                await self._try_send(event.response())
                return Closed(code, reason or "")
            case _:
                pass
        return None

    def _collect(self, data: bytes, *, finished: bool) -> bytes | None:
        self._parts.append(data)
        if not finished:
            return None
        message = b"".join(self._parts)
        self._parts.clear()
        return message

    async def _try_send(self, event: Event) -> None:
        """Send a frame, and ignore that the peer is gone: received messages must still be read."""
        with suppress(*_LOST, ProtocolError):
            await self._send(event)

    async def _send(self, event: Event) -> None:
        """Send a frame. Shielded, because half a frame would garble everything after it."""
        data = self._protocol.send(event)
        with trio.CancelScope(shield=True):
            await self._stream.write(data, timeout=_SEND_S)

    @property
    def _stream(self) -> httpcore2.AsyncNetworkStream:
        stream: httpcore2.AsyncNetworkStream = self._response.extensions["network_stream"]
        return stream


async def open_websocket(
    http: httpx2.AsyncClient, url: str, parameters: Mapping[str, Any]
) -> WebSocket | Rejected | Broken:
    """Connect and do the handshake.

    Args:
        http: Provides headers, timeouts and the connection.
        url: `http://` or `https://`; the handshake is an HTTP request.
        parameters: The query.
    """
    nonce = base64.b64encode(secrets.token_bytes(16))
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": nonce.decode(),
        "Sec-WebSocket-Version": "13",
    }
    request = http.build_request("GET", url, params=parameters, headers=headers)
    try:
        response = await http.send(request, stream=True)
        return await _accept(response, generate_accept_token(nonce))
    except httpx2.TransportError as error:
        return Broken(f"no connection: {reason_of(error)}")


async def _accept(response: httpx2.Response, token: bytes) -> WebSocket | Rejected | Broken:
    """Check the handshake's response, and keep its connection open only if it is a WebSocket.

    Args:
        response: The response, whose body has not been read.
        token: The `Sec-WebSocket-Accept` that belongs to the key sent (RFC 6455, section 4.2.2).
    """
    if response.status_code == httpx2.codes.SWITCHING_PROTOCOLS:
        if response.headers.get("Sec-WebSocket-Accept", "").encode() == token:
            return WebSocket(response)
        await response.aclose()
        return Broken("no connection: the server switched to another protocol than WebSocket")
    try:
        await response.aread()
    finally:
        await response.aclose()
    return Rejected(response)
