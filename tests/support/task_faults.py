"""Faults in the tasks of a server: one of them raises where it awaits, at a chosen time.

Trio wakes a task with what its await returns, or raises. Here one gets an error instead. Some are
passed over, because the fault would be trio's and not the task's: the end of a nursery, and a lock,
a limiter or a process that has been given to the task already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import outcome
import trio
from attrs import define, field

__all__ = ["TaskFaults", "task_faults"]

_OF_TRIO = {"_nested_child_finished", "acquire_on_behalf_of", "acquire", "open_process"}


@define(eq=False)
class TaskFaults(trio.abc.Instrument):
    """Counts the awaits of tasks, by the tasks' names, and lets one of them raise.

    Attributes:
        counts: How many awaits have ended, by the name of their task.
        raised: Where a fault was raised, from the task inwards.
    """

    _name_of: Callable[[trio.lowlevel.Task], str | None]
    counts: Counter[str] = field(factory=Counter)
    raised: list[str] = field(factory=list)
    _next: tuple[str, int, type[BaseException]] | None = None

    def fail_at(self, name: str, number: int, error: type[BaseException]) -> None:
        """Let the await that has this number from now on, in tasks of this name, raise."""
        self.counts.clear()
        self._next = name, number, error

    def fail_no_more(self) -> None:
        """Take back what has not been raised."""
        self.counts.clear()
        self._next = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count, and put an error in the place of what the await would return."""
        if not isinstance(task._next_send, outcome.Value) or (name := self._name_of(task)) is None:
            return  # it begins, or its await raises already, as at a cancellation
        functions = [frame.f_code.co_name for frame, _ in task.iter_await_frames()]
        if _OF_TRIO.intersection(functions):
            return
        self.counts[name] += 1
        if self._next is not None and self._next[:2] == (name, self.counts[name]):
            task._next_send = outcome.Error(self._next[2]("planted"))
            self.raised.append(f"{name}: {' > '.join(functions)}")
            self._next = None


@contextmanager
def task_faults(name_of: Callable[[trio.lowlevel.Task], str | None]) -> Iterator[TaskFaults]:
    """Watch the tasks of this event loop for the length of a block.

    Args:
        name_of: Returns by what name a task counts; None: it is left alone.
    """
    faults = TaskFaults(name_of)
    trio.lowlevel.add_instrument(faults)
    try:
        yield faults
    finally:
        trio.lowlevel.remove_instrument(faults)
