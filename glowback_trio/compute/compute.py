"""The compute protocol and its backends: on the event loop, and in worker threads."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.border import Border
from glowback_trio.compute.faults import fault_step
from glowback_trio.compute.job import Job
from glowback_trio.compute.steps import Failed, Progressed, Step
from glowback_trio.compute.turns import UNSHARED, Turn
from glowback_trio.data import no_checkpoint
from glowback_trio.errors import FailureTraceback
from glowback_trio.model.short_repr import describe

__all__ = ["Compute", "InlineCompute", "ThreadCompute", "carry_out"]

_log = logging.getLogger(__name__)


class Compute(Protocol):
    """Carries out jobs. Whatever it is, the steps of a job are the same."""

    @property
    def slots(self) -> int | None:
        """How many jobs can be carried out at once; None: any number."""

    def opened(self) -> AbstractAsyncContextManager[object]:
        """Keep what jobs need, such as processes, for the length of an `async with` block."""

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Send the job's steps one after the other, then close the channel.

        Between its turns a job is laid aside as it is. Cancelled, this returns at the next
        checkpoint of the step in hand: at most one slice, or one symbol's loading, later.

        Args:
            job: The work.
            send: Takes the steps.
            turn: When the job may work.
        """


async def carry_out(
    compute: Compute, job: Job, send: trio.MemorySendChannel[Step], turn: Turn
) -> None:
    """Be the task in which a backend carries out a job. Whatever it raises is the last step."""
    failures: list[Failed] = []
    with send.clone() as last:
        with Border(lambda fault: failures.append(fault_step(fault))):
            await compute.run_job(job, send, turn)
        if failures:
            await _report(failures, last, turn)


async def _report(
    failures: Sequence[Failed], last: trio.MemorySendChannel[Step], turn: Turn
) -> None:
    """Send the first failure as the job's last step, and log those that nobody takes."""
    unsent = failures
    try:
        await turn.pass_on(failures[0], last)
        unsent = failures[1:]
    finally:
        for failure in unsent:
            cause = FailureTraceback(failure.traceback)
            _log.error("A job has failed besides: %s", failure.error, exc_info=cause)


class InlineCompute:
    """Works on the event loop, with a checkpoint after every step: for tests and small programs."""

    slots = None

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Keep nothing."""
        return nullcontext()

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Work on the event loop. Between its turns the job is a generator that nobody resumes."""
        async with send:
            await turn.wait()
            # No other task could cancel within a step.
            for step in job.steps(no_checkpoint):
                await turn.pass_on(step, send)
                if isinstance(step, Progressed):
                    await turn.wait()


@define(eq=False, repr=False)
class ThreadCompute:
    """Works in worker threads, so that the event loop stays free.

    Args:
        slots: How many runs may compute at once. Under one interpreter lock more threads bring no
            speed and make the loop wait longer, hence 1.
    """

    slots: int = 1
    _threads: trio.CapacityLimiter = field(init=False)

    def __attrs_post_init__(self) -> None:
        # A step's thread must not queue behind other users of trio's default limiter.
        self._threads = trio.CapacityLimiter(self.slots)

    def __repr__(self) -> str:
        return describe(self, slots=self.slots, busy=self._threads.borrowed_tokens)

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Keep nothing: trio keeps its threads itself."""
        return nullcontext()

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Work in worker threads, one hop per step.

        Between its turns the job is a generator that nobody resumes. A strategy that does not
        return keeps its thread: nothing can stop that.
        """
        async with send:
            steps = job.steps(trio.from_thread.check_cancelled)
            await turn.wait()
            # One hop per step, not a thread for the whole job: between steps the job is held by an
            # ordinary task, which waits for its reader and can be cancelled.
            while (step := await self._next(steps)) is not None:
                await turn.pass_on(step, send)
                if isinstance(step, Progressed):
                    await turn.wait()

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
