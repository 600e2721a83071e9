"""Faults at every place where they can happen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count

import trio
from trio.testing import MockClock

from glowback_trio.testing.sim.schedule import seeded_schedule

__all__ = ["cancel_at_every_step"]


class _CancelAfter(trio.abc.Instrument):
    """Cancels a scope after a number of task steps, of whatever tasks."""

    def __init__(self, steps: int) -> None:
        self.left = steps
        self.scope = trio.CancelScope()

    @property
    def happened(self) -> bool:
        """True if the scope has been cancelled."""
        return self.left <= 0

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count the step."""
        self.left -= 1
        if self.left == 0:
            self.scope.cancel()


def cancel_at_every_step(
    scenario: Callable[[], Awaitable[object]],
    *,
    check: Callable[[], object],
    seed: int = 0,
) -> int:
    """Run a scenario again and again, cancelled after its 1st, 2nd, 3rd … task step.

    Each round is a `trio.run` of its own in virtual time with the same seeded schedule, so the
    k-th step is the same step in every round.

    Args:
        scenario: What is cancelled. Called once per round.
        check: Called after each round; raises when the cancellation did harm.
        seed: The schedule.

    Returns:
        How many rounds there were: the last one ended before its cancellation came.
    """
    for step in count(1):
        fault = _CancelAfter(step)

        async def main(fault: _CancelAfter = fault) -> None:
            with fault.scope:
                await scenario()

        with seeded_schedule(seed):
            trio.run(main, clock=MockClock(autojump_threshold=0), instruments=[fault])
        check()
        if not fault.happened:
            return step
    raise AssertionError("unreachable: count() does not end")
