"""Lanes: each has one chunk after another evaluated, in its turns at a run slot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from attrs import define

from glowback_trio.actors.optimizations.chunks import Chunk, ChunkQueue
from glowback_trio.actors.run_slots import SlotTurn, compute_in_turns
from glowback_trio.compute import Answered, Compute, Failed, Job, Step
from glowback_trio.engine.trials.plan import TrialOutcome, TrialPlan
from glowback_trio.nursery import open_bare_nursery

__all__ = ["Lane", "LostWorkError", "computed"]

# So many workers may die with one trial before it is the trial's fault.
_LOSSES = 2


class LostWorkError(Exception):
    """Raised when a job of an optimization has failed; the attempt ends with it.

    Args:
        step: Why.
    """

    def __init__(self, step: Failed) -> None:
        self.step = step
        super().__init__(step.error)


async def computed(compute: Compute, job: Job, turn: SlotTurn) -> object:
    """Have a job carried out in its turns, from the beginning again where it was dropped.

    Returns:
        Its answer.

    Raises:
        LostWorkError: It has failed.
    """
    while True:
        turn.begin_again()
        await turn.wait()
        last: Step = Failed("Nothing came of the work")
        send, steps = trio.open_memory_channel[Step](0)
        rested = trio.Event()
        async with steps, open_bare_nursery() as nursery:
            nursery.start_soon(compute_in_turns, compute, job, send, turn, rested)
            async for step in steps:
                last = step
            await rested.wait()
        if isinstance(last, Answered):
            return last.answer
        if isinstance(last, Failed) and not turn.dropped:
            raise LostWorkError(last)


@define(eq=False)
class Lane:
    """One lane.

    Args:
        queue: Where chunks come from and outcomes go.
        turn: Its turns.
        compute: Where chunks are evaluated.
        make_job: Makes the job of some trials.
    """

    queue: ChunkQueue
    turn: SlotTurn
    compute: Compute
    make_job: Callable[[Sequence[TrialPlan]], Job]

    async def run(self) -> None:
        """Be the lane's task, until it is cancelled.

        Raises:
            LostWorkError: A job has failed, and no single trial is why.
        """
        while True:
            chunk = await self.queue.take()
            await self._evaluate(chunk)

    async def _evaluate(self, chunk: Chunk) -> None:
        try:
            outcomes = await computed(self.compute, self.make_job(chunk.plans), self.turn)
        except LostWorkError as error:
            if not error.step.lost:
                raise
            self._send_again(chunk, error.step.error)
            return
        assert isinstance(outcomes, tuple), "the answer of a chunk"
        self.queue.arrive(chunk, outcomes)

    def _send_again(self, chunk: Chunk, why: str) -> None:
        """Find the trial that ends its worker, however the chunks were cut; that one fails."""
        if len(chunk.plans) == 1 and chunk.losses + 1 >= _LOSSES:
            (plan,) = chunk.plans
            self.queue.arrive(chunk, [TrialOutcome(trial_number=plan.trial_number, error=why)])
        else:
            self.queue.send_again(chunk.halves())
