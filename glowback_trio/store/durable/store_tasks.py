"""Running the tasks of an open store, and closing it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from glowback_trio.border import log_fault, restarted
from glowback_trio.errors import StoreError
from glowback_trio.nursery import open_bare_nursery

__all__ = ["running"]

_FAULT = "A task of the store has failed; it begins again"


@asynccontextmanager
async def running(
    tasks: Sequence[Callable[[], Awaitable[None]]], close: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Run the tasks of a store for the length of a block, and close it.

    Args:
        tasks: The tasks.
        close: Writes what is left, and closes the store.

    Raises:
        StoreError: Not everything could be written.
    """
    try:
        async with open_bare_nursery() as nursery:
            for task in tasks:
                nursery.start_soon(restarted, task, log_fault(_FAULT), name=task)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()
    except BaseException:
        # What is raised already says more; this is logged.
        with suppress(StoreError):
            await close()
        raise
    await close()
