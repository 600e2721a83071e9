"""A WebSocket over plain ASGI, without a framework in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from glowback_trio.model.stream_protocol import StreamClose
from glowback_trio.server.http.request import RequestContext
from glowback_trio.server.http.responses import encode_headers
from glowback_trio.serving import ImmediateResponse

__all__ = ["AsgiWebSocket", "Receive", "Scope", "Send"]

Scope: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]


@frozen(eq=False)
class AsgiWebSocket:
    """One WebSocket, from its handshake on.

    Attributes:
        context: Its handshake.
    """

    context: RequestContext
    _receive: Receive
    _send: Send

    async def reject(self, response: ImmediateResponse) -> None:
        """Reject the handshake with an HTTP response."""
        start = {"status": response.status, "headers": response.all_headers}
        await self._send({"type": "websocket.http.response.start", **start})
        await self._send({"type": "websocket.http.response.body", "body": response.body})

    async def accept(self, headers: Mapping[str, str], subprotocol: str | None) -> None:
        """Accept the handshake."""
        lines = encode_headers(headers)
        await self._send({"type": "websocket.accept", "headers": lines, "subprotocol": subprotocol})

    async def send(self, text: str) -> None:
        """Send one text message."""
        await self._send({"type": "websocket.send", "text": text, "bytes": None})

    async def close(self, end: StreamClose) -> None:
        """Send the close frame."""
        await self._send({"type": "websocket.close", "code": end.code, "reason": end.reason})

    async def wait_disconnected(self) -> None:
        """Receive and discard until the client disconnects."""
        while (await self._receive())["type"] != "websocket.disconnect":
            pass
