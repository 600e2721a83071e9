"""The gateway: it takes requests, finds what it began, and ends it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ParamSpec, TypeVar, overload

import trio
from attrs import define, field

from glowback_trio.actors.changes.change_log import ChangeLog
from glowback_trio.actors.changes.noting import Changes
from glowback_trio.actors.changes.subscription import ChangeSubscription
from glowback_trio.actors.cluster.membership import Membership
from glowback_trio.actors.event_loop import EventLoop
from glowback_trio.actors.optimizations.ledger import Ledger
from glowback_trio.actors.optimizations.optimization import Optimization
from glowback_trio.actors.optimizations.optimizations import Optimizations
from glowback_trio.actors.run import Run
from glowback_trio.actors.run_slots import RunSlots
from glowback_trio.actors.run_tasks import RunTasks
from glowback_trio.actors.runs.admission import Admission
from glowback_trio.actors.thread_calls import ThreadCalls
from glowback_trio.actors.transfers import check_same, export_run, import_export
from glowback_trio.compute import Compute, LeakCheckJob, VerifyJob, leak_report_of, verdict_of
from glowback_trio.data import Source
from glowback_trio.engine.lookahead.check import CUTS, check_checkable
from glowback_trio.errors import (
    GatewayClosedError,
    NotReadyError,
    RunExistsError,
    UnknownRunError,
)
from glowback_trio.memory import Memory
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import counted, describe
from glowback_trio.model.strategies.leak_report import LeakReport
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.store import Durability, RunFilter, Store
from glowback_trio.store.cluster import Cluster
from glowback_trio.wire.changes import ChangeType
from glowback_trio.wire.exports.run_export import RunExport
from glowback_trio.wire.exports.verdict import Verdict

__all__ = ["Gateway"]

# Each may take as much memory as the log of its run.
_TRANSFERS = 2

P = ParamSpec("P")
T = TypeVar("T")

_ANY = RunFilter()


@define(eq=False, repr=False)
class Gateway:
    """Where runs are submitted and found. Made by `open_gateway`.

    It belongs to the event loop in which it was opened, and so do its runs: what changes or awaits
    something raises `EventLoopError` elsewhere. Other threads use `from_thread`; they may read
    (`run`, `runs`, a run's `status`, `result`, `events`) without it.
    """

    #: Where bars come from.
    source: Source
    #: The strategies that requests may name.
    strategies: StrategyRegistry
    #: The bound on what everything takes, and who takes how much.
    memory: Memory
    #: The trials that were ever made on the store, by runs and optimizations.
    ledger: Ledger
    _store: Store
    _compute: Compute
    _clock: Callable[[], datetime]
    _new_id: Callable[[], str]
    _slots: RunSlots
    _admission: Admission
    _tasks: RunTasks
    _runs: dict[str, Run]
    _optimizations: Optimizations
    _loop: EventLoop
    _thread_calls: ThreadCalls
    _changes: Changes
    #: Its part in the cluster of gateways on its store; None: the store is its own alone.
    membership: Membership | None = None
    #: Exports that are held in memory at once, to be verified or kept.
    _transfers: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(_TRANSFERS), init=False
    )

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        runs = counted(len(self._runs), "run")
        return describe(self, state, runs, source=type(self.source).__name__)

    @property
    def cluster(self) -> Cluster | None:
        """The gateways that share the store; None: this one is alone."""
        return self._store.cluster

    @property
    def closed(self) -> bool:
        """True if no new runs are accepted."""
        return self._admission.closed is not None

    @property
    def writable(self) -> bool:
        """True if the store can keep what runs emit, as far as it knows."""
        return self._store.writable

    @property
    def durability(self) -> Durability:
        """The promise of the store for events that can be read: `memory`, `process` or `power`."""
        return self._store.durability

    @property
    def slots(self) -> RunSlots:
        """The slots in which runs are computed: for those who look, such as metrics."""
        return self._slots

    def submit(
        self,
        request: BacktestRequest,
        *,
        key: str | None = None,
        owner: str = "",
        checked: bool = False,
        fingerprint: str | None = None,
    ) -> Run:
        """Queue a run; it begins when a slot is free.

        Args:
            request: What to simulate. A higher `priority` begins earlier.
            key: Kept with the run, for `find_key`.
            owner: On whose account: owners take turns at the slots.
            checked: True if `source.problems` has found none in it.
            fingerprint: Fingerprint of its bars, if `checked`; otherwise it is worked out here.

        Raises:
            InvalidRequestError: It is no `BacktestRequest`, the data source cannot serve it, or no
                store can keep `key` or `owner`.
            QueueFullError: As many runs wait as may.
            ResourceError: No memory is left of `max_memory`.
            LiveRunsFullError: As many runs have begun and not ended as may.
            StoreError: The store cannot be written at the moment.
            GatewayClosedError: The gateway is closing or closed.
            EventLoopError: Called outside the gateway's event loop; see `from_thread`.
        """
        # Before the run exists: one without a task would be waited for for ever.
        self._admission.check_run(request, key, owner, checked=checked)
        bars = fingerprint if checked else self._tasks.fingerprint(request)
        run = Run.queued(
            self._new_id(),
            request,
            self._store,
            self._clock,
            key=key,
            owner=owner,
            fingerprint=bars,
        )
        self._runs[run.run_id] = run
        self._tasks.start(run, owner)
        return run

    @overload
    def from_thread(
        self, function: Callable[P, Awaitable[T]], *args: P.args, **more: P.kwargs
    ) -> T: ...

    @overload
    def from_thread(self, function: Callable[P, T], *args: P.args, **more: P.kwargs) -> T: ...

    def from_thread(self, function: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Call a function in the gateway's event loop, from another thread, and wait for it.

        For example `gateway.from_thread(gateway.submit, request)`, or, with an async function,
        `gateway.from_thread(run.wait_finished)`. Errors of the function are raised here.

        When the gateway closes, a call that still waits is cancelled, and the block of
        `open_gateway` ends after it has. That call and every later one raise `GatewayClosedError`.

        Args:
            function: What to call. What it returns is awaited if it can be.
            args: Its arguments.
            more: Its keyword arguments.

        Raises:
            GatewayClosedError: The gateway is closed, or was closed during the call.
            EventLoopError: This thread runs a trio loop, which the call would block.
        """
        return self._thread_calls.call(partial(function, *args, **more))

    def run(self, run_id: str) -> Run:
        """Return a run that is in memory: with a store in memory, any run there is.

        Raises:
            UnknownRunError: It never was, was deleted, or had to leave memory; a store on disk
                gives it back by `load_run`.
        """
        try:
            return self._runs[run_id]
        except KeyError:
            raise UnknownRunError(run_id) from None

    def holds(self, run_id: str) -> bool:
        """Return whether `run` finds a run."""
        return run_id in self._runs

    async def load_run(self, run_id: str) -> Run:
        """Return a run, wherever the store has it.

        Raises:
            UnknownRunError: It never was, was deleted, or had to leave the store.
            StoreError: The store cannot be read.
            EventLoopError: Called outside the gateway's event loop.
        """
        self._loop.check("gateway.load_run")
        await trio.lowlevel.checkpoint()
        return await self._tasks.load(run_id, starts=lambda: not self.closed)

    def runs(self) -> Sequence[Run]:
        """Return the runs that are in memory, newest first: see `run`."""
        return list(reversed(self._runs.values()))

    async def statuses(
        self, only: RunFilter = _ANY, *, before: str | None = None, limit: int = 50
    ) -> Sequence[Status]:
        """Return statuses of all runs, newest first.

        Args:
            only: Only runs that meet these conditions.
            before: Only runs that were submitted before this one; None: all.
            limit: How many at most.

        Raises:
            UnknownRunError: There is no run `before`.
            EventLoopError: Called outside the gateway's event loop.
        """
        self._loop.check("gateway.statuses")
        await trio.lowlevel.checkpoint()
        return await self._tasks.statuses(only, before, limit)

    @property
    def change_log(self) -> ChangeLog:
        """The changes of all runs and optimizations: for readers that keep their own cursors."""
        return self._changes.log

    def changes(
        self,
        after: int | None = None,
        epoch: str | None = None,
        types: Collection[ChangeType] | None = None,
    ) -> ChangeSubscription:
        """Follow what becomes of all runs and optimizations, from now on or after a cursor.

        Args:
            after: The id of the last change that is known; None: begin with a `reset`.
            epoch: The epoch of that change.
            types: Only changes of these types, and a `reset`; None: all.
        """
        cursor = self._changes.log.cursor_of(after, epoch)
        return ChangeSubscription(self._changes.log, self._loop, types, cursor)

    async def find_key(self, key: str, max_age_s: float = math.inf) -> Run | None:
        """Return the run that was submitted with this key; None if there is none.

        Args:
            key: The key.
            max_age_s: Only a run that was submitted in the last so many seconds.

        Raises:
            StoreError: The store cannot be read.
            EventLoopError: Called outside the gateway's event loop.
        """
        self._loop.check("gateway.find_key")
        return await self._tasks.find_key(key, max_age_s, starts=lambda: not self.closed)

    async def export(self, run_id: str) -> RunExport:
        """Return a finished run apart from the store, as `import_run` and `verify` take it.

        Raises:
            UnknownRunError: There is no such run.
            NotReadyError: It has not ended.
            ResultUnavailableError: It has more events than an export may have.
            StoreError: The store cannot be read.
            EventLoopError: Called outside the gateway's event loop.
        """
        return await export_run(await self.load_run(run_id))

    async def verify(self, run_id: str) -> Verdict:
        """Compute a finished run again, and compare it with what is stored of it: see `verify`.

        Raises:
            VerificationError: It cannot be computed here; and as `export` does.
        """
        async with self._transfers:
            run = await self.load_run(run_id)
            job = VerifyJob(await export_run(run), run.request, self.source)
            return verdict_of(await self._slots.answer(job, self._compute))

    async def check_strategy(
        self, request: BacktestRequest, *, cuts: int = CUTS, owner: str = "", checked: bool = False
    ) -> LeakReport:
        """Check a strategy for look-ahead, in turn with runs: see `check_strategy` and `submit`.

        Raises:
            VerificationError: It cannot be checked, such as one that fails on these bars.
        """
        self._admission.check("gateway.check_strategy", request, checked=checked)
        check_checkable(request, cuts)
        job = LeakCheckJob(request, self.source, cuts)
        return leak_report_of(await self._slots.answer(job, self._compute, owner, request.priority))

    async def import_run(self, export: RunExport) -> Run:
        """Keep a run of another gateway, as the newest one. The same run, kept already, stays.

        Raises:
            DamagedError: Its log breaks a law, or does not belong to the rest.
            InvalidRequestError: Its request cannot be read here.
            RunExistsError: Another run has its id.
            GatewayClosedError: The gateway is closing or closed.
            StoreError: The store cannot be read, or written at the moment.
            EventLoopError: Called outside the gateway's event loop.
        """
        self._loop.check("gateway.import_run")
        if self.closed:
            raise GatewayClosedError(f"No runs are accepted: {self._admission.closed}")
        async with self._transfers:
            try:
                await import_export(export, self._store, self.strategies)
            except RunExistsError:
                await check_same(export, await self._kept(export.run_id))
            self._changes.touch(("run", export.run_id))
            return await self.load_run(export.run_id)

    async def _kept(self, run_id: str) -> RunExport | None:
        """Export a run of an id that is taken; None if it has not ended, or cannot be read here."""
        try:
            return await self.export(run_id)
        except (UnknownRunError, NotReadyError):
            return None

    def delete(self, run_id: str) -> None:
        """Forget a run, its events and its result; cancel it first if it has not ended.

        Its readers still get its events to the end.

        Raises:
            UnknownRunError: There is no such run.
            EventLoopError: Called outside the gateway's event loop.
        """
        self._loop.check("gateway.delete")
        run = self.run(run_id)
        # The run still ends, and its readers see how; it only cannot be found any more.
        run.cancel("deleted")
        self._drop(run_id)

    async def flush(self) -> None:
        """Wait until all that was submitted and deleted so far is as durable as `durability` says.

        Raises:
            StoreError: The store cannot be written at the moment. It may be later.
            EventLoopError: Called outside the gateway's event loop.
        """
        self._loop.check("gateway.flush")
        await self._store.flush()

    async def _submit_once(self, request: BacktestRequest, owner: str, key: str) -> str:
        """Submit a run unless there is one with this key; return its id."""
        found = await self.find_key(key)
        return (found or self.submit(request, key=key, owner=owner)).run_id

    def optimize(
        self,
        request: OptimizationRequest,
        *,
        key: str | None = None,
        owner: str = "",
        checked: bool = False,
        fingerprint: str | None = None,
    ) -> Optimization:
        """Begin an optimization; its trials take turns at the slots with runs.

        Args:
            request: What to search.
            key: Kept with it, for `find_optimization_key`.
            owner: On whose account.
            checked: True if nothing has been found wrong with it already.
            fingerprint: As for `submit`, of the bars of all trials.

        Raises:
            InvalidRequestError: It is no `OptimizationRequest`, the data source cannot serve it, or
                no store can keep `key` or `owner`.
            OptimizationsFullError: As many have not ended as may.
            ResourceError: No memory is left of `max_memory`.
            StoreError: The store cannot be written at the moment.
            GatewayClosedError: The gateway is closing or closed.
            EventLoopError: Called outside the gateway's event loop; see `from_thread`.
        """
        return self._optimizations.optimize(
            request, key, owner, checked=checked, fingerprint=fingerprint
        )

    def optimization(self, optimization_id: str) -> Optimization:
        """Return an optimization that is in memory.

        Raises:
            UnknownOptimizationError: It never was, was deleted, or had to leave memory.
        """
        return self._optimizations.get(optimization_id)

    def holds_optimization(self, optimization_id: str) -> bool:
        """Return whether `optimization` finds one."""
        return self._optimizations.holds(optimization_id)

    async def load_optimization(self, optimization_id: str) -> Optimization:
        """Return an optimization, wherever the store has it.

        Raises:
            UnknownOptimizationError: It never was, was deleted, or had to leave the store.
            StoreError: The store cannot be read.
        """
        return await self._optimizations.load(optimization_id)

    def optimizations(self) -> Sequence[Optimization]:
        """Return the optimizations that are in memory, newest first."""
        return self._optimizations.all()

    async def optimization_statuses(
        self, *, before: str | None = None, limit: int = 50
    ) -> Sequence[OptimizationStatus]:
        """Return statuses of all optimizations, newest first.

        Args:
            before: Only those that were begun before this one; None: all.
            limit: How many at most.

        Raises:
            UnknownOptimizationError: There is none `before`.
        """
        return await self._optimizations.statuses(before, limit)

    async def find_optimization_key(
        self, key: str, max_age_s: float = math.inf
    ) -> Optimization | None:
        """Return the optimization that was begun with this key; None if there is none.

        Args:
            key: The key.
            max_age_s: Only one that was begun in the last so many seconds.
        """
        return await self._optimizations.find_key(key, max_age_s)

    def delete_optimization(self, optimization_id: str) -> None:
        """Forget an optimization with all its attempts; cancel it first if it has not ended.

        Raises:
            UnknownOptimizationError: There is none of this id.
        """
        self._optimizations.delete(optimization_id)

    def _drop(self, run_id: str) -> None:
        """Forget a finished run."""
        self._runs.pop(run_id, None)
        self._store.forget(run_id)
        self._changes.delete(("run", run_id))

    def close(self, reason: str) -> None:
        """Accept no new runs, and cancel those that have not ended. Idempotent.

        In a durable store queued runs, and running ones whose requests say `on_restart: "rerun"`,
        stop without an end: the next gateway on the store goes on with them.

        Raises:
            EventLoopError: Called outside the gateway's event loop.
        """
        self._loop.check("gateway.close")
        self._admission.closed = self._admission.closed or reason
        if self.membership is not None:
            self.membership.close()
        for run in self._runs.values():
            run.close(reason)
        self._optimizations.close(reason)
        self._changes.close()
        self._thread_calls.close()

    async def wait_idle(self) -> None:
        """Wait until every run and optimization that is listed now has ended."""
        self._loop.check("gateway.wait_idle")
        for run in self.runs():
            await run.wait_finished()
        for optimization in self.optimizations():
            await optimization.wait_finished()
