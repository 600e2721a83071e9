"""The client's end of a WebSocket that only reads.

The HTTP library makes the connection (proxies, TLS, a refusal's body); from the switch of protocols
on, wsproto reads the frames. Everything happens in the task that calls, so there is no queue in
which a message could be lost, nothing runs behind the caller's back, and a connection is closed by
whoever opened it, however the other side behaves.
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

from glowback_trio.client.responses import why

__all__ = ["Broken", "Closed", "Rejected", "WebSocket", "open_websocket"]

_READ_BYTES = 65_536
# A server that vanished without a word is found out by a ping after this much silence.
_SILENCE_S = 30.0
_PONG_S = 10.0
# What is sent is a few bytes; where not even these can leave, nobody is there.
_SEND_S = 2.0

_LOST = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError)


@frozen
class Rejected:
    """The server answered the handshake as HTTP."""

    response: httpx2.Response


@frozen
class Closed:
    """The server closed the WebSocket as the protocol has it."""

    code: int
    reason: str


@frozen
class Broken:
    """The connection is gone without a word of the protocol, or could not be made."""

    why: str


@define(eq=False)
class WebSocket:
    """An open connection. Made by `open_websocket`; whoever has it calls `aclose`."""

    _response: httpx2.Response
    #: When the server was last heard of, on trio's clock.
    heard_at: float = field(factory=trio.current_time, init=False)
    _protocol: Connection = field(init=False)
    _events: deque[Event] = field(factory=deque, init=False)
    #: What has come of a message.
    _parts: list[bytes] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._protocol = Connection(ConnectionType.CLIENT)

    async def receive(self) -> bytes | Closed | Broken:
        """Wait for the next message, or the end. A cancelled wait loses nothing."""
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
            return Broken(f"the connection broke ({why(error)})")

    async def aclose(self) -> None:
        """Say good-bye if that is still possible, and close the connection. Idempotent."""
        with trio.CancelScope(shield=True):
            await self._say(CloseConnection(1000))
            await self._response.aclose()

    async def _read(self) -> bool:
        """Take in what comes next; False at the end of the stream."""
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
            case TextMessage(data=str(text), message_finished=finished):
                return self._take(text.encode(), finished=finished)
            case BytesMessage(data=data, message_finished=finished):
                return self._take(bytes(data), finished=finished)
            case Ping():
                await self._say(event.response())
            case CloseConnection(code=code, reason=reason):
                await self._say(event.response())
                return Closed(code, reason or "")
            case _:
                pass
        return None

    def _take(self, data: bytes, *, finished: bool) -> bytes | None:
        self._parts.append(data)
        if not finished:
            return None
        whole = b"".join(self._parts)
        self._parts.clear()
        return whole

    async def _say(self, event: Event) -> None:
        """Send what the other side may be past hearing; what it said before stays to be read."""
        with suppress(*_LOST, ProtocolError):
            await self._send(event)

    async def _send(self, event: Event) -> None:
        """Send a frame whole or not at all: half of one would garble what comes after."""
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
    """Connect and shake hands.

    Args:
        http: Gives headers, timeouts and the way to the server.
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
        return await _judge(response, generate_accept_token(nonce))
    except httpx2.TransportError as error:
        return Broken(f"no connection: {why(error)}")


async def _judge(response: httpx2.Response, token: bytes) -> WebSocket | Rejected | Broken:
    """Take the connection over, or leave nothing of it open."""
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
