"""The gate: an actor of the cluster by which a gateway stops jobs and lets them go on.

A job asks it between its steps whether to stop, and waits at it until it may go on. Ray counts a
task that waits so as one that uses no CPU, and gives that to another task.
"""

from __future__ import annotations

import asyncio

from attrs import define, field

__all__ = ["Gate"]


@define(eq=False)
class _Turn:
    """Whether one attempt may work."""

    stopped: asyncio.Event = field(factory=asyncio.Event)
    going: asyncio.Event = field(factory=asyncio.Event)


@define(eq=False)
class Gate:
    """The gate of one gateway. All of its calls run in one event loop of the actor's process.

    An attempt that it does not know, because the actor was restarted, may go on.
    """

    _turns: dict[int, _Turn] = field(factory=dict, init=False)

    async def begin(self, attempt: int) -> None:
        """Know an attempt from now on."""
        self._turns[attempt] = _Turn()

    async def stop(self, attempt: int) -> None:
        """Stop an attempt's job at its next step."""
        if turn := self._turns.get(attempt):
            turn.going.clear()
            turn.stopped.set()

    async def go(self, attempt: int) -> None:
        """Let an attempt's job go on."""
        if turn := self._turns.get(attempt):
            turn.stopped.clear()
            turn.going.set()

    async def forget(self, attempt: int) -> None:
        """Know an attempt no longer; its job, if it is still at work, ends at its next step."""
        if turn := self._turns.pop(attempt, None):
            turn.stopped.set()
            turn.going.set()

    async def wait_stopped(self, attempt: int) -> str:
        """Wait until an attempt's job is to do something else; return what.

        Returns:
            `wait`, `end`, or `go on`, which is not to be asked again.
        """
        if (turn := self._turns.get(attempt)) is None:
            return "go on"
        await turn.stopped.wait()
        return "wait" if attempt in self._turns else "end"

    async def wait_going(self, attempt: int) -> bool:
        """Wait until an attempt's job may go on; return False if it is to end."""
        if turn := self._turns.get(attempt):
            await turn.going.wait()
        return attempt in self._turns
