"""Cancellation at every step."""

from __future__ import annotations

import inspect
import random
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from typing import Any

from glowback_trio.testing.sim.errors import DeadlockError
from glowback_trio.testing.sim.loop.choices import Deviation, Script
from glowback_trio.testing.sim.schedule import noted
from glowback_trio.testing.sim.search.rounds import open_bench

__all__ = ["cancel_at_every_step"]

_ASYNC_CHECK = (
    "check is async, but it is called after each round, when no trio loop runs: make it a plain "
    "function, and await what it needs at the end of the scenario"
)


def cancel_at_every_step(
    scenario: Callable[[], Awaitable[object]],
    *,
    check: Callable[[], object],
    seed: int = 0,
) -> int:
    """Run a scenario again and again, cancelled before its 1st, 2nd, 3rd … task step.

    Each round is a run of its own in virtual time with the same seeded schedule, so the k-th step
    is the same step in every round.

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
    with open_bench(scenario) as bench:
        for step in count(1):
            note = f"in the round that cancels before task step {step}, seed {seed}"
            done = bench.simulate(Script([Deviation(step, "cancel")], pick=_shuffle(seed)))
            if isinstance(verdict := done.ending.verdict, DeadlockError):
                raise DeadlockError(f"{note}: {verdict}")
            with noted(note):
                if (error := verdict or done.error) is not None:
                    raise error
                _refuse_awaitable(check())
            if all(each.what != "cancel" for each in done.record.taken):
                return step
    raise AssertionError("unreachable: count() does not end")


def _shuffle(seed: int) -> Callable[[Sequence[Any], int], int]:
    rng = random.Random(seed)  # noqa: S311 - nothing secret
    return lambda ready, _: int(rng.random() * len(ready))


def _refuse_awaitable(value: object) -> None:
    """Refuse what an async check returns where the function itself does not look async."""
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # it would warn later that it was never awaited
        raise TypeError(_ASYNC_CHECK)
