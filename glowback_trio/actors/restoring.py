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
    """Reopen the runs that a gateway has to hold, oldest first, within the store's bounds.

    Runs that were interrupted have failed, unless they ask to be computed again. One that cannot be
    read is left in the store and logged.

    Args:
        store: The open store.
        clock: Gives the time, with its zone, for the events that end interrupted runs.
    """
    runs = {}
    for run_id in await store.resident_ids():
        try:
            run = await Run.restored(run_id, store, clock)
            run.settle()
            runs[run_id] = run
        except GlowbackError as error:  # the others must not be lost with it
            _log.error("Run %s cannot be restored: %s", run_id, error)
    for run_id, run in tuple(runs.items()):
        if not run.needs_task:
            for evicted in store.retire(run_id):
                runs.pop(evicted, None)
    return runs
