"""Deadlocks: all tasks wait, and nothing is left that could wake one."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import Any

import trio

__all__ = ["DeadlockWatch"]

# Modules of trio in which a task waits for something outside its loop: a worker thread, a socket,
# a signal, a handle of Windows.
_OUTSIDE = (
    "trio._threads",
    "trio._core._io_",
    "trio._signals",
    "trio._wait_for_object",
)
# The task that takes calls from other threads waits for ever, in every loop.
_ENTRY_QUEUE = "trio._core._entry_queue"
# Trio keeps idle worker threads, which wake nothing by themselves.
_IDLE_WORKER = "Trio thread"


class DeadlockWatch(trio.abc.Instrument):
    """Ends a loop that is deadlocked, by cancelling all its tasks, shielded or not.

    An exception cannot leave an instrument, so `message` is set, and whoever called `trio.run`
    raises it.
    """

    def __init__(self) -> None:
        self.message: str | None = None
        self._threads = set(threading.enumerate())
        #: Trio's private object of the loop.
        self.runner: Any = None

    def before_io_wait(self, timeout: float) -> None:
        """Look whether anything can end this wait."""
        statistics = trio.lowlevel.current_statistics()
        if (
            self.runner.is_guest  # its host may wake it
            or statistics.tasks_runnable
            or statistics.seconds_to_next_deadline < math.inf
        ):
            return
        waiting = list(_waiting())
        if waiting and not self._can_be_woken(waiting) and not _called():
            self.message = self.message or "\n".join(
                ["all tasks wait, and no deadline is left:", *map(_described, waiting)]
            )
            # Not here: trio has settled already how long it will wait, and this ends the wait.
            trio.lowlevel.current_trio_token().run_sync_soon(_cancel_all)

    def _can_be_woken(self, waiting: list[trio.lowlevel.Task]) -> bool:
        """Return whether a task waits for idleness or the outside, or a foreign thread is there."""
        if any(_waits_outside(task) for task in waiting):
            return True
        started = set(threading.enumerate()) - self._threads
        return any(not each.name.startswith(_IDLE_WORKER) for each in started)


def _called() -> bool:
    """Return whether a thread has called. Ask last: the thread may have ended since then."""
    return trio.lowlevel.current_statistics().run_sync_soon_queue_size > 0


def _tasks(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    yield task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _tasks(child)


def _all_tasks() -> Iterator[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    return iter(()) if root is None else _tasks(root)


def _waiting() -> Iterator[trio.lowlevel.Task]:
    """Return the tasks of the program, without trio's own."""
    root = trio.lowlevel.current_root_task()
    for task in _all_tasks():
        if task is not root and _ENTRY_QUEUE not in _modules(task):
            yield task


def _modules(task: trio.lowlevel.Task) -> set[str]:
    return {frame.f_globals.get("__name__", "") for frame, _ in task.iter_await_frames()}


def _waits_outside(task: trio.lowlevel.Task) -> bool:
    if any(module.startswith(_OUTSIDE) for module in _modules(task)):
        return True
    # It is woken when all others wait, which is now.
    names = {frame.f_code.co_name for frame, _ in task.iter_await_frames()}
    return "wait_all_tasks_blocked" in names


def _described(task: trio.lowlevel.Task) -> str:
    """Name a task, and the innermost line of it that is not trio's."""
    lines = [
        f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_name}"
        for frame, line in task.iter_await_frames()
        if not frame.f_globals.get("__name__", "").startswith("trio.")
    ]
    return f"  {task.name} waits at {lines[-1] if lines else 'a line of trio'}"


def _cancel_all() -> None:
    """Cancel every task. A shield would keep the deadlock, so it is taken away."""
    for task in list(_all_tasks()):
        # Trio lists the scopes of a task nowhere in public.
        status: Any = task._cancel_status  # noqa: SLF001 - see above
        while status is not None:
            status._scope.shield = False  # noqa: SLF001 - see above
            status = status.parent
    root = trio.lowlevel.current_root_task()
    # The innermost nursery of the root holds the program's main task alone.
    if root is not None and root.child_nurseries:
        root.child_nurseries[-1].cancel_scope.cancel("deadlock")
