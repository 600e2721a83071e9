"""A nursery that stays out of its user's way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

__all__ = ["open_bare_nursery"]


@asynccontextmanager
async def open_bare_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery whose block raises its own error bare, when that is the only one.

    For nurseries whose tasks turn their failures into something else: what leaves the block is then
    as a rule its own exception, and `except ValueError` around it should catch that.
    """
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None
