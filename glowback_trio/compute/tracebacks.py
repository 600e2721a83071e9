"""The traceback of foreign code as text: bounded, however deep, wide or long its errors are.

`traceback.format_exception` follows causes and groups to their end before it writes a line, and
calls `__str__` of each. A strategy can chain any number of errors, so they are counted here.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import islice

from glowback_trio.interrupt import is_interrupt
from glowback_trio.model.strategies.foreign import cut, encodable, said

__all__ = ["LONGEST_TRACEBACK", "traceback_text"]

#: Characters of a traceback that are kept, those at its end, which says the most. It is kept for as
#: long as its run is.
LONGEST_TRACEBACK = 20_000
# The newest errors of a chain, the innermost frames of an error, the first members of a group.
_LINKS, _FRAMES, _MEMBERS, _NOTES = 10, 40, 5, 5
_DEEPEST = 3

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


def traceback_text(error: BaseException | None) -> str:
    """Return an error's traceback as text; empty if there is no error, or it was never raised.

    At most about `LONGEST_TRACEBACK` characters; where something was cut, it says how much.
    """
    if error is None:
        return ""
    try:
        if error.__traceback__ is None:
            return ""
        text = encodable("".join(_chain(error, 0)))
    except BaseException as failed:  # attributes of foreign classes are code, too
        if is_interrupt(failed):
            raise
        text = f"{said(error)}\n(its traceback cannot be read: {said(failed)})\n"
    if len(text) <= LONGEST_TRACEBACK:
        return text
    return f"({len(text):,} characters) …{text[-LONGEST_TRACEBACK:]}"


def _chain(error: BaseException, depth: int) -> Iterator[str]:
    """Yield the lines of an error and of those that led to it, the oldest first."""
    links = list(islice(_links(error), _LINKS + 1))
    if len(links) > _LINKS:
        yield f"(only the newest {_LINKS} errors of a longer chain are shown)\n\n"
    for link, joint in reversed(links[:_LINKS]):
        yield from _one(link, depth)
        yield joint


def _links(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield an error and those that led to it, newest first, each with what joins it to the next.

    A chain that leads back into itself ends there.
    """
    seen: set[int] = set()
    link, joint = error, ""
    while id(link) not in seen:
        seen.add(id(link))
        yield link, joint
        if link.__cause__ is not None:
            link, joint = link.__cause__, _CAUSE
        elif link.__context__ is not None and not link.__suppress_context__:
            link, joint = link.__context__, _CONTEXT


def _one(error: BaseException, depth: int) -> Iterator[str]:
    """Yield the frames of one error, what it says, and its members if it is a group."""
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__, -_FRAMES)
    yield f"{said(error)}\n"
    notes = getattr(error, "__notes__", None)
    for note in notes[:_NOTES] if isinstance(notes, list) else []:
        yield f"{cut(note)}\n" if isinstance(note, str) else ""
    if isinstance(error, BaseExceptionGroup) and depth < _DEEPEST:
        yield from _members(error, depth + 1)


def _members(group: BaseExceptionGroup[BaseException], depth: int) -> Iterator[str]:
    for number, member in enumerate(group.exceptions[:_MEMBERS], start=1):
        yield f"---- {number} of {len(group.exceptions):,} ----\n"
        yield from _chain(member, depth)
