"""Restoring: the runs of an earlier gateway, from the store that kept them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from glowback_trio.actors.run import Run
from glowback_trio.errors import GlowbackError
from glowback_trio.store import Store

__all__ = ["restored_runs"]

_log = logging.getLogger(__name__)


async def restored_runs(store: Store, clock: Callable[[], datetime]) -> dict[str, Run]:
    """Reopen all runs that a store kept, oldest first, and hold them to the store's bounds.

    A run whose gateway died in the middle of it is ended as failed. One that cannot be read is left
    in the store and logged.

    Args:
        store: The open store.
        clock: Gives the time, with its zone, for the events that end interrupted runs.
    """
    runs = {}
    for run_id in await store.run_ids():
        try:
            runs[run_id] = await Run.restored(run_id, store, clock)
        except GlowbackError as error:  # the others must not be lost with it
            _log.error("Run %s cannot be restored: %s", run_id, error)
    for run_id in tuple(runs):
        for evicted in store.retire(run_id):
            runs.pop(evicted, None)
    return runs
