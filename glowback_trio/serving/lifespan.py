"""The application's startup and shutdown, around all else that a server does (ASGI lifespan)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import trio
from attrs import define, field

from glowback_trio.border import Border
from glowback_trio.errors import ServingError

__all__ = ["Lifespan", "open_lifespan"]

# The application gets at least so long to shut down, even where the server was cancelled.
MIN_SHUTDOWN_S = 0.5


@define(eq=False)
class Lifespan:
    """One application's lifespan task, and the two messages exchanged with it.

    Attributes:
        app: The ASGI application.
        state: The ASGI lifespan state; each request gets a copy.
        fault: Called with what the lifespan task raises. The server goes on: by the ASGI
            specification an application that raises has no lifespan.
        failure: Why the application did not start, or None.
        shutdown_by: Until when it may shut down, on trio's clock.
    """

    app: Any
    state: MutableMapping[str, Any]
    fault: Callable[[BaseException], None]
    failure: str | None = None
    shutdown_by: float = field(default=float("-inf"))
    _startup_sent: bool = field(default=False, init=False)
    _started: trio.Event = field(factory=trio.Event, init=False)
    _stopping: trio.Event = field(factory=trio.Event, init=False)
    _stopped: trio.Event = field(factory=trio.Event, init=False)
    _scope: trio.CancelScope = field(init=False)

    def __attrs_post_init__(self) -> None:
        # Shielded so that the application can shut down in order when the server is cancelled.
        self._scope = trio.CancelScope(shield=True)

    async def run(self) -> None:
        """Run the application's lifespan task to its end; its errors go to `fault`."""
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            with Border(self.fault), self._scope:
                await self.app(scope, self._receive, self._send)
        finally:
            self._started.set()
            self._stopped.set()

    async def startup(self) -> None:
        """Wait until the application has started or failed to start, or has no lifespan."""
        await self._started.wait()

    async def shutdown(self) -> None:
        """Let the application shut down: until `shutdown_by`, and at least for half a second."""
        self._stopping.set()
        with trio.CancelScope(shield=True) as scope:
            scope.deadline = max(self.shutdown_by, trio.current_time() + MIN_SHUTDOWN_S)
            await self._stopped.wait()
        self._scope.cancel()

    async def _receive(self) -> dict[str, Any]:
        if not self._startup_sent:
            self._startup_sent = True
            await trio.lowlevel.checkpoint()
            return {"type": "lifespan.startup"}
        await self._stopping.wait()
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        match message["type"]:
            case "lifespan.startup.failed":
                self.failure = str(message.get("message") or "no reason given")
                self._started.set()
            case "lifespan.startup.complete":
                self._started.set()
            case "lifespan.shutdown.complete":
                self._stopped.set()
            case "lifespan.shutdown.failed":
                self.fault(RuntimeError(f"lifespan shutdown failed: {message.get('message', '')}"))
                self._stopped.set()
            case other:
                raise ValueError(f"not a lifespan message: {other!r}")


@asynccontextmanager
async def open_lifespan(
    app: Any, state: MutableMapping[str, Any], fault: Callable[[BaseException], None]
) -> AsyncIterator[Lifespan]:
    """Start the application, and shut it down afterwards, also when cancelled.

    Args:
        app: The ASGI application.
        state: The lifespan state, which the application fills.
        fault: Called with what its lifespan task raises.

    Raises:
        ServingError: If the application says that it cannot start.
    """
    lifespan = Lifespan(app, state, fault)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lifespan.run)
        try:
            await lifespan.startup()
            if lifespan.failure is None:
                yield lifespan
        finally:
            await lifespan.shutdown()
    if lifespan.failure is not None:
        raise ServingError(f"the application failed to start: {lifespan.failure}")
