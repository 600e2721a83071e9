"""One thing that happens in the middle of everything: after the n-th step that any task takes."""

from __future__ import annotations

from collections.abc import Callable

import trio
from attrs import define


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
