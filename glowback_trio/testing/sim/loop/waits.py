"""Say where tasks wait, and for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType
from typing import Any, NamedTuple

import trio

from glowback_trio.testing.sim.loop.programs import is_program

__all__ = ["Wait", "described", "place", "waiting"]

_KIT = __name__.rpartition(".loop")[0]
# What `async with` and `async for` call says less than what is called by it.
_ENTRIES = ("__aenter__", "__aexit__", "__anext__")


def place(task: trio.lowlevel.Task) -> str:
    """Return the innermost line of the program at which a task waits, and what it waits in."""
    return _place_of_frames(list(task.iter_await_frames()))


def _place_of_frames(frames: Sequence[tuple[FrameType, int]]) -> str:
    """Return the innermost line of the program, and the function of a package that it has called.

    Args:
        frames: From the outermost inwards, each with the line at which it stands.
    """
    inner = [place for place, (frame, _) in enumerate(frames) if is_program(frame)]
    inner = inner or [place for place, (frame, _) in enumerate(frames) if not _is_plumbing(frame)]
    if not inner:
        return f"a line of trio{_called(frames)}" if frames[1:] else "its first line"
    frame, number = frames[inner[-1]]
    code = frame.f_code
    return f"{code.co_filename}:{number} in {code.co_name}{_called(frames[inner[-1] + 1 :])}"


def _called(frames: Sequence[tuple[FrameType, int]]) -> str:
    """Return what a line waits in, in parentheses; empty where it is the line itself."""
    names = [frame.f_code.co_qualname for frame, _ in frames]
    if not names:
        return ""
    if "NurseryManager.__aexit__" in names:
        return " (end of nursery)"
    telling = [name for name in names if not name.endswith(_ENTRIES)]
    # Trio's locks share what they do in classes of their own.
    return f" ({(telling or names)[0].removeprefix('_').replace('Impl.', '.')})"


def _is_plumbing(frame: FrameType) -> bool:
    """Return whether a frame belongs to trio, or to the kit."""
    name = str(frame.f_globals.get("__name__", ""))
    return name.startswith(("trio.", _KIT))


class Wait(NamedTuple):
    """A task that waits.

    Attributes:
        task: Its number.
        name: Its name.
        place: Where it waits.
        tasks: The numbers of the tasks that it waits for, as far as trio knows them.
    """

    task: int
    name: str
    place: str
    tasks: tuple[int, ...]


def waiting(tasks: Mapping[trio.lowlevel.Task, int]) -> tuple[Wait, ...]:
    """Return where each of these tasks waits, and for which of them.

    Args:
        tasks: Each with its number.
    """
    return tuple(
        Wait(number, task.name, place(task), tuple(_for_whom(task, tasks)))
        for task, number in tasks.items()
    )


def described(waits: Sequence[Wait]) -> Iterator[str]:
    """Yield a line for each task: its name, where it waits, and for whom.

    The number of a task stands beside a name that several have.
    """
    total = Counter(each.name for each in waits)
    names = {
        each.task: each.name if total[each.name] == 1 else f"{each.name} (task {each.task})"
        for each in waits
    }
    for each in waits:
        whom = ", ".join(sorted(names[number] for number in each.tasks))
        yield f"  {names[each.task]} waits at {each.place}{whom and f', for {whom}'}"


def _for_whom(task: trio.lowlevel.Task, numbers: Mapping[trio.lowlevel.Task, int]) -> Iterator[int]:
    """Yield the number of the holder of a lock, or of the children of a nursery, it waits for."""
    for frame, _ in task.iter_await_frames():
        subject = frame.f_locals.get("self")
        if frame.f_code.co_name in {"acquire", "wait"}:
            owner = getattr(_statistics(subject), "owner", None)
            if isinstance(owner, trio.lowlevel.Task) and owner is not task and owner in numbers:
                yield numbers[owner]
                return
        if frame.f_code.co_qualname == "NurseryManager.__aexit__":
            nursery: trio.Nursery | None = getattr(subject, "_nursery", None)
            children = nursery.child_tasks if nursery else ()
            if children:
                yield from sorted(numbers[each] for each in children if each in numbers)
                return


def _statistics(subject: Any) -> object:
    read = getattr(subject, "statistics", None)
    return read() if callable(read) else None
