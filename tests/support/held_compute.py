"""A compute backend that a test holds, so that runs which begin keep their slots."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext

import trio
from attrs import define, field

from glowback_trio.compute import UNSHARED, InlineCompute, Job, Step, Turn

__all__ = ["HeldCompute"]


@define(eq=False)
class HeldCompute:
    """Carries out nothing until it is let go, then everything on the event loop.

    Attributes:
        slots: How many runs it takes at once; None: any number.
        let_go: Set it to have the work done.
    """

    slots: int | None = None
    let_go: trio.Event = field(factory=trio.Event)

    def opened(self) -> AbstractAsyncContextManager[object]:
        """Keep nothing."""
        return nullcontext()

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Wait, then carry out the job."""
        await self.let_go.wait()
        await InlineCompute().run_job(job, send, turn)
