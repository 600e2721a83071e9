"""A WebSocket that the application has handed over to the hub."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from attrs import define, field
from hypercorn.events import RawData

from glowback_trio.serving.hub import Feed, Follower

if TYPE_CHECKING:
    from glowback_trio.serving.websocket.stream import WebSocketStream

__all__ = ["HANDOFF", "HandedOver", "Handoff"]

#: Name of the ASGI extension; its value in the scope is a `Handoff`.
HANDOFF = "websocket.follow"


class Handoff(Protocol):
    """Hands an accepted WebSocket over: whatever the application sends after is ignored."""

    def __call__(self, feed: Feed, cursor: int, done: Callable[[], None]) -> None:
        """Send this WebSocket the feed's messages from a cursor on, and close 1000 at its end.

        Args:
            feed: What to follow.
            cursor: From where on.
            done: Called once, when the last message has been sent or the WebSocket has ended.
        """


@define(eq=False)
class HandedOver:
    """One handed-over WebSocket, from `Handoff` to its end; the hub's link to it.

    Attributes:
        stream: The WebSocket.
        done: Called at the end.
    """

    stream: WebSocketStream
    done: Callable[[], None]
    _follower: Follower = field(init=False)
    _ended: bool = field(default=False, init=False)

    def begin(self, feed: Feed, cursor: int) -> None:
        """Join the hub."""
        protocol = self.stream.protocol
        self._follower = Follower(feed, cursor, self, protocol.bridge.nursery)
        protocol.link.service.hub.follow(self._follower)

    def end(self) -> None:
        """Leave the hub. Idempotent."""
        if not self._ended:
            self._ended = True
            self.stream.protocol.link.service.hub.leave(self._follower)
            self.done()

    def write_nowait(self, data: bytes) -> bool:
        """Write frames as far as they go at once; whether that was all."""
        return self.stream.protocol.link.write_nowait(data)

    async def write(self, data: bytes) -> bool:
        """Write frames, waiting for the peer; whether the connection is still good."""
        link = self.stream.protocol.link
        await link.send(RawData(data))
        return not link.ending

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye."""
        await self.stream.close(code, reason)

    def abort(self, error: BaseException | None = None) -> None:
        """End at once; an error is put on record."""
        link = self.stream.protocol.link
        if error is not None:
            link.fault(error, self.stream.scope)
        link.abort()
