"""One thing that happens in the middle of everything: after the n-th step that any task takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import trio
from attrs import define

from glowback_trio.testing.sim import choose, explore

__all__ = ["AtStep", "at_every_step"]


@define(eq=False)
class AtStep(trio.abc.Instrument):
    """Does one thing after the n-th step that any task takes, counted from `begin` to `end`."""

    step: int
    act: Callable[[], object] = object
    taken: int = 0
    counting: bool = False

    def begin(self, act: Callable[[], object]) -> None:
        self.act, self.taken, self.counting = act, 0, True

    def end(self) -> None:
        self.counting = False

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if not self.counting:
            return
        self.taken += 1
        if self.taken == self.step:
            self.act()


def at_every_step(
    scenario: Callable[[AtStep], Awaitable[None]], *, allow: Sequence[str] = ()
) -> int:
    """Simulate a scenario with a fault at each step, and in each order with one choice changed.

    Args:
        scenario: Calls `begin` with what happens at the step, then `end`.
        allow: What of the outside it may read.

    Returns:
        How many steps it has between the two, when nothing happens.
    """
    steps = 0

    async def simulated() -> None:
        nonlocal steps
        instrument = AtStep(choose(steps + 1))
        trio.lowlevel.add_instrument(instrument)
        await scenario(instrument)
        if not instrument.step:
            usual.append(instrument.taken)

    usual: list[int] = []
    first = explore(simulated, rounds=1, allow=allow)
    assert first.finding is None, str(first)
    steps = usual[0]
    search = explore(
        simulated, strategy="exhaustive", max_deviations=1, rounds=100_000, allow=allow
    )
    assert search.finding is None, str(search)
    assert search.covered
    assert search.rounds > steps
    return steps
