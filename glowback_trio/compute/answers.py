"""Work that is no run: it is carried out as runs are, in turn with them, and answers once."""

from __future__ import annotations

import trio

from glowback_trio.compute.compute import Compute, carry_out
from glowback_trio.compute.job import Job
from glowback_trio.compute.steps import Failed, Step
from glowback_trio.compute.turns import Turn
from glowback_trio.nursery import open_bare_nursery

__all__ = ["last_step"]


async def last_step(job: Job, compute: Compute, turn: Turn) -> Step:
    """Have a job carried out; return its last step."""
    await turn.wait()
    last: Step = Failed("nothing came of it")
    send, steps = trio.open_memory_channel[Step](0)
    async with steps, open_bare_nursery() as nursery:
        nursery.start_soon(carry_out, compute, job, send, turn)
        async for step in steps:
            last = step
    return last
