"""A compute backend that sends every job and every step through pickle, as a process would."""

from __future__ import annotations

import pickle
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import trio
from attrs import define, field

from glowback_trio.compute import UNSHARED, Compute, InlineCompute, Job, Step, Turn

__all__ = ["PicklingCompute", "repickled"]

T = TypeVar("T")


def repickled(value: T) -> T:
    """Return what arrives when a value is pickled and sent."""
    copy: T = pickle.loads(pickle.dumps(value))
    return copy


@define(eq=False)
class PicklingCompute:
    """Carries out a copy of each job, and sends a copy of each step.

    Attributes:
        compute: Where the copy is carried out.
    """

    compute: Compute = field(factory=InlineCompute)

    def opened(self) -> AbstractAsyncContextManager[object]:
        """Keep what the other one keeps."""
        return self.compute.opened()

    @property
    def slots(self) -> int | None:
        """As many as the other one has."""
        return self.compute.slots

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Carry out a copy of the job."""
        inner, steps = trio.open_memory_channel[Step](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.compute.run_job, repickled(job), inner, turn)
            async with send, steps:
                async for step in steps:
                    await send.send(repickled(step))
