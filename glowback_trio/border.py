"""Borders: what a task raises ends what the task was for, and nothing around it.

An error that leaves a task cancels its nursery, and with it everybody else's work. So each task has
a border. It lets a cancellation and the user's Ctrl-C go on, and keeps the rest: `SystemExit`,
`MemoryError` and a thread that cannot be started included. docs/architecture.md lists all tasks
with their borders.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from types import TracebackType

import trio

from glowback_trio.interrupt import is_interrupt

__all__ = ["Border", "faults_of", "leaves", "log_fault", "restarted"]

_log = logging.getLogger(__name__)

# So that a task that fails at once, again and again, takes no time from the others.
_PAUSE_S = 1.0


class Border:
    """A context manager that no fault leaves.

    In a group that mixes faults with a cancellation, each fault is handled and the cancellation
    goes on: an error is never replaced by a cancellation.

    Args:
        on_fault: Called with each fault, never with a group. What it raises is logged.
    """

    def __init__(self, on_fault: Callable[[BaseException], object]) -> None:
        self._on_fault = on_fault

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, _kind: object, raised: BaseException | None, _traceback: TracebackType | None
    ) -> bool:
        """Handle the faults in what was raised; True if nothing has to go on."""
        if raised is None:
            return False
        if not (faults := faults_of(raised)):
            return False
        for fault in faults:
            if fault.__traceback__ is None:  # it was put into a group, and never raised by itself
                fault.__traceback__ = raised.__traceback__
            self._handle(fault)
        if isinstance(raised, BaseExceptionGroup):
            rest = raised.split(lambda error: error in faults)[1]
            if rest is not None:
                raise rest
        return True

    def _handle(self, fault: BaseException) -> None:
        try:
            self._on_fault(fault)
        except BaseException as second:
            if not faults_of(second):
                raise
            # Both: the second one alone would say nothing of how it began.
            with suppress(Exception):
                _log.error("A fault could not be handled", exc_info=fault)
            with suppress(Exception):
                _log.exception("This was raised while it was handled")


def faults_of(raised: BaseException) -> list[BaseException]:
    """Return the faults in what was raised: all but a cancellation and the user's Ctrl-C."""
    return [
        error for error in leaves(raised) if not (_is_cancellation(error) or is_interrupt(error))
    ]


def _is_cancellation(error: BaseException) -> bool:
    """Return True for trio's `Cancelled`, unless nobody has cancelled the task it was raised in.

    Dropping a real one by mistake would do no harm: trio raises it again at the next checkpoint.
    """
    if not isinstance(error, trio.Cancelled):
        return False
    return not trio.lowlevel.in_trio_task() or trio.current_effective_deadline() == -math.inf


def leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors in a group, however deep they are nested; of any other error, itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def log_fault(what: str) -> Callable[[BaseException], None]:
    """Return a function that logs a fault with its traceback.

    Args:
        what: A sentence that says what has failed, and what becomes of it.
    """
    return lambda fault: _log.error("%s", what, exc_info=fault)


async def restarted(
    task: Callable[[], Awaitable[object]],
    on_fault: Callable[[BaseException], object],
    pause_s: float = _PAUSE_S,
) -> None:
    """Be a task that others need for as long as they live: after a fault it begins again.

    Args:
        task: The task's function.
        on_fault: Called with each fault.
        pause_s: Seconds between a fault and the new beginning.
    """
    began = ended = False
    while not ended:
        with Border(on_fault):
            if began:
                await trio.sleep(pause_s)
            began = True
            await task()
            ended = True
