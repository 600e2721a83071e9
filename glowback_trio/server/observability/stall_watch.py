"""The watchdog: notices that something holds the event loop, and says what.

A turn of the loop lasts from one look at its sockets to the next; meanwhile nobody else is served.
Each turn notes when it began. A thread looks now and then, and samples the stack of a turn that is
long already, since it is known only at its end whether it was too long.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from time import perf_counter, thread_time
from types import FrameType

import trio
from attrs import define, field, frozen

from glowback_trio.border import Border, log_fault

__all__ = ["Stall", "watching_loop"]

_log = logging.getLogger(__name__)

_FAULT = "Looking at the event loop's stack has failed; it goes on"
_MOST_FRAMES = 40
# Frames of the loop itself, which are below those of every task.
_LOOP = ("trio._core._run", "outcome._impl")
_LINES_PER_MINUTE = 10
# A turn that lasts so long may last for ever, so it is told before its end, too.
_VERY_LONG_S = 1.0


@frozen
class Stall:
    """A turn of the event loop that took too long.

    Attributes:
        held_s: How long it took, in seconds.
        cpu_s: Processor time that the loop's thread used meanwhile. The rest it waited: for the
            machine, a disk or the interpreter lock.
        stack: Where it was at some moment, from the task inwards: module, line, function. Empty if
            nobody has looked in time.
    """

    held_s: float
    cpu_s: float
    stack: Sequence[str]

    def __str__(self) -> str:
        where = self.stack[-1] if self.stack else "an unknown place"
        times = f"{self.held_s:.3f} s ({self.cpu_s:.3f} s of processor time)"
        return f"The event loop was held for {times}, at some moment in {where}"


@define(eq=False)
class _StallWatch(trio.abc.Instrument):
    """Measures every turn of the loop in which it was made. See `watching_loop`."""

    threshold_s: float
    tell: Callable[[Stall], object]
    _thread: int = field(factory=threading.get_ident, init=False)
    #: When the turn began; infinite while the loop waits.
    _began_at: float = field(factory=perf_counter, init=False)
    _cpu_began_at: float = field(factory=thread_time, init=False)
    #: The turn that was sampled last, by its beginning, and its stack.
    _sample: tuple[float, Sequence[str]] = field(default=(math.inf, ()), init=False)
    _ended: threading.Event = field(factory=threading.Event, init=False)

    def after_io_wait(self, timeout: float) -> None:
        """Begin a turn."""
        self._cpu_began_at = thread_time()
        self._began_at = perf_counter()

    def before_io_wait(self, timeout: float) -> None:
        """End a turn."""
        began_at, self._began_at = self._began_at, math.inf
        held_s = perf_counter() - began_at
        if held_s >= self.threshold_s:
            sampled_at, stack = self._sample
            cpu_s = thread_time() - self._cpu_began_at
            self.tell(Stall(held_s, cpu_s, stack if sampled_at == began_at else ()))

    def look_for_ever(self) -> None:
        """Sample the stacks of long turns until `end`. The function of the thread."""
        told_of = math.inf
        while not self._ended.wait(self.threshold_s / 2):
            with Border(log_fault(_FAULT)):
                told_of = self._look(told_of)

    def _look(self, told_of: float) -> float:
        """Sample the stack if the turn is long; return which turn was told before its end."""
        began_at = self._began_at
        age_s = perf_counter() - began_at
        if age_s < self.threshold_s / 4:
            return told_of
        self._sample = began_at, _stack_of(sys._current_frames().get(self._thread))  # noqa: SLF001 - the only way to another thread's stack
        if age_s <= _VERY_LONG_S or told_of == began_at:
            return told_of
        place = " < ".join(reversed(self._sample[1]))
        _log.warning("The event loop has been held for %.1f s by now: %s", age_s, place)
        return began_at

    def end(self) -> None:
        """Let the thread end."""
        self._ended.set()


def _stack_of(frame: FrameType | None) -> Sequence[str]:
    """Describe a stack, from the task inwards."""
    found: deque[str] = deque()
    while frame is not None and len(found) < _MOST_FRAMES:
        module = frame.f_globals.get("__name__", "?")
        if module in _LOOP:
            break
        found.appendleft(f"{module}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return tuple(found)


@define(eq=False)
class _Log:
    """Logs stalls, so many lines a minute at most."""

    _times: deque[float] = field(factory=lambda: deque(maxlen=_LINES_PER_MINUTE), init=False)
    _left_out: int = field(default=0, init=False)

    def add(self, stall: Stall) -> None:
        now = perf_counter()
        if len(self._times) == _LINES_PER_MINUTE and now - self._times[0] < 60:
            self._left_out += 1
            return
        self._times.append(now)
        left_out, self._left_out = self._left_out, 0
        fields = {"held": stall.held_s, "cpu": stall.cpu_s, "stack": stall.stack}
        more = {"not_logged": left_out} if left_out else {}
        _log.warning("%s", stall, extra={"access": {**fields, **more}, "stall": stall})


@contextmanager
def watching_loop(threshold_s: float, count: Callable[[Stall], object]) -> Iterator[None]:
    """Watch the event loop for the length of a block, and log what holds it.

    Args:
        threshold_s: Turns that take at least so long are stalls; 0: watch nothing.
        count: Called with every stall, whether it is logged or not, in the loop.
    """
    if not threshold_s:
        yield
        return
    log = _Log()

    def tell(stall: Stall) -> None:
        count(stall)
        log.add(stall)

    watch = _StallWatch(threshold_s, tell)
    thread = threading.Thread(target=watch.look_for_ever, name="stall watch", daemon=True)
    thread.start()
    trio.lowlevel.add_instrument(watch)
    try:
        yield
    finally:
        with suppress(KeyError):  # trio removes an instrument that has failed
            trio.lowlevel.remove_instrument(watch)
        watch.end()
        thread.join()
