"""How much one run may tell: until it has ended, its log stands in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from glowback_trio.compute import Failed, Job, Progressed, Step

__all__ = ["within_budget"]

# What an event takes in memory besides its payload: its other fields, the value, the list's slot.
_EVENT_OVERHEAD = 280


def within_budget(job: Job, budget: int, checkpoint: Callable[[], object]) -> Iterator[Step]:
    """Do a job for as long as its events keep within a budget; beyond it, it fails.

    What can be known beforehand is bounded before the start; how much a strategy trades is not. The
    check stands where drafts are made and not where they are told, because a paced run's drafts
    wait in memory too.

    Args:
        job: What to do.
        budget: Bytes that the events may take in memory, roughly.
        checkpoint: For the job.
    """
    left = budget
    for step in job(checkpoint):
        if isinstance(step, Progressed):
            left -= sum(len(draft.payload) + _EVENT_OVERHEAD for draft in step.drafts)
        if left < 0:
            yield Failed(
                f"The run has more to tell than the {budget:,} bytes of events that one run may "
                "have; ask for fewer with stream.metrics_every, stream.trades or stream.orders"
            )
            return
        yield step
