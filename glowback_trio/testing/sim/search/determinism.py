"""Check that a scenario depends on nothing that a simulation does not decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from glowback_trio.testing.sim.loop.trace import Trace, parted_at
from glowback_trio.testing.sim.search.arguments import refuse_sync
from glowback_trio.testing.sim.search.rounds import Round, open_bench
from glowback_trio.testing.sim.search.strategies import shuffled

__all__ = ["assert_deterministic"]


def assert_deterministic(scenario: Callable[[], Awaitable[object]], *, seed: int = 0) -> None:
    """Run a scenario twice with the same choices, and compare step by step.

    Args:
        scenario: An async function without arguments.
        seed: The order of the tasks.

    Raises:
        AssertionError: The two rounds differ. The message names the first step at which they do.
        TypeError: `scenario` is not async, or takes arguments.
    """
    refuse_sync(scenario)
    one, other = _shuffled_round(scenario, seed), _shuffled_round(scenario, seed)
    assert one.trace is not None
    assert other.trace is not None
    number = parted_at(one.trace, other.trace)
    if number:
        raise AssertionError(
            f"two rounds with seed {seed} differ from step {number} on, so something in the "
            f"scenario depends on what the simulation does not decide:\n"
            f"  first:  {_sight(one.trace, number)}\n  second: {_sight(other.trace, number)}"
        )
    if str(one.exception) != str(other.exception):
        raise AssertionError(
            f"two rounds with seed {seed} take the same steps and end otherwise:\n"
            f"  first:  {one.exception!r}\n  second: {other.exception!r}"
        )


def _shuffled_round(scenario: Callable[[], Awaitable[object]], seed: int) -> Round:
    ways = shuffled(seed, ())
    next(ways)
    with open_bench(scenario) as bench:
        return bench.run(ways.send(bench.run(next(shuffled(seed, ())))), records=True)


def _sight(trace: Trace, number: int) -> str:
    if number > len(trace.steps):
        return "it has ended"
    step = trace.steps[number - 1]
    return f"at {step.time:g} s {step.name} runs to {step.waits_at or 'its end'}"
