"""Name the parts of trio that it keeps private, here and nowhere else.

A simulation takes over what `trio.run` does around trio's own loop: which ready task runs next,
when time passes, and when the operating system is asked. Trio has no public way to any of these.
`complaints` says in one sentence each which of the names below trio no longer has.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from operator import attrgetter
from typing import Any

import trio
from trio import _threads
from trio._core import _run

from glowback_trio.testing.sim.loop.clock import VirtualClock

__all__ = [
    "Loop",
    "cancel_everything",
    "check_trio",
    "complaints",
    "counter_of",
    "thread_functions",
]

# Trio's types say nothing of what it keeps private.
run_module: Any = _run
threads_module: Any = _threads

#: The number of a task among all tasks that this process has started; what sets are sorted by.
counter_of: Callable[[Any], int] = attrgetter("_counter")

# Trio's own task that takes calls from other threads.
_ENTRY_QUEUE_TASK = "<TrioToken.run_sync_soon task>"

# What the operating system reports when nothing has happened.
_NO_EVENTS: list[Any] = []

# How often a coroutine may wait while it is closed.
_CLOSINGS = 100

_RUNNER_PARTS = (
    "asyncgens",
    "clock",
    "deadlines",
    "entry_queue",
    "init_task",
    "io_manager",
    "main_task",
    "main_task_outcome",
    "reschedule",
    "runq",
    "tasks",
    "waiting_for_idle",
)


class Loop:
    """One run of trio's loop, driven from outside.

    Attributes:
        runner: Trio's object of the run.
        ready: Trio's queue of the tasks that are to run in the next batch.
        advance: Let trio run what stands in `ready`; raises `StopIteration` when the run is over.
        own_tasks: Trio's own tasks: its first one, and the one that takes calls.
    """

    def __init__(
        self, main: Callable[[], Awaitable[object]], clock: trio.abc.Clock, name: str = "main"
    ) -> None:
        if trio.lowlevel.in_trio_run():
            raise RuntimeError(
                "a simulation runs trio's loop itself, so it cannot begin inside a trio program: "
                "call it from a plain function"
            )
        self.runner: Any = run_module.setup_runner(clock, (), False, True)  # noqa: FBT003 - trio's
        self.ready: Any = self.runner.runq
        self._library = run_module.sniffio_library.name
        run_module.sniffio_library.name = "trio"
        # A signal is looked for whenever Python runs code, so nothing needs to wake the loop.
        generator: Any = run_module.unrolled_run(self.runner, main, (), True)  # noqa: FBT003
        self._generator: Generator[float, Any, None] = generator
        self._generator.send(None)
        self.advance = partial(self._generator.send, _NO_EVENTS)
        self.advance()  # trio's first task starts the program's
        self.runner.main_task.name = name
        self.own_tasks = frozenset(filter(_is_own, self.runner.tasks))
        self._deadlines: Any = self.runner.deadlines
        self._calls: Any = self.runner.entry_queue

    def close(self) -> None:
        """End the run, and give up what did not end by itself."""
        try:
            if self.runner.tasks:
                self._give_up()
            self._generator.close()
        finally:
            run_module.sniffio_library.name = self._library

    def _give_up(self) -> None:
        """End the tasks that do not end, so that nothing of them runs when they are collected."""
        tasks = sorted(self.runner.tasks, key=counter_of, reverse=True)
        for task in tasks:
            for nursery in task._child_nurseries:
                nursery._children.clear()
        for task in tasks:
            _close(task.coro)
        with warnings.catch_warnings(), suppress(BaseException):
            warnings.simplefilter("ignore", RuntimeWarning)  # trio says that it was abandoned
            self._generator.close()

    @property
    def main_task(self) -> Any:
        """The task of the program's main function; None before it has started."""
        return self.runner.main_task

    @property
    def error(self) -> BaseException | None:
        """The error that the main task has raised."""
        return getattr(self.runner.main_task_outcome, "error", None)

    def program_tasks(self) -> list[Any]:
        """Return the tasks of the program, in the order in which they have started."""
        tasks = [task for task in self.runner.tasks if task not in self.own_tasks]
        return sorted(tasks, key=counter_of)

    def numbered_tasks(self) -> dict[Any, int]:
        """Return the tasks of the program, each with its number in the order of their starts."""
        first = counter_of(self.runner.init_task)
        return {task: counter_of(task) - first for task in self.program_tasks()}

    def generators(self) -> list[Any]:
        """Return the async generators that have begun and not ended."""
        # A traceback can keep one that has ended, which has no frame any more.
        alive = [each for each in self.runner.asyncgens.alive if each.ag_frame is not None]
        return sorted(alive, key=lambda each: str(each.__qualname__))

    def next_deadline(self) -> float:
        """Return the nearest deadline, or infinity."""
        return float(self.runner.deadlines.next_deadline())

    def has_idle_waiters(self) -> bool:
        """Return whether a task is in `wait_all_tasks_blocked`."""
        return bool(self.runner.waiting_for_idle)

    def wake_idle(self) -> bool:
        """Wake the tasks in `wait_all_tasks_blocked` with the shortest cushion, if any."""
        waiting = self.runner.waiting_for_idle
        if not waiting:
            return False
        shortest = waiting.keys()[0][0]
        for key in [each for each in waiting if each[0] == shortest]:
            self.runner.reschedule(waiting.pop(key))
        return True

    def has_news(self, now: float) -> bool:
        """Return whether a deadline has passed, or a thread or a callback has called the loop."""
        heap = self._deadlines._heap
        if heap and heap[0][0] <= now:
            return True
        calls = self._calls
        return bool(calls.queue or calls.idempotent_queue)

    def attend(self, now: float) -> None:
        """Wake the tasks whose deadline has passed, and the one that takes calls."""
        self.runner.deadlines.expire(now)
        if self.runner.entry_queue.size():
            self.ask_system(0)

    def ask_system(self, seconds: float) -> bool:
        """Wait for the operating system at most so long, and wake who waited for what came."""
        events = self.runner.io_manager.get_events(seconds)
        self.runner.io_manager.process_events(events)
        return bool(events)

    def waits_for_system(self) -> bool:
        """Return whether a task waits for a file descriptor, other than trio's own one."""
        statistics: Any = self.runner.io_manager.statistics()
        fields = ("tasks_waiting_read", "tasks_waiting_write", "tasks_waiting")
        # The task that takes calls waits for the loop's own socket.
        return sum(getattr(statistics, each, 0) for each in fields) > 1


def _close(coroutine: Any) -> None:
    """Close a coroutine that may wait again when it is closed."""
    for _ in range(_CLOSINGS):
        with suppress(BaseException):
            coroutine.close()
        if coroutine.cr_frame is None:
            return


def _is_own(task: Any) -> bool:
    return task.parent_nursery is None or task.name == _ENTRY_QUEUE_TASK


def cancel_everything(loop: Loop) -> None:
    """Cancel every task of the program. A shield would keep it waiting, so it is taken away."""
    for task in loop.program_tasks():
        status = task._cancel_status
        while status is not None:
            if status._scope.shield:
                status._scope.shield = False
            status = status.parent
    root = loop.runner.init_task
    if root is not None and root.child_nurseries:
        # The innermost nursery of the root holds the program's main task alone.
        root.child_nurseries[-1].cancel_scope.cancel("the simulation ends this round")
    for task in loop.program_tasks():
        # A nursery that has been cancelled before does not wake a task that waits again.
        task._attempt_delivery_of_any_pending_cancel()


@cache
def check_trio() -> None:
    """Check once that this trio has all that the simulation needs.

    Raises:
        RuntimeError: It has not; the message says in a sentence what has changed.
    """
    changes = "; ".join(complaints())
    if changes:
        raise RuntimeError(f"the simulator does not know trio {trio.__version__}: {changes}")


def complaints() -> Iterator[str]:
    """Say what trio no longer has, or has changed, of what the simulation needs."""
    setup: Any = getattr(run_module, "setup_runner", None)
    unrolled: Any = getattr(run_module, "unrolled_run", None)
    if setup is None or len(inspect.signature(setup).parameters) != 4:
        yield "trio._core._run.setup_runner no longer takes clock, instruments and two switches"
        return
    if unrolled is None or len(inspect.signature(unrolled).parameters) != 4:
        yield "trio._core._run.unrolled_run no longer takes runner, function, arguments and switch"
        return
    missing = [*_missing_parts(), *_changes_of_threads()]
    yield from missing or _complaints_of_a_run()


def _missing_parts() -> Iterator[str]:
    fields = {each.name for each in run_module.Runner.__attrs_attrs__}
    for part in _RUNNER_PARTS:
        if part not in fields and not hasattr(run_module.Runner, part):
            yield f"trio's Runner no longer has {part}"
    for part in ("_counter", "_cancel_status", "_attempt_delivery_of_any_pending_cancel"):
        if not hasattr(trio.lowlevel.Task, part):
            yield f"trio's Task no longer has {part}"


def _changes_of_threads() -> Iterator[str]:
    for part in ("start_thread_soon", "_send_message_to_trio"):
        if not hasattr(threads_module, part):
            yield f"trio._threads no longer has {part}"
    for part in ("Run", "RunSync"):
        fields = getattr(getattr(threads_module, part, None), "__attrs_attrs__", ())
        if "queue" not in {each.name for each in fields}:
            yield f"trio._threads.{part} no longer has a queue for its answer"


def _complaints_of_a_run() -> Iterator[str]:
    names: list[str] = []

    async def main() -> None:
        names.extend(sorted(task.name for task in loop.own_tasks))

    loop = Loop(main, VirtualClock())
    try:
        for _ in range(100):
            loop.attend(0.0)
            loop.advance()
    except StopIteration:
        pass
    finally:
        loop.close()
    if names != ["<TrioToken.run_sync_soon task>", "<init>"]:
        yield f"trio no longer begins a run with two tasks of its own, but with {names!r}"


@contextmanager
def thread_functions(
    starting: Callable[[Callable[..., None]], Callable[..., None]],
    asking: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Iterator[None]:
    """Wrap what trio starts worker threads with, and what these call the loop with."""
    start, ask = threads_module.start_thread_soon, threads_module._send_message_to_trio
    threads_module.start_thread_soon = starting(start)
    threads_module._send_message_to_trio = asking(ask)
    try:
        yield
    finally:
        threads_module.start_thread_soon = start
        threads_module._send_message_to_trio = ask
