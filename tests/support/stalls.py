"""A rule for every test with a server: nothing of the package holds the event loop.

What the watchdog of a server finds is read from its log, in this process or in a file. Processor
time counts, since a shared machine may not run a test for a while. A test has its own tasks in the
same loop, whose work is its own affair. So is a computation that the loop carries out by design,
and a collection of garbage: a process of tests has more of it than a server.
"""

from __future__ import annotations

import gc
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from glowback_trio.server.observability.stall_watch import Stall

__all__ = ["nothing_holds_the_loop", "stalls_in_log"]

MOST_S = 0.1
INLINE = "glowback_trio.compute.compute:"
_WATCHDOG = logging.getLogger("glowback_trio.server.observability.stall_watch")


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.stalls: list[Stall] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(stall := getattr(record, "stall", None), Stall):
            self.stalls.append(stall)


class _Collections:
    """Adds up the processor time of collections of garbage."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began_at = 0.0

    def __call__(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._began_at = time.thread_time()
        else:
            self.seconds += time.thread_time() - self._began_at


def _is_of_the_package(stall: Stall) -> bool:
    mine = bool(stall.stack) and stall.stack[0].startswith("glowback_trio.")
    return mine and not any(frame.startswith(INLINE) for frame in stall.stack)


def _too_long(stalls: Sequence[Stall], collections_s: float = 0.0) -> list[str]:
    return [
        f"{stall}: {' < '.join(reversed(stall.stack))}"
        for stall in stalls
        if stall.cpu_s - collections_s > MOST_S and _is_of_the_package(stall)
    ]


@contextmanager
def nothing_holds_the_loop() -> Iterator[None]:
    """Fail at the end of a block in which a server of this process has had a stall."""
    kept, collections = _Kept(), _Collections()
    gc.callbacks.append(collections)
    _WATCHDOG.addHandler(kept)
    # Servers of tests log errors only; their watchdogs are listened to all the same.
    level, _WATCHDOG.level = _WATCHDOG.level, logging.WARNING
    try:
        yield
    finally:
        _WATCHDOG.removeHandler(kept)
        _WATCHDOG.level = level
        gc.callbacks.remove(collections)
    assert _too_long(kept.stalls, collections.seconds) == []


def stalls_in_log(text: str) -> list[str]:
    """Return the stalls that a log of JSON lines tells of."""
    lines = [json.loads(line) for line in text.splitlines() if '"stack"' in line]
    return _too_long(
        [Stall(line["held"], line["cpu"], line["stack"]) for line in lines if "cpu" in line]
    )
