"""The trials of an optimization, as its attempts' logs tell them."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from glowback_trio.actors.optimizations.attempt import Attempt
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.wire.optimizations.trials import parse_trial

__all__ = ["load_trials"]

_READ_AT_ONCE = 256


async def load_trials(attempts: Sequence[Attempt]) -> list[Trial]:
    """Return the trials that some attempts have told, as far as that is durable, by number."""
    trials: list[Trial] = []
    for attempt in attempts:
        subscription = attempt.subscribe(0, ["trial"])
        while events := await subscription.read_stored(_READ_AT_ONCE):
            # A filter never hides the end.
            trials += [parse_trial(each.payload) for each in events if each.type == "trial"]
            await trio.lowlevel.checkpoint()
    return trials
