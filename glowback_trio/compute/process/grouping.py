"""How a worker groups what it sends: many drafts in few frames, and none late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from glowback_trio.compute.steps import Progressed, Step
from glowback_trio.model.events import EventDraft

__all__ = ["held_back"]

# Drafts wait for each other at most this long, and a slice takes about as long.
_HOLD_S = 0.02
# A frame of this many is about 100 KiB, which is read and emitted within milliseconds.
_HOLD_DRAFTS = 512
# A run without drafts says so often that it is at work, for whoever looks for one that is stuck.
_SIGN_S = 1.0


def held_back(steps: Iterable[Step], now: Callable[[], float] = time.monotonic) -> Iterator[Step]:
    """Group the drafts of a job's steps, by time and by number.

    Nothing of what a run's log says depends on it: the drafts stay the same, in the same order.

    Args:
        steps: The steps of a job.
        now: Gives the time in seconds.
    """
    held: list[EventDraft] = []
    since = now()
    for step in steps:
        if not isinstance(step, Progressed):
            yield from _groups(held)
            yield step
            return
        if not held and step.drafts:
            since = now()
        held.extend(step.drafts)
        if len(held) >= _HOLD_DRAFTS or (held and now() - since >= _HOLD_S):
            yield from _groups(held)
            held, since = [], now()
        elif not held and now() - since >= _SIGN_S:
            yield Progressed()
            since = now()


def _groups(drafts: list[EventDraft]) -> Iterator[Step]:
    for start in range(0, len(drafts), _HOLD_DRAFTS):
        yield Progressed(drafts[start : start + _HOLD_DRAFTS])
