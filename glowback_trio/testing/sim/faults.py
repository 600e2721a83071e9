"""Faults at every place where they can happen."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from itertools import count

import trio
from trio.testing import MockClock

from glowback_trio.testing.sim.schedule import noted, scheduled

__all__ = ["cancel_at_every_step"]

_ASYNC_CHECK = (
    "check is async, but it is called after each round, when no trio loop runs: make it a plain "
    "function, and await what it needs at the end of the scenario"
)


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

    An exception of the scenario, of the check or of trio has notes with the step and the seed.

    Args:
        scenario: What is cancelled. Called once per round.
        check: Called after each round; raises when the cancellation did harm. A plain function: no
            trio loop runs by then.
        seed: The schedule.

    Returns:
        How many rounds there were: the last one ended before its cancellation came.

    Raises:
        DeadlockError: A round has come to a state in which all tasks wait and nothing is left that
            could wake one; see `seeded_schedule`.
        TypeError: `check` is async, or `scenario` is not.
    """
    if inspect.iscoroutinefunction(check):
        raise TypeError(_ASYNC_CHECK)
    for step in count(1):
        fault = _CancelAfter(step)

        async def main(fault: _CancelAfter = fault) -> None:
            with fault.scope:
                await _awaitable(scenario())

        note = f"in the round that cancels after task step {step}, seed {seed}"
        with scheduled(seed, note):
            trio.run(main, clock=MockClock(autojump_threshold=0), instruments=[fault])
        with noted(note):
            _refuse_awaitable(check())
        if not fault.happened:
            return step
    raise AssertionError("unreachable: count() does not end")


def _awaitable(value: Awaitable[object]) -> Awaitable[object]:
    if not inspect.isawaitable(value):
        raise TypeError(f"scenario must be an async function without arguments; it gave {value!r}")
    return value


def _refuse_awaitable(value: object) -> None:
    """Refuse what an async check returns where the function itself does not look async."""
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # it would warn later that it was never awaited
        raise TypeError(_ASYNC_CHECK)
