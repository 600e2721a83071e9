"""Where a connection meets the application: one task and one inbox for each request."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import trio
from attrs import define, field

from glowback_trio.serving.exception_groups import leaves

if TYPE_CHECKING:
    from hypercorn.config import Config
    from hypercorn.typing import AppWrapper, ASGIReceiveEvent, ASGISendEvent, Scope

__all__ = ["LATE_SEND_S", "AppRunner", "Inbox"]

# A request body waits in as few pieces of at most 64 KiB as an application leaves untaken. Small
# ones wait as one, for a body in chunks of a byte has thousands.
BODY_EVENTS = 4
JOINED_BYTES = 16 * 1024

# What an application sends after the end goes nowhere, but takes this long: one that sends in a
# loop and never looks must not spin until it is cancelled.
LATE_SEND_S = 0.01

Send = Callable[["ASGISendEvent | None"], Awaitable[None]]
Put = Callable[["ASGIReceiveEvent"], Awaitable[None]]
Fault = Callable[[BaseException, "Scope"], None]


@define(eq=False)
class Inbox:
    """Events on their way to one application task: bounded, but a disconnect never waits.

    The last event of every inbox is its disconnect. It stands beside the queue, so a task that
    never receives cannot keep the connection from ending.
    """

    capacity: int
    _events: deque[ASGIReceiveEvent] = field(factory=deque, init=False)
    _last: ASGIReceiveEvent | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)

    async def put(self, event: ASGIReceiveEvent) -> None:
        """Queue an event, waiting for room; a disconnect is taken at once and ends the inbox."""
        if event["type"] in {"http.disconnect", "websocket.disconnect"}:
            self._last = event
        if self._takes() and self._join(event):
            return
        while self._takes() and len(self._events) >= self.capacity:
            await self._changed.park()
        if self._takes():
            self._events.append(event)
        self._changed.unpark_all()

    def _join(self, event: ASGIReceiveEvent) -> bool:
        """Add a piece of a body to the one before, if that is still there and both are small."""
        last = self._events[-1] if self._events else None
        if last is None or last["type"] != "http.request" or event["type"] != "http.request":
            return False
        if len(last["body"]) + len(event["body"]) > JOINED_BYTES:
            return False
        last["body"] += event["body"]
        last["more_body"] = event["more_body"]
        return True

    def _takes(self) -> bool:
        """Not when the application has returned, or the connection has ended."""
        return self._last is None and not self._closed

    async def receive(self) -> ASGIReceiveEvent:
        """Return the next event, and for ever after the last the disconnect."""
        # An application that receives in a loop after the end must not hold the event loop.
        await trio.lowlevel.checkpoint()
        while not self._events and self._last is None:
            await self._changed.park()
        self._changed.unpark_all()
        return self._events.popleft() if self._events else cast("ASGIReceiveEvent", self._last)

    def close(self) -> None:
        """Let go of whoever waits to put: nobody will receive any more."""
        self._closed = True
        self._changed.unpark_all()


@define(eq=False)
class AppRunner:
    """Starts application tasks for a connection; what Hypercorn's streams call a task group.

    Attributes:
        nursery: The connection's own.
        fault: Told every error an application raises, each leaf of a group by itself.
        messages: WebSocket messages an application may leave untaken.
    """

    nursery: trio.Nursery
    fault: Fault
    messages: int

    async def spawn_app(self, app: AppWrapper, config: Config, scope: Scope, send: Send) -> Put:
        """Start the application on one scope; return where its events go."""
        inbox = Inbox(self.messages if scope["type"] == "websocket" else BODY_EVENTS)
        self.nursery.start_soon(self._run, app, scope, inbox, send)
        return inbox.put

    async def _run(self, app: Any, scope: Scope, inbox: Inbox, send: Send) -> None:
        try:
            await app(scope, inbox.receive, send)
        except* Exception as group:  # noqa: BLE001 - a fault of one request ends that request only
            for error in leaves(group):
                self.fault(error, scope)
        finally:
            inbox.close()
        await send(None)
