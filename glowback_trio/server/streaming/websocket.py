"""A WebSocket as ASGI has it. A stream asks nothing of a framework, so none is in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from glowback_trio.model.stream_protocol import StreamClose
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import encode_headers
from glowback_trio.serving import ImmediateResponse

__all__ = ["Receive", "Scope", "Send", "WebSocket"]

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]


@frozen(eq=False)
class WebSocket:
    """One WebSocket, from its handshake on.

    Attributes:
        context: What its handshake says.
    """

    context: RequestContext
    _receive: Receive
    _send: Send

    async def refuse(self, answer: ImmediateResponse) -> None:
        """Answer the handshake as a request that becomes no WebSocket."""
        start = {"status": answer.status, "headers": [*answer.headers]}
        await self._send({"type": "websocket.http.response.start", **start})
        await self._send({"type": "websocket.http.response.body", "body": answer.body})

    async def accept(self, headers: Mapping[str, str], subprotocol: str | None) -> None:
        """Answer the handshake."""
        lines = encode_headers(headers)
        await self._send({"type": "websocket.accept", "headers": lines, "subprotocol": subprotocol})

    async def send(self, text: str) -> None:
        """Send a message."""
        await self._send({"type": "websocket.send", "text": text, "bytes": None})

    async def close(self, end: StreamClose) -> None:
        """Send the close frame."""
        await self._send({"type": "websocket.close", "code": end.code, "reason": end.reason})

    async def wait_left(self) -> None:
        """Take what the client says, and heed none of it, until the client has gone."""
        while (await self._receive())["type"] != "websocket.disconnect":
            pass
