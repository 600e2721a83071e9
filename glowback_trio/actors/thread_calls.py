"""Calls of other threads into the gateway's event loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import trio
from attrs import define, field

from glowback_trio.actors.event_loop import EventLoop
from glowback_trio.errors import EventLoopError, GatewayClosedError

__all__ = ["ThreadCalls"]

_CLOSED = "No calls from threads are accepted: the gateway was closed"


@define(eq=False)
class ThreadCalls:
    """The calls that threads have made and that have not returned; `close` ends them."""

    _loop: EventLoop
    _open: set[trio.CancelScope] = field(factory=set, init=False)
    _closed: bool = field(default=False, init=False)
    _left: trio.Event = field(factory=trio.Event, init=False)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function in the loop, await it if it is async, and return what it returns.

        Raises:
            EventLoopError: This thread runs a trio loop, which the call would block.
            GatewayClosedError: The gateway is closed, or was closed during the call.
        """
        if trio.lowlevel.in_trio_run():
            raise EventLoopError.here(
                "gateway.from_thread",
                "in the gateway's own loop call the function itself, and from another trio loop "
                "use trio.to_thread.run_sync(gateway.from_thread, ...)",
            )
        try:
            return trio.from_thread.run(self._carry_out, function, trio_token=self._loop.token)
        except trio.RunFinishedError:
            raise GatewayClosedError(_CLOSED) from None

    async def _carry_out(self, function: Callable[[], Any]) -> Any:
        if self._closed:
            raise GatewayClosedError(_CLOSED)
        with trio.CancelScope() as scope:
            self._open.add(scope)
            try:
                value = function()
                return await value if inspect.isawaitable(value) else value
            finally:
                self._open.remove(scope)
                self._note_left()
        raise GatewayClosedError(_CLOSED)

    def close(self) -> None:
        """Accept no more calls, and cancel those that wait. Idempotent."""
        self._closed = True
        self._note_left()
        for scope in self._open:
            scope.cancel()

    def _note_left(self) -> None:
        if self._closed and not self._open:
            self._left.set()

    async def wait_left(self) -> None:
        """Wait until no call is left. Call `close` first."""
        # Shielded: the calls are cancelled, and must be gone before the gateway is.
        with trio.CancelScope(shield=True):
            await self._left.wait()
