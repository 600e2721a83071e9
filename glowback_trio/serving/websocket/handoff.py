"""A WebSocket that the application has handed over to the hub."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import define, field

from glowback_trio.serving.app_runner import AppRunner
from glowback_trio.serving.hub import Feed, Follower, Hub
from glowback_trio.serving.ports import ConnectionPort

__all__ = ["HANDOFF", "HandedOver", "Handoff"]

#: Name of the ASGI extension; its value in the scope is a `Handoff`.
HANDOFF = "websocket.follow"


class Handoff(Protocol):
    """Hands an accepted WebSocket over: what the application sends afterwards is ignored."""

    def __call__(self, feed: Feed, cursor: int, done: Callable[[], None]) -> None:
        """Send this WebSocket the feed's messages after a cursor, and close 1000 at its end.

        Args:
            feed: What to follow.
            cursor: Where to begin.
            done: Called once, when the last message has been sent or the WebSocket has ended.
        """


@define(eq=False)
class HandedOver:
    """One handed-over WebSocket, from `Handoff` to its end, as the hub sees it.

    Attributes:
        done: Called at the end.
    """

    _hub: Hub
    _connection: ConnectionPort
    _scope: dict[str, Any]
    _close: Callable[[int, str], Awaitable[None]]
    _close_nowait: Callable[[int, str], bool]
    done: Callable[[], None]
    _follower: Follower = field(init=False)
    _ended: bool = field(default=False, init=False)

    def begin(self, feed: Feed, cursor: int, runner: AppRunner) -> None:
        """Join the hub.

        Args:
            feed: What to follow.
            cursor: Where to begin.
            runner: Its nursery runs the follower's task while it is behind.
        """
        self._follower = Follower(feed, cursor, self, runner.nursery)
        self._hub.follow(self._follower)

    def end(self) -> None:
        """Leave the hub. Idempotent."""
        if not self._ended:
            self._ended = True
            self._hub.leave(self._follower)
            self.done()

    def write_nowait(self, data: bytes) -> bool:
        """Write frames as far as they go at once; True if that was all."""
        return self._connection.write_nowait(data)

    async def write(self, data: bytes) -> bool:
        """Write frames, waiting for the peer; True if the connection is still good."""
        await self._connection.write(data)
        return not self._connection.ending

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame."""
        await self._close(code, reason)

    def close_nowait(self, code: int, reason: str) -> bool:
        """Send a close frame as far as it goes at once; True if that was all."""
        return self._close_nowait(code, reason)

    def abort(self, error: BaseException | None = None) -> None:
        """End at once; an error is recorded."""
        if error is not None:
            self._connection.fault(error, self._scope)
        self._connection.abort()
