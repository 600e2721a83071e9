"""Where a run's work is carried out: on the event loop, or in a worker thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.compute.job import Job, Step

__all__ = ["Compute", "InlineCompute", "ThreadCompute"]


class Compute(Protocol):
    """The muscle."""

    async def run_job(self, job: Job, send: trio.MemorySendChannel[Step]) -> None:
        """Take the steps one after the other and send each on, then close the channel.

        Cancelled, it returns at the next checkpoint of the step in hand: at most one slice, or one
        symbol's loading, later.
        """


class InlineCompute:
    """Works on the event loop, with a checkpoint after every step: for tests and small programs."""

    async def run_job(self, job: Job, send: trio.MemorySendChannel[Step]) -> None:
        """Take the steps on the event loop."""
        async with send:
            for step in job(_no_checkpoint):
                await send.send(step)


def _no_checkpoint() -> None:
    """On the event loop there is nobody else who could cancel within a step."""


@define(eq=False)
class ThreadCompute:
    """Works in a worker thread, so that the event loop stays free.

    Args:
        slots: How many runs may compute at once. Under one interpreter lock more threads bring no
            speed and make the loop wait longer, hence 1.
    """

    slots: int = 1
    _slots: trio.CapacityLimiter = field(init=False)
    _threads: trio.CapacityLimiter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._slots = trio.CapacityLimiter(self.slots)
        # A step's thread must not queue behind other users of trio's default limiter.
        self._threads = trio.CapacityLimiter(self.slots)

    async def run_job(self, job: Job, send: trio.MemorySendChannel[Step]) -> None:
        """Take the steps in worker threads, one hop per step, holding a compute slot."""
        async with send, self._slots:
            steps = job(trio.from_thread.check_cancelled)
            while (step := await self._next(steps)) is not None:
                await send.send(step)

    async def _next(self, steps: Iterator[Step]) -> Step | None:
        return await trio.to_thread.run_sync(next, steps, None, limiter=self._threads)
