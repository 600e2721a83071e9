"""The bound on what one run may emit where its log is held in memory as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from glowback_trio.compute.steps import Failed, Progressed, Step
from glowback_trio.model.events import EventDraft, encode
from glowback_trio.store import EVENT_OVERHEAD

__all__ = ["within_budget"]

# What a draft's event has besides the payload: its bytes and what Python needs to hold it.
_ENVELOPE = len(encode(10**6, "x" * 36, "progress", "2024-01-01T00:00:00.000000+00:00", b"").data)
_PER_EVENT = _ENVELOPE + EVENT_OVERHEAD


def within_budget(steps: Iterator[Step], max_log_bytes: int) -> Iterator[Step]:
    """Pass on steps for as long as their events keep within a budget; beyond it, fail the run.

    What can be known beforehand is bounded before the start; how much a strategy trades is not.
    Drafts are counted here, where they are made, and not where they are emitted, because the drafts
    of a paced run wait in memory too.

    Args:
        steps: A job's steps.
        max_log_bytes: Bytes that the events may take in memory, roughly.
    """
    left = max_log_bytes
    for step in steps:
        if isinstance(step, Progressed):
            left -= _memory(step.drafts)
        # The step that goes beyond the budget is dropped: what was emitted before it still fits.
        if left < 0:
            yield Failed(
                f"The run emits more than the {max_log_bytes:,} bytes of events that one run may "
                "have (GLOWBACK_MAX_LOG_BYTES); request fewer with stream.metrics_every, "
                "stream.trades or stream.orders"
            )
            return
        yield step


def _memory(drafts: Iterable[EventDraft]) -> int:
    """Return the bytes that the events of these drafts will take in memory."""
    return sum(len(draft.payload) + _PER_EVENT for draft in drafts)
