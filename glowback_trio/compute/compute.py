"""The compute protocol and its backends: on the event loop, and in worker threads."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.compute.job import Job
from glowback_trio.compute.steps import Step
from glowback_trio.data import no_checkpoint
from glowback_trio.model.short_repr import describe

__all__ = ["Compute", "InlineCompute", "ThreadCompute"]


class Compute(Protocol):
    """Carries out jobs. Whatever it is, the steps of a job are the same."""

    def opened(self) -> AbstractAsyncContextManager[object]:
        """Keep what jobs need, such as processes, for the length of an `async with` block."""

    async def run_job(self, job: Job, send: trio.MemorySendChannel[Step]) -> None:
        """Send the job's steps one after the other, then close the channel.

        Cancelled, it returns at the next checkpoint of the step in hand: at most one slice, or one
        symbol's loading, later.
        """


class InlineCompute:
    """Works on the event loop, with a checkpoint after every step: for tests and small programs."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Keep nothing."""
        return nullcontext()

    async def run_job(self, job: Job, send: trio.MemorySendChannel[Step]) -> None:
        """Work on the event loop."""
        async with send:
            # No other task could cancel within a step.
            for step in job.steps(no_checkpoint):
                await send.send(step)


@define(eq=False, repr=False)
class ThreadCompute:
    """Works in worker threads, so that the event loop stays free.

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

    def __repr__(self) -> str:
        return describe(self, slots=self.slots, busy=self._slots.borrowed_tokens)

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Keep nothing: trio keeps its threads itself."""
        return nullcontext()

    async def run_job(self, job: Job, send: trio.MemorySendChannel[Step]) -> None:
        """Work in worker threads, one hop per step, holding a compute slot."""
        async with send, self._slots:
            steps = job.steps(trio.from_thread.check_cancelled)
            # One hop per step, not a thread for the whole job: between steps the job is held by an
            # ordinary task, which waits for its reader and can be cancelled.
            while (step := await self._next(steps)) is not None:
                await send.send(step)

    async def _next(self, steps: Iterator[Step]) -> Step | None:
        return await trio.to_thread.run_sync(_next_step, steps, limiter=self._threads)


def _next_step(steps: Iterator[Step]) -> Step | None:
    """Return the next step; None after the last one."""
    try:
        return next(steps, None)
    finally:
        # A cancellation. By its traceback it holds the frames of the job and all that is in them,
        # and trio holds it in a cycle, until the garbage collector comes by.
        if (raised := sys.exc_info()[2]) is not None:
            traceback.clear_frames(raised)
