"""A job's task on the cluster as its gateway sees it."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

import trio
from attrs import define, field

from glowback_trio.compute.ray.cluster import Cluster
from glowback_trio.compute.ray.following import Follower, set_soon
from glowback_trio.compute.ray.orders import Order
from glowback_trio.compute.steps import Failed, Step
from glowback_trio.compute.turns import Turn
from glowback_trio.nursery import open_bare_nursery

__all__ = ["Task"]

_log = logging.getLogger(__name__)

# A job that is to end does so at its next step. One in the midst of a longer one is ended with its
# process, which takes Ray a second to replace. Ray's own gentle way, an interrupt, may get lost,
# and Ray then takes no other cancellation of the same task.
_GENTLE_S, _FORCED_S = 0.1, 0.1
# After so long without a free CPU an operator is told.
_PATIENT_S = 10.0


@define(eq=False)
class Task:
    """One attempt at a job.

    Args:
        cluster: Where it is carried out.
        attempt: Its number, which no other attempt has.
        threads: Limits the threads that follow tasks.
        following: The threads that have not ended, by the events that say so.
    """

    cluster: Cluster
    attempt: int
    threads: trio.CapacityLimiter
    following: set[trio.Event]
    #: Set when the task has begun: what ends it from then on is the job's doing.
    _begun: trio.Event = field(factory=trio.Event, init=False)
    #: Set when the job is at work, and its turn begins.
    _at_work: trio.Event = field(factory=trio.Event, init=False)

    async def carry_out(
        self, order: Order, send: trio.MemorySendChannel[Step], turn: Turn
    ) -> str | None:
        """Send the job's steps. Where the task is lost on the way, the last one says why.

        Returns:
            Why the task has ended before it began; None if it did begin.
        """
        self.cluster.gate.begin.remote(self.attempt)
        stream = self.cluster.task(self.cluster.gate, self.attempt, order)

        async def pass_on(step: Step) -> None:
            self._at_work.set()
            await turn.pass_on(step, send)

        follower = Follower(
            self.cluster.ray, stream, self.attempt, order.limits, self._begun.set, pass_on
        )
        finished = False
        try:
            last = await self._followed(follower, turn)
            finished = True
            if isinstance(last, Failed) and not self._begun.is_set():
                return last.error
            await turn.pass_on(last, send)
            return None
        finally:
            self.cluster.gate.forget.remote(self.attempt)
            if not finished:
                await self._end(stream)

    async def _followed(self, follower: Follower, turn: Turn) -> Step:
        """Have a thread follow the task, and a task of trio drive the job; return the last step."""
        self.following.add(follower.over)
        async with open_bare_nursery() as driven:
            driven.start_soon(self._drive, turn)
            last = await trio.to_thread.run_sync(
                follower.last_step, limiter=self.threads, abandon_on_cancel=True
            )
            driven.cancel_scope.cancel()
        self.following.discard(follower.over)
        return last

    async def _drive(self, turn: Turn) -> None:
        """Be the task that stops the job at the end of its turns, once it is at work."""
        with trio.move_on_after(_PATIENT_S):
            await self._begun.wait()
        if not self._begun.is_set():
            _log.warning("A job has waited %g s for a free CPU in the Ray cluster", _PATIENT_S)
            await self._begun.wait()
        await self._at_work.wait()
        gate, attempt = self.cluster.gate, self.attempt
        await turn.drive(lambda: gate.stop.remote(attempt), lambda: gate.go.remote(attempt))

    async def _end(self, stream: Any) -> None:
        """End the task, and wait for that as long as a cancellation may take."""
        ended, token = trio.Event(), trio.lowlevel.current_trio_token()
        stream.completed().future().add_done_callback(lambda _: set_soon(ended, token))
        with trio.CancelScope(shield=True):
            if self._begun.is_set():
                with trio.move_on_after(_GENTLE_S):
                    await ended.wait()
            if not ended.is_set():
                with suppress(self.cluster.ray.exceptions.RayError):  # its node is gone
                    self.cluster.ray.cancel(stream, force=True)
                with trio.move_on_after(_FORCED_S):
                    await ended.wait()
