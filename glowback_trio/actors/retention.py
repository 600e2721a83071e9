"""Retention: the task that lets runs go which the store's rules keep no longer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import trio

from glowback_trio.border import Border
from glowback_trio.errors import StoreError
from glowback_trio.store import Store

__all__ = ["remove_expired"]

_log = logging.getLogger(__name__)

_EVERY_S = 10.0


async def remove_expired(
    store: Store,
    clock: Callable[[], datetime],
    drop: Callable[[str], None],
    drop_optimization: Callable[[str], None],
    scope: trio.CancelScope,
) -> None:
    """Be the task: look for runs and optimizations to let go now and every ten seconds.

    Args:
        store: The open store.
        clock: Gives the time, with its zone.
        drop: Forgets a finished run.
        drop_optimization: Forgets a finished optimization.
        scope: Ends the task when it is cancelled.
    """
    with scope:
        while True:
            with Border(_note):
                await _remove(lambda: store.expired(clock()), drop, store.flush)
                await _remove(
                    lambda: store.optimizations.expired(clock()), drop_optimization, store.flush
                )
            await trio.sleep(_EVERY_S)


def _note(error: BaseException) -> None:
    unexpected = None if isinstance(error, StoreError) else error
    _log.warning("Old runs are kept for now: %s", error, exc_info=unexpected)


async def _remove(
    expired: Callable[[], Awaitable[Sequence[str]]],
    drop: Callable[[str], None],
    flush: Callable[[], Awaitable[None]],
) -> None:
    while found := await expired():
        for each in found:
            drop(each)
        # So that the events of others are written in between.
        await flush()
