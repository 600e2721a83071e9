"""A nursery that does not wrap a single exception in a group."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

__all__ = ["open_bare_nursery"]


@asynccontextmanager
async def open_bare_nursery() -> AsyncIterator[trio.Nursery]:
    """Open a nursery that raises an exception bare where it is the only one.

    For nurseries whose tasks handle their own failures: an exception is then as a rule that of the
    block, and `except ValueError` around the nursery should catch it.
    """
    only: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise  # none of them may be lost
        (only,) = group.exceptions
    # Outside the handler, and not `from None`: the exception keeps the cause that it has.
    if only is not None:
        try:
            raise only
        finally:
            # Its traceback holds this frame, which would hold it, until the garbage collector
            # comes by, with all that is in the frames of its tasks.
            del only
