"""Resources that a round left behind outside trio's loop: files, sockets, threads, processes."""

from __future__ import annotations

import gc
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["Belongings", "ResourceWarnings", "collecting", "open_descriptors"]

# ruff: noqa: PTH115, PTH208 - every round lists descriptors, and `os` does it in a third of the time

# Where the system lists the descriptors of a process: Linux, and others.
_DESCRIPTORS = next((each for each in ("/proc/self/fd", "/dev/fd") if Path(each).is_dir()), None)


# Real seconds that a thread is given to end.
_GRACE = 0.05


def open_descriptors() -> frozenset[str]:
    """Return the open file descriptors; none where the system does not list them."""
    return frozenset(os.listdir(_DESCRIPTORS)) if _DESCRIPTORS else frozenset()


class Belongings:
    """What the process held before a round."""

    def __init__(self) -> None:
        self._threads = frozenset(threading.enumerate())
        self._children = _children()
        self._descriptors = open_descriptors()

    def left_behind(self) -> list[str]:
        """Return a line for each thing that is there now and was not before."""
        if self._is_unchanged():
            return []
        return [*self._threads_left(), *self._children_left(), *self._descriptors_left()]

    def _is_unchanged(self) -> bool:
        return (
            open_descriptors() == self._descriptors
            and threading.active_count() <= len(self._threads)
            and _children() == self._children
        )

    def _threads_left(self) -> Iterator[str]:
        for thread in threading.enumerate():
            if thread in self._threads or _is_idle_worker(thread):
                continue
            thread.join(_GRACE)  # it may be about to end
            if thread.is_alive() and not _is_idle_worker(thread):
                yield f"thread {thread.name}"

    def _children_left(self) -> Iterator[str]:
        for process in sorted(_children() - self._children):
            yield f"process {process}"

    def _descriptors_left(self) -> Iterator[str]:
        for number in sorted(open_descriptors() - self._descriptors, key=int):
            with suppress(OSError):  # the one that listed the others has gone
                target = os.readlink(f"{_DESCRIPTORS}/{number}")
                yield f"{'socket' if target.startswith('socket:') else 'file'} {target}"


def _is_idle_worker(thread: threading.Thread) -> bool:
    """Return whether this is one of the threads that trio keeps, which end by themselves."""
    return thread.name.startswith("Trio thread")


def _children() -> frozenset[str]:
    found: list[str] = []
    with suppress(OSError):
        for task in os.listdir("/proc/self/task"):
            with suppress(OSError), open(f"/proc/self/task/{task}/children") as lines:  # noqa: PTH123 - quicker
                found += lines.read().split()
    return frozenset(found)


class ResourceWarnings:
    """Collects the `ResourceWarning`s of a round; all other warnings go their way."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Collect in this block."""
        with warnings.catch_warnings():
            show = warnings.showwarning

            def note(message: Any, category: Any, *more: Any, **named: Any) -> None:
                if issubclass(category, ResourceWarning):
                    self.messages.append(str(message))
                else:
                    show(message, category, *more, **named)

            warnings.showwarning = note
            warnings.simplefilter("always", ResourceWarning)
            yield


@contextmanager
def collecting() -> Iterator[None]:
    """Collect garbage at the end of rounds only: at other times it depends on what ran before.

    What exists already is left out, which makes a collection quick.
    """
    was_enabled = gc.isenabled()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
