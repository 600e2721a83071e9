"""The gateway: it takes requests, owns the only long-lived nursery, and ends what it began."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import trio
from attrs import define, field

from glowback_trio.actors.nursery import open_bare_nursery
from glowback_trio.actors.restoring import restored_runs
from glowback_trio.actors.run import Run
from glowback_trio.actors.run_slots import RunSlots
from glowback_trio.compute import BacktestJob, Compute, ThreadCompute
from glowback_trio.data import Catalogue, Source
from glowback_trio.errors import (
    GatewayClosedError,
    InvalidRequestError,
    QueueFullError,
    UnknownRunError,
)
from glowback_trio.model.instant import utc_now
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import describe
from glowback_trio.model.strategies.api import CustomStrategy
from glowback_trio.model.strategies.registry import StrategyRegistry, make_registry
from glowback_trio.store import MemoryStore, Store

__all__ = ["Gateway", "open_gateway", "random_id"]


@define(eq=False, repr=False)
class Gateway:
    """Where runs are submitted and found. Made by `open_gateway`."""

    #: Where bars come from.
    source: Source
    #: The strategies that requests may name.
    strategies: StrategyRegistry
    _nursery: trio.Nursery
    _store: Store
    _compute: Compute
    _clock: Callable[[], datetime]
    _new_id: Callable[[], str]
    _slots: RunSlots
    _max_queued: int
    _max_log_bytes: int
    _runs: dict[str, Run]
    _closed: str | None = field(default=None, init=False)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return describe(self, state, f"{len(self._runs):,} runs", source=type(self.source).__name__)

    @property
    def closed(self) -> bool:
        """True if no new runs are accepted."""
        return self._closed is not None

    @property
    def writable(self) -> bool:
        """True if the store can keep what runs emit, as far as it knows."""
        return self._store.writable

    def submit(self, request: BacktestRequest) -> Run:
        """Queue a run; it begins when a slot is free.

        Raises:
            InvalidRequestError: The data source cannot serve it.
            QueueFullError: As many runs wait as may.
            GatewayClosedError: The gateway is closing or closed.
        """
        if self._closed is not None:
            raise GatewayClosedError(f"No new runs are accepted: {self._closed}")
        if problems := list(self.source.problems(request)):
            raise InvalidRequestError(problems)
        if self._slots.waiting >= self._max_queued:
            raise QueueFullError(self._max_queued)
        run = Run.queued(self._new_id(), request, self._store, self._clock)
        self._runs[run.run_id] = run
        # The slot is requested here: started tasks begin in no particular order.
        self._nursery.start_soon(self._carry_out, run, self._slots.request(), name=run.run_id)
        return run

    def run(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            UnknownRunError: It never was, was deleted, or had to leave the store.
        """
        try:
            return self._runs[run_id]
        except KeyError:
            raise UnknownRunError(run_id) from None

    def runs(self) -> Sequence[Run]:
        """Return all runs, newest first, those of earlier gateways that the store kept included."""
        return list(reversed(self._runs.values()))

    def delete(self, run_id: str) -> None:
        """Forget a run, its events and its result; cancel it first if it has not ended.

        Its readers still get its events to the end.

        Raises:
            UnknownRunError: There is no such run.
        """
        run = self.run(run_id)
        # The run still ends, and its readers see how; it only cannot be found any more.
        run.cancel("deleted")
        del self._runs[run_id]
        self._store.forget(run_id)

    def close(self, reason: str) -> None:
        """Accept no new runs, and cancel those that have not ended. Idempotent."""
        self._closed = self._closed or reason
        for run in self._runs.values():
            run.cancel(reason)

    async def wait_idle(self) -> None:
        """Wait until every run that is listed now has ended."""
        for run in self.runs():
            await run.wait_finished()

    async def _carry_out(self, run: Run, slot: trio.Event) -> None:
        """Be the run's task, and hand its slot on when it has ended."""
        job = BacktestJob(run.request, self.source, self._max_log_bytes)
        try:
            await run.carry_out(slot, self._compute, job)
        finally:
            self._slots.release(slot)
            for evicted in self._store.retire(run.run_id):
                self._runs.pop(evicted, None)


@asynccontextmanager
async def open_gateway(
    *,
    data: Source | Path | str | None = None,
    store: Store | None = None,
    compute: Compute | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    max_running: int = 4,
    max_queued: int = 1000,
    max_log_bytes: int = 1 << 28,
    strategies: Iterable[type[CustomStrategy]] = (),
) -> AsyncIterator[Gateway]:
    """Open a gateway for the length of an `async with` block.

    Leaving the block, in whatever way, cancels the runs that have not ended, waits for them and
    leaves nothing behind: no task, no thread at work, no file.

    Args:
        data: A data directory, or a source of bars; None: generated prices.
        store: Where events and results are kept; None: in memory, 1000 finished runs, 1 GiB. The
            runs that it kept for an earlier gateway are listed; interrupted ones have failed.
        compute: Where simulations are carried out; None: one worker thread.
        clock: Gives the time, with its zone, for events; None: UTC now.
        new_id: Names new runs; None: random UUIDs.
        max_running: How many runs may run at once.
        max_queued: How many more may wait.
        max_log_bytes: How many bytes of memory the events of one run may take, roughly; a run that
            emits more fails. Together with `max_running` this bounds what live runs take, as
            the store bounds what finished ones do.
        strategies: Classes of strategies that requests may name in addition to the built-in ones.
            They are code of the program that opens the gateway, never of its clients.

    Raises:
        StoreError: Another gateway has the store open.
        StrategyError: One of `strategies` is not whole, or its name is taken.
    """
    registry = make_registry(strategies)
    source = Catalogue(Path(data)) if isinstance(data, str | Path) else data or Catalogue()
    kept = store or MemoryStore()
    # The store is closed last: runs that have not ended still write their terminal event.
    async with kept.opened(registry), open_bare_nursery() as nursery:
        gateway = Gateway(
            source=source,
            strategies=registry,
            nursery=nursery,
            store=kept,
            compute=compute or ThreadCompute(),
            clock=clock or utc_now,
            new_id=new_id or random_id,
            slots=RunSlots(max_running),
            max_queued=max_queued,
            max_log_bytes=max_log_bytes,
            runs=await restored_runs(kept, clock or utc_now),
        )
        try:
            yield gateway
        finally:
            gateway.close("the gateway was closed")


def random_id() -> str:
    """Return a new random id, a UUID."""
    return str(uuid.uuid4())
