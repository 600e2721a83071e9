"""A WebSocket client that records messages and how the server closed the connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import trio
from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    WebSocketConnection,
    wrap_client_stream,
)

from glowback_trio import Event


class Watcher:
    """What one WebSocket client received: the messages, then the close code and reason."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.code = 0
        self.reason: str | None = None

    @property
    def events(self) -> list[Event]:
        return [event_of(message.encode()) for message in self.messages]

    async def follow(self, socket: WebSocketConnection, count: int | None = None) -> None:
        """Read to the end, or until `count` messages have arrived."""
        try:
            while count is None or len(self.messages) < count:
                message = await socket.get_message()
                assert isinstance(message, str)
                self.messages.append(message)
        except ConnectionClosed as closed:
            self._note(closed.reason)

    def _note(self, end: CloseReason | None) -> None:
        assert end is not None, "the connection was cut without a close frame"
        self.code, self.reason = end.code, end.reason


@asynccontextmanager
async def connected(
    url: str, *subprotocols: str, **headers: str
) -> AsyncIterator[WebSocketConnection]:
    """Open a WebSocket at an http URL, and close its socket at the end in any case."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    extra = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    async with (
        await trio.open_tcp_stream(parts.hostname, parts.port) as stream,
        trio.open_nursery() as nursery,
    ):
        path = f"{parts.path}?{parts.query}"
        socket = await wrap_client_stream(
            nursery, stream, parts.netloc, path, subprotocols=subprotocols, extra_headers=extra
        )
        yield socket
        await socket.aclose()
        nursery.cancel_scope.cancel()


def event_of(data: bytes) -> Event:
    fields = Event(0, "log", data).decode()
    return Event(fields["event_id"], fields["type"], data)
