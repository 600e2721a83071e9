"""Say where tasks wait, and for whom."""

from __future__ import annotations

from collections.abc import Iterable
from types import FrameType
from typing import Any

import trio

__all__ = ["described", "place", "place_of_frames", "waits_outside"]

# Modules of trio in which a task waits for something outside its loop: a worker thread, a socket,
# a signal, a handle of Windows.
_OUTSIDE = (
    "trio._threads",
    "trio._core._io_",
    "trio._signals",
    "trio._wait_for_object",
)


def place(task: trio.lowlevel.Task) -> str:
    """Return the innermost line of the program at which a task waits, and what it waits in."""
    return place_of_frames(list(task.iter_await_frames()))


def place_of_frames(frames: Iterable[tuple[FrameType, int]]) -> str:
    """Return the innermost line that is not trio's, and the function of trio that it has called.

    Args:
        frames: From the outermost inwards, each with the line at which it stands.
    """
    line = called = ""
    frame = None
    for frame, number in frames:
        if not is_trio(frame):
            code = frame.f_code
            line, called = f"{code.co_filename}:{number} in {code.co_name}", ""
        elif line and not called:
            called = f" ({_short(frame.f_code.co_qualname)})"
    if line:
        return line + called
    return f"a line of trio ({_short(frame.f_code.co_qualname)})" if frame else "a line of trio"


def is_trio(frame: FrameType) -> bool:
    """Return whether a frame is one of trio's functions."""
    return str(frame.f_globals.get("__name__", "")).startswith("trio.")


def _short(name: str) -> str:
    # A nursery waits for its children where its block ends.
    return "end of nursery" if name == "NurseryManager.__aexit__" else name


def described(tasks: Iterable[trio.lowlevel.Task]) -> list[str]:
    """Return a line for each task: its name, where it waits, and for whom."""
    return [f"  {task.name} waits at {place(task)}{_for_whom(task)}" for task in tasks]


def _for_whom(task: trio.lowlevel.Task) -> str:
    """Name the holder of a lock, or the children of a nursery, that a task waits for."""
    for frame, _ in task.iter_await_frames():
        subject = frame.f_locals.get("self")
        if frame.f_code.co_name in {"acquire", "wait"} and is_trio(frame):
            owner = getattr(_statistics(subject), "owner", None)
            if isinstance(owner, trio.lowlevel.Task) and owner is not task:
                return f", for {owner.name}"
        if frame.f_code.co_qualname == "NurseryManager.__aexit__":
            nursery: trio.Nursery | None = getattr(subject, "_nursery", None)
            children = sorted(child.name for child in nursery.child_tasks) if nursery else []
            if children:
                return f", for {', '.join(children)}"
    return ""


def _statistics(subject: Any) -> object:
    read = getattr(subject, "statistics", None)
    return read() if callable(read) else None


def waits_outside(task: trio.lowlevel.Task) -> bool:
    """Return whether a task waits for a thread, a file descriptor or a signal."""
    return any(
        str(frame.f_globals.get("__name__", "")).startswith(_OUTSIDE)
        for frame, _ in task.iter_await_frames()
    )
