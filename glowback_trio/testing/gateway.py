"""A gateway whose clock and ids belong to the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import trio

from glowback_trio.actors import Gateway, open_gateway
from glowback_trio.compute import Compute, InlineCompute
from glowback_trio.data import Source
from glowback_trio.store import Store

__all__ = ["EPOCH", "open_virtual_gateway", "virtual_now"]

#: The time of an event that happens when trio's clock is at zero.
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


def virtual_now() -> datetime:
    """Return trio's time as a date: under a `MockClock`, the same in every run."""
    return EPOCH + timedelta(seconds=trio.current_time())


@asynccontextmanager
async def open_virtual_gateway(
    *,
    data: Source | None = None,
    store: Store | None = None,
    compute: Compute | None = None,
    epoch: str = "epoch-1",
    max_running: int = 4,
    max_queued: int = 1000,
    max_live_runs: int = 1000,
    max_parked_runs: int = 16,
    max_log_bytes: int = 1 << 28,
) -> AsyncIterator[Gateway]:
    """Open a gateway on trio's clock, which computes on the event loop.

    Its runs are named run-1, run-2 and so on. Under a `MockClock` and a seeded schedule, the same
    program gives the same bytes. A gateway that follows another one on its store needs another
    `epoch`, as readers of changes tell the two apart by it.
    """
    # Random ids would make two programs with the same seed differ.
    numbers = count(1)
    async with open_gateway(
        data=data,
        store=store,
        compute=compute or InlineCompute(),
        clock=virtual_now,
        new_id=lambda: f"run-{next(numbers)}",
        epoch=epoch,
        max_running=max_running,
        max_queued=max_queued,
        max_live_runs=max_live_runs,
        max_parked_runs=max_parked_runs,
        max_log_bytes=max_log_bytes,
    ) as gateway:
        yield gateway
