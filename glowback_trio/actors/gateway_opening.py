"""Opening a gateway: what it is made of, in which order that begins and ends."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar
from weakref import WeakMethod

import trio

from glowback_trio.actors.changes.change_log import ChangeLog
from glowback_trio.actors.changes.noting import Changes
from glowback_trio.actors.cluster.bars import Bars
from glowback_trio.actors.cluster.membership import Membership
from glowback_trio.actors.cluster.peers import Peers
from glowback_trio.actors.event_loop import EventLoop
from glowback_trio.actors.gateway import Gateway
from glowback_trio.actors.optimizations.ledger import Ledger
from glowback_trio.actors.optimizations.optimizations import Optimizations
from glowback_trio.actors.optimizations.work import Equipment
from glowback_trio.actors.restoring import restored_runs
from glowback_trio.actors.retention import remove_expired
from glowback_trio.actors.run_slots import RunSlots
from glowback_trio.actors.run_tasks import RunTasks
from glowback_trio.actors.runs.admission import Admission
from glowback_trio.actors.thread_calls import ThreadCalls
from glowback_trio.compute import Compute, ThreadCompute
from glowback_trio.compute.result_budget import MOST_RESULT_BYTES
from glowback_trio.data import Source, open_source
from glowback_trio.errors import EventLoopError
from glowback_trio.memory import Holding, Memory
from glowback_trio.model.instant import utc_now
from glowback_trio.model.strategies.api import CustomStrategy
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.nursery import open_bare_nursery
from glowback_trio.store import MemoryStore, Store

__all__ = ["open_gateway", "random_id"]

P = ParamSpec("P")
T = TypeVar("T")

_INSTEAD = (
    "a gateway needs trio, so open it within trio.run; a program of asyncio or of threads opens it "
    "within trio.run in a thread of its own, and calls it by gateway.from_thread"
)


@asynccontextmanager
async def open_gateway(
    *,
    data: Source | Path | str | None = None,
    store: Store | None = None,
    compute: Compute | None = None,
    clock: Callable[[], datetime] | None = None,
    new_id: Callable[[], str] | None = None,
    epoch: str | None = None,
    max_running: int = 4,
    max_queued: int = 1000,
    max_live_runs: int = 1000,
    max_parked_runs: int = 16,
    max_log_bytes: int = 1 << 28,
    max_result_bytes: int = MOST_RESULT_BYTES,
    max_memory: int | None = None,
    max_optimizations: int = 100,
    strategies: Iterable[type[CustomStrategy]] = (),
    peers: Peers | None = None,
) -> AsyncIterator[Gateway]:
    """Open a gateway for the length of an `async with` block.

    Leaving the block, in whatever way, cancels the runs that have not ended, waits for them and
    leaves nothing behind: no task, no thread at work, no file. With a durable store, queued runs
    and running ones whose requests say `on_restart: "rerun"` are not cancelled: the next gateway
    that opens the store goes on with them.

    Args:
        data: A directory of price files; `demo`: the prices that come with the package; `sample` or
            None: generated prices; or a source of bars.
        store: Where events and results are kept; None: in memory, 1000 finished runs, 1 GiB. The
            runs that it kept for an earlier gateway are there; queued ones start, and interrupted
            ones have failed or are computed again, as their requests say.
        compute: Where simulations are carried out; None: one worker thread.
        clock: Gives the time, with its zone, for events; None: UTC now.
        new_id: Names new runs; None: random UUIDs.
        epoch: Tells this gateway from others and from earlier ones where clients follow changes;
            1 to 64 letters, digits, `-` and `_`; None: a random UUID.
        max_running: How many runs may be computed at once; no more than `compute` has slots. Others
            take turns with them.
        max_queued: How many may wait that have not begun.
        max_live_runs: How many may have begun and not ended. Runs that are paused, or wait for
            their pace, count here and are not computed.
        max_parked_runs: How many may be laid aside half computed while others have their turn. In
            worker processes each of them is a process.
        max_log_bytes: How many bytes of memory the events of one run may take, roughly; a run that
            emits more fails. Together with `max_live_runs` this bounds what live runs take, as
            the store bounds what finished ones do. A store on disk takes a log of any length, so
            there only paced runs are bounded, whose events wait in memory.
        max_result_bytes: How many bytes the arrays of one result may take; a run whose result would
            take more fails.
        max_memory: How many bytes of memory logs, results and whatever else is served may take
            together; beyond it `submit` raises `ResourceError`. None: any number.
        max_optimizations: How many optimizations may not have ended, paused ones included.
        strategies: Classes of strategies that requests may name in addition to the built-in ones.
            They are code of the program that opens the gateway, never of its clients.
        peers: How logs are followed that other gateways on the store append to; None: what they
            tell is read from the store, some seconds later.

    Raises:
        EventLoopError: There is no trio event loop here, such as under asyncio.
        InvalidRequestError: `data` names no directory.
        StoreError: Another gateway has the store open.
        StrategyError: One of `strategies` is not whole, or its name is taken.
    """
    if not trio.lowlevel.in_trio_task():
        raise EventLoopError.here("open_gateway", _INSTEAD)
    registry = make_registry(strategies)
    source = open_source(data)
    kept = store or MemoryStore()
    # The store is closed last: runs that have not ended still write their terminal event.
    loop = EventLoop()
    computing = compute or ThreadCompute()
    retention = trio.CancelScope()
    memory = Memory(max_memory)
    now = clock or utc_now
    closing = trio.Event()
    slots = RunSlots(
        min(max_running, computing.slots or max_running), max_live_runs, max_parked_runs
    )
    async with (
        kept.opened(registry, memory),
        computing.opened(),
        _membership(kept, peers, slots, source) as membership,
        open_bare_nursery() as nursery,
    ):
        ledger = Ledger(kept.ledger)
        await ledger.open()
        # In a cluster the others may go on with what is kept: it is taken over, or followed.
        runs = await restored_runs(kept, now) if membership is None else {}
        held = Holding(memory.account("changes"))
        changes = Changes(ChangeLog(now, epoch or random_id(), held=held))
        tasks = RunTasks(
            source=source,
            store=kept,
            compute=computing,
            memory=memory,
            slots=slots,
            ledger=ledger,
            nursery=nursery,
            runs=runs,
            max_log_bytes=max_log_bytes,
            max_result_bytes=max_result_bytes,
            clock=now,
            closed=closing.is_set,
            changes=changes,
            membership=membership,
        )
        equipment = Equipment(
            kept, source, computing, slots, ledger, lambda: Holding(memory.account("results"))
        )
        optimizations = Optimizations(
            equipment=equipment,
            memory=memory,
            clock=now,
            new_id=new_id or random_id,
            nursery=nursery,
            most=max_optimizations,
            changes=changes,
            membership=membership,
        )
        gateway = Gateway(
            source=source,
            strategies=registry,
            memory=memory,
            ledger=ledger,
            store=kept,
            compute=computing,
            clock=now,
            new_id=new_id or random_id,
            slots=slots,
            admission=Admission(loop, source, slots, max_queued, memory, kept),
            tasks=tasks,
            runs=runs,
            optimizations=optimizations,
            loop=loop,
            thread_calls=ThreadCalls(loop),
            changes=changes,
            membership=membership,
        )
        lookups = {"run": tasks.sight, "optimization": optimizations.sight}
        nursery.start_soon(changes.note_for_ever, lookups)
        if kept.expires:
            drop = gateway._drop  # noqa: SLF001 - opening owns what it made
            nursery.start_soon(remove_expired, kept, now, drop, optimizations.drop, retention)
        equipment.submit = _held_elsewhere(gateway._submit_once)  # noqa: SLF001 - opening owns what it made
        # Nothing is waited for after a task has been started: whoever opens the gateway sees each
        # run and optimization as it was kept.
        if membership is None:
            await optimizations.restore()
        else:
            membership.take_part({"run": tasks, "optimization": optimizations})
        for run in gateway.runs()[::-1]:
            if run.needs_task:
                tasks.start(run)
        try:
            yield gateway
        finally:
            retention.cancel()
            closing.set()
            gateway.close("the gateway was closed")
            await gateway._thread_calls.wait_left()  # noqa: SLF001 - opening owns what it made


@asynccontextmanager
async def _membership(
    store: Store, peers: Peers | None, slots: RunSlots, source: Source
) -> AsyncIterator[Membership | None]:
    """Take part in the cluster of a store, if it has one, for the length of a block."""
    if (cluster := store.cluster) is None:
        yield None
        return
    membership = Membership(cluster, peers, slots, Bars(cluster, source))
    async with membership.opened():
        yield membership


def _held_elsewhere(method: Callable[P, T]) -> Callable[P, T]:
    """Return a function that calls a method of an object, and does not keep that object.

    The gateway holds what calls it: it would hold itself until the garbage collector comes by.
    """
    bound = WeakMethod(method)

    def call(*args: P.args, **more: P.kwargs) -> T:
        found = bound()
        assert found is not None, "the gateway outlives all that is at work in it"
        return found(*args, **more)

    return call


def random_id() -> str:
    """Return a new random id for a run, a UUID."""
    return str(uuid.uuid4())
