"""The pool of worker processes: started ahead of need, replaced when they end."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial

import trio
from attrs import define, field

from glowback_trio.border import Border, log_fault, restarted
from glowback_trio.compute.job import Job
from glowback_trio.compute.process.cores import usable_cores
from glowback_trio.compute.process.endings import WorkerError
from glowback_trio.compute.process.limits import WorkerLimits
from glowback_trio.compute.process.shared_bars import SharedBars, SharedValue
from glowback_trio.compute.process.worker_process import WorkerProcess, open_worker
from glowback_trio.compute.steps import Failed, Step
from glowback_trio.compute.turns import UNSHARED, Turn
from glowback_trio.errors import ResourceError
from glowback_trio.model.short_repr import describe
from glowback_trio.model.strategies.foreign import text_of
from glowback_trio.nursery import open_bare_nursery

__all__ = ["ProcessCompute"]

_log = logging.getLogger(__name__)

# How long a failure to start a worker fails the jobs that come, before it is tried again.
_RETRY_S = 1.0
# A worker may die while it starts or waits, killed by the system. So many in a row are more than
# bad luck.
_WORKERS_TRIED = 5
_FAULT = "Keeping a worker process has failed"
# How long a worker that was started in the place of a parked one waits for another job.
_SPARE_S = 60.0


@define(eq=False, repr=False)
class ProcessCompute:
    """Computes in worker processes, which never hold the event loop's interpreter lock.

    A job and its strategy are sent to the worker, so a custom strategy must be importable there:
    defined at the top level of a module. Cancelling a run kills its worker, wherever its code is.

    Args:
        workers: How many processes compute at once; None: one for each core that this
            process may use, of which a container may have a quota.
        memory_bytes: Bytes of memory that one worker may use; None: no bound.
        cpu_s: Seconds of processor time that one run may use; None: no bound.
        warm: True to let each worker load the engine's compiled kernel when it has nothing to do,
            and have it compiled if it never was; without the extra `fast` this does nothing.
    """

    workers: int | None = None
    memory_bytes: int | None = None
    cpu_s: float | None = None
    warm: bool = False
    _bars: SharedBars = field(factory=SharedBars, init=False)
    # One job is packed at a time, because they share their bars.
    _packing: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1), init=False)
    _unpacking: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1), init=False)
    #: How many workers live, or are being started; and those that are ready.
    _alive: int = field(default=0, init=False)
    _ready: set[WorkerProcess] = field(factory=set, init=False)
    _keepers: trio.Nursery | None = field(default=None, init=False)
    _lend: trio.MemorySendChannel[WorkerProcess | WorkerError] | None = field(
        default=None, init=False
    )
    #: Workers that wait for a job, or why there are none.
    _idle: trio.MemoryReceiveChannel[WorkerProcess | WorkerError] | None = field(
        default=None, init=False
    )

    def __repr__(self) -> str:
        state = "closed" if self._idle is None else "open"
        return describe(self, state, f"{self.slots} workers")

    @property
    def slots(self) -> int:
        """How many workers compute at once."""
        return self.workers or usable_cores()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep the workers for the length of an `async with` block."""
        # Without a buffer: who lends a worker knows when it has been taken.
        self._lend, self._idle = trio.open_memory_channel[WorkerProcess | WorkerError](0)
        with self._idle, closing(self._bars):
            async with open_bare_nursery() as self._keepers:
                for _ in range(self.slots):
                    keep = partial(self._keep_worker, self._lend)
                    self._keepers.start_soon(restarted, keep, log_fault(_FAULT), name=keep)
                try:
                    yield
                finally:
                    self._keepers.cancel_scope.cancel()
        self._idle = self._lend = self._keepers = None

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Work in a worker process, which is stopped between turns; cancelled, it is killed."""
        async with send:
            packed = await trio.to_thread.run_sync(self._packed, job, limiter=self._packing)
            if isinstance(packed, Failed):
                await send.send(packed)
                return
            for _ in range(_WORKERS_TRIED):
                if await self._lent_out(packed, send, turn):
                    return
            await send.send(Failed("Worker processes end before they take a job; see the log"))

    def _packed(self, job: Job) -> SharedValue | Failed:
        try:
            return self._bars.pack(job)
        except OSError as error:
            return Failed(f"The bars cannot be handed to a worker process: {error.strerror}")
        except Exception as error:  # noqa: BLE001 - whatever the job's classes raise
            return Failed(
                f"The strategy or its data cannot be sent to a worker process ({text_of(error)}); "
                "define the strategy at the top level of a module, or compute in threads"
            )

    async def _lent_out(
        self, job: SharedValue, send: trio.MemorySendChannel[Step], turn: Turn
    ) -> bool:
        """Carry out a job by the next worker; False if that had ended before, by no fault of it."""
        worker = await self._borrow()
        if isinstance(worker, WorkerError):
            await send.send(Failed(str(worker)))
            return True
        try:
            await worker.carry_out(job, send, turn)
        except WorkerError:
            return False
        finally:
            worker.give_back()
        return True

    async def _borrow(self) -> WorkerProcess | WorkerError:
        """Wait for a worker. Those that are parked have others in their place."""
        assert self._idle is not None, "opened() is what starts the workers"
        assert self._keepers is not None
        try:
            return self._idle.receive_nowait()
        except trio.WouldBlock:
            parked = sum(worker.parked for worker in self._ready)
            if self._alive < self.slots + parked:
                self._alive += 1
                self._keepers.start_soon(self._keep_spare)
            return await self._idle.receive()

    async def _keep_spare(self) -> None:
        """Keep a worker as long as there are jobs for it."""
        assert self._lend is not None
        with Border(log_fault(_FAULT)):
            try:
                await self._keep_one(self._lend, _SPARE_S)
            except WorkerError as error:
                _log.error("%s", error)
                with trio.move_on_after(_RETRY_S):
                    await self._lend.send(error)

    async def _keep_worker(self, lend: trio.MemorySendChannel[WorkerProcess | WorkerError]) -> None:
        """Keep one worker ready for the next job, and start another one when it has ended."""
        failed = 0
        while True:
            self._alive += 1
            try:
                await self._keep_one(lend)
                failed = 0
            except WorkerError as error:
                _log.error("%s", error)
                failed += 1
                if failed >= _WORKERS_TRIED:
                    with trio.move_on_after(_RETRY_S):
                        await self._report(lend, error)

    async def _keep_one(
        self, lend: trio.MemorySendChannel[WorkerProcess | WorkerError], idle_s: float = math.inf
    ) -> None:
        """Keep one worker, counted as alive already, until it has ended or idled for so long."""
        errors: list[WorkerError] = []
        try:
            with Border(lambda error: errors.append(_worker_error(error))):
                await self._open_and_lend(lend, idle_s)
        finally:
            self._alive -= 1
        if errors:
            raise errors[0]

    async def _open_and_lend(
        self, lend: trio.MemorySendChannel[WorkerProcess | WorkerError], idle_s: float
    ) -> None:
        limits = WorkerLimits(self.memory_bytes, self.cpu_s)
        async with open_worker(limits, self._unpacking, warm=self.warm) as worker:
            self._ready.add(worker)
            try:
                await self._lend_out(worker, lend, idle_s)
            finally:
                self._ready.remove(worker)

    async def _lend_out(
        self,
        worker: WorkerProcess,
        lend: trio.MemorySendChannel[WorkerProcess | WorkerError],
        idle_s: float,
    ) -> None:
        while worker.usable:
            with trio.move_on_after(idle_s) as idle:
                await lend.send(worker)
            if idle.cancelled_caught:
                return
            await worker.wait_returned()

    async def _report(
        self, lend: trio.MemorySendChannel[WorkerProcess | WorkerError], error: WorkerError
    ) -> None:
        """Answer one job after another with an error, while no other worker can take them."""
        while not self._alive:
            await lend.send(error)
        await trio.sleep_forever()


def _worker_error(error: BaseException) -> WorkerError:
    """Return why a worker cannot be kept, such as a thread that could not be started for it."""
    if isinstance(error, WorkerError):
        return error
    _log.error("A worker process cannot be kept", exc_info=error)
    reason = ResourceError.of(error) or type(error).__name__
    return WorkerError(f"No worker process can be kept: {reason}")
