"""Worker threads as steps of the schedule: while one runs, the loop stands still."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio

from glowback_trio.testing.sim.loop.trio_internals import thread_functions

__all__ = ["Threads"]

# Real seconds after which the loop no longer waits for a thread: it may wait for a task.
_PATIENCE = 5.0


class Threads:
    """The worker threads of `trio.to_thread` in one search.

    A thread begins in the task step that asks for it, and the next step comes when it has ended or
    calls back with `trio.from_thread`. So a function in a thread is one step, at a place that the
    order of tasks decides.

    Attributes:
        running: Those that the loop waits for.
        adrift: Those that it has waited for too long.
    """

    def __init__(self) -> None:
        self.running: set[object] = set()
        self.adrift: set[object] = set()
        #: The worker threads that have ever run.
        self.workers: set[threading.Thread] = set()
        self._asked: set[_Answer] = set()
        self._changed = threading.Condition()
        self._this = threading.local()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Take over the threads that trio starts in this block."""
        with thread_functions(self._starting, self._asking):
            yield

    def forget(self) -> None:
        """Begin a round: threads of the last one, which has abandoned them, are nobody's."""
        for answer in list(self._asked):
            answer.refuse()
        with self._changed:
            self.running.clear()
            self.adrift.clear()

    def is_worker(self) -> bool:
        """Return whether the present thread runs a function for a task."""
        return getattr(self._this, "thread", None) is not None

    def wait(self) -> None:
        """Wait until every thread has ended, or waits for the loop."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self.running, _PATIENCE):
                self.adrift |= self.running
                self.running.clear()

    def _starting(self, start: Callable[..., None]) -> Callable[..., None]:
        def start_thread(
            function: Callable[[], Any], deliver: Callable[[Any], object], name: str | None = None
        ) -> None:
            thread = object()

            def run() -> Any:
                self._this.thread = thread
                self.workers.add(threading.current_thread())
                try:
                    return function()
                finally:
                    self._this.thread = None

            def deliver_and_end(result: Any) -> None:
                try:
                    deliver(result)
                finally:
                    self._pause(thread)
                    self.adrift.discard(thread)

            self._resume(thread)
            try:
                start(run, deliver_and_end, name)
            except BaseException:
                self._pause(thread)
                raise

        return start_thread

    def _asking(self, ask: Callable[..., Any]) -> Callable[..., Any]:
        def ask_loop(token: Any, message: Any) -> Any:
            thread = getattr(self._this, "thread", None)
            if thread is not None:
                # Trio's message is frozen, and its queue is where this thread will wait.
                object.__setattr__(message, "queue", _Answer(self, thread))
            return ask(token, message)

        return ask_loop

    def _pause(self, thread: object) -> None:
        with self._changed:
            self.running.discard(thread)
            self._changed.notify_all()

    def _resume(self, thread: object) -> None:
        with self._changed:
            self.running.add(thread)


class _Answer:
    """A queue for the one answer that a thread waits for."""

    def __init__(self, threads: Threads, thread: object) -> None:
        self._threads = threads
        self._thread = thread
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def put_nowait(self, answer: Any) -> None:
        """Give the answer; the thread runs from now on."""
        self._threads._resume(self._thread)  # noqa: SLF001 - a part of the same thing
        self._queue.put_nowait(answer)

    def get(self) -> Any:
        """Wait for the answer."""
        asked = self._threads._asked  # noqa: SLF001 - a part of the same thing
        asked.add(self)
        self._threads._pause(self._thread)  # noqa: SLF001 - a part of the same thing
        try:
            return self._queue.get()
        finally:
            asked.discard(self)

    def refuse(self) -> None:
        """Let the thread go: the loop that it has asked has ended."""
        self._queue.put_nowait(_Refusal())


class _Refusal:
    """An outcome that raises."""

    def unwrap(self) -> Any:
        """Raise."""
        raise trio.RunFinishedError("the simulation has ended this round")
