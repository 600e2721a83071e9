"""Turns: when a job may work, where more jobs are at work than can be carried out at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from glowback_trio.compute.steps import Step

__all__ = ["UNSHARED", "Turn"]


class Turn(Protocol):
    """A job's share of the places in which jobs are carried out.

    A backend that works step by step calls `wait` before each step. One whose work goes on without
    it, in a process, has `drive` stop the work and let it go on.
    """

    async def wait(self) -> None:
        """Wait until the job may work. Its place is given on here, if it is another one's turn."""

    async def pass_on(self, step: Step, send: trio.MemorySendChannel[Step]) -> None:
        """Send a step; while that waits for its reader, the job is not at work."""

    async def drive(self, stop: Callable[[], object], go: Callable[[], object]) -> None:
        """Be the task that stops work that has begun and lets it go on, until it is cancelled.

        Args:
            stop: Called when the job's turn is over.
            go: Called when it has its next one.
        """


class _Unshared:
    """The turn of a job that has its place to itself."""

    async def wait(self) -> None:
        """Return at once."""

    async def pass_on(self, step: Step, send: trio.MemorySendChannel[Step]) -> None:
        """Send a step."""
        await send.send(step)

    async def drive(self, stop: Callable[[], object], go: Callable[[], object]) -> None:
        """Let the work be."""
        await trio.sleep_forever()


#: For jobs that nobody else has to wait for.
UNSHARED: Turn = _Unshared()
