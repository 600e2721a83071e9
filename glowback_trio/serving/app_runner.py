"""Where a connection meets the application: one task and one inbox for each request."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import trio
from attrs import define, field
from hypercorn.typing import ASGIReceiveEvent

from glowback_trio.border import Border

__all__ = ["LATE_SEND_S", "AppRunner", "Inbox", "Message"]

# A request body waits in at most so many pieces of at most 64 KiB that the application has not
# taken. Small pieces are joined, since a body in chunks of a byte has thousands.
BODY_EVENTS = 4
JOINED_BYTES = 16 * 1024

# What an application sends after the end goes nowhere, but takes this long: one that sends in a
# loop without looking must not spin until it is cancelled.
LATE_SEND_S = 0.01

#: An ASGI message from the application.
Message: TypeAlias = dict[str, Any]
#: Takes the application's messages, and None once it has returned.
Send: TypeAlias = Callable[[Message | None], Awaitable[None]]
#: Takes an error that the application raised, and the scope it was started on.
Fault: TypeAlias = Callable[[BaseException, dict[str, Any]], None]


@define(eq=False)
class Inbox:
    """Events on their way to one application task: bounded, but a disconnect never waits.

    The last event of every inbox is its disconnect. It is kept apart from the queue, so that a task
    that never receives cannot keep the connection from ending.

    Attributes:
        capacity: Events that the application may leave untaken.
    """

    capacity: int
    _events: deque[ASGIReceiveEvent] = field(factory=deque, init=False)
    _disconnect: ASGIReceiveEvent | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    async def put(self, event: ASGIReceiveEvent) -> None:
        """Queue an event, waiting for room; a disconnect is taken at once and ends the inbox."""
        if event["type"] in {"http.disconnect", "websocket.disconnect"}:
            self._disconnect = event
        if self._open and self._join(event):
            return
        while self._open and len(self._events) >= self.capacity:
            await self._changed.park()
        if self._open:
            self._events.append(event)
        self._changed.unpark_all()

    def _join(self, event: ASGIReceiveEvent) -> bool:
        """Add a piece of a body to the one before, if that is still queued and both are small."""
        last = self._events[-1] if self._events else None
        if last is None or last["type"] != "http.request" or event["type"] != "http.request":
            return False
        if len(last["body"]) + len(event["body"]) > JOINED_BYTES:
            return False
        last["body"] += event["body"]
        last["more_body"] = event["more_body"]
        return True

    @property
    def _open(self) -> bool:
        """True until the application has returned or the connection has ended."""
        return self._disconnect is None and not self._closed

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next event; after the last one, the disconnect at every call."""
        # An application that receives in a loop after the end must not hold the event loop.
        await trio.lowlevel.checkpoint()
        while not self._events:
            if self._disconnect is not None:
                return self._disconnect
            await self._changed.park()
        self._changed.unpark_all()
        return self._events.popleft()

    def close(self) -> None:
        """Release those who wait to put: nothing will be received any more."""
        self._closed = True
        self._changed.unpark_all()


@define(eq=False)
class AppRunner:
    """Starts the application's tasks for one connection.

    Attributes:
        app: The ASGI application.
        nursery: The connection's.
        fault: Takes every error that the application raises, each leaf of a group by itself.
        messages: WebSocket messages that the application may leave untaken.
    """

    app: Any
    nursery: trio.Nursery
    fault: Fault
    messages: int

    def start(self, scope: dict[str, Any], send: Send) -> Inbox:
        """Start the application on one scope, and return the inbox of its events."""
        inbox = Inbox(self.messages if scope["type"] == "websocket" else BODY_EVENTS)
        self.nursery.start_soon(self._run, scope, inbox, send)
        return inbox

    async def _run(self, scope: dict[str, Any], inbox: Inbox, send: Send) -> None:
        try:
            with Border(lambda error: self.fault(error, scope)):
                await self.app(scope, inbox.receive, send)
        finally:
            inbox.close()
        await send(None)
