"""The backend that computes on a Ray cluster."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import trio
from attrs import define, field

from glowback_trio.compute.job import Job
from glowback_trio.compute.process.limits import WorkerLimits
from glowback_trio.compute.ray.cluster import LOCAL, Cluster, connect, importable
from glowback_trio.compute.ray.orders import Order, PutBars
from glowback_trio.compute.ray.task import Task
from glowback_trio.compute.ray.watching import watch
from glowback_trio.compute.steps import Failed, Step
from glowback_trio.compute.turns import UNSHARED, Turn
from glowback_trio.errors import ComputeError
from glowback_trio.model.short_repr import describe
from glowback_trio.model.strategies.foreign import text_of
from glowback_trio.nursery import open_bare_nursery
from glowback_trio.version import VERSION

__all__ = ["RayCompute"]

_log = logging.getLogger(__name__)

# A process or node may die while a job is on its way. So many in a row are more than bad luck.
_ATTEMPTS = 5
# A task that was cancelled ends with its process, and its thread with it, unless the node is away.
_ENDED_S = 5.0


@define(eq=False, repr=False)
class RayCompute:
    """Computes on a Ray cluster, for which the extra `ray` must be installed.

    This machine must be a node of the cluster, if only one without CPUs. On every node must be the
    same versions of Python, Ray and this package, custom strategies must be importable there, and
    a data directory must be there at the same path. Each job is a task that asks for one CPU.

    Args:
        address: `auto`: the cluster that this machine is a node of; HOST:PORT: its head; `local`,
            also where none is given: one that is started here and ends with the gateway.
        workers: How many jobs compute at once; None: as many as the cluster has CPUs when it is
            opened.
        memory_bytes: Bytes of memory that one job may use, beyond what its process uses already;
            None: no bound. Ray itself ends jobs when a node runs out of memory.
        cpu_s: Seconds of processor time that one job may use; None: no bound.
        warm: True to let the nodes' processes load the engine's compiled kernel.
    """

    address: str = LOCAL
    workers: int | None = None
    memory_bytes: int | None = None
    cpu_s: float | None = None
    warm: bool = False
    _cluster: Cluster | None = field(default=None, init=False)
    _bars: PutBars = field(factory=PutBars, init=False)
    _attempts: count[int] = field(factory=lambda: count(1), init=False)
    # One job is packed at a time, because they share their bars.
    _packing: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1), init=False)
    # A thread for each job that has begun, and those are bounded by the run slots.
    _threads: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(math.inf), init=False
    )
    _following: set[trio.Event] = field(factory=set, init=False)

    def __repr__(self) -> str:
        state = "closed" if self._cluster is None else "open"
        return describe(self, state, address=self.address, slots=self.slots)

    @property
    def slots(self) -> int | None:
        """How many jobs compute at once; None: not known before it is opened."""
        if self.workers is not None or self._cluster is None:
            return self.workers
        return self._cluster.cpus

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Be connected to the cluster for the length of an `async with` block.

        Raises:
            ComputeError: The cluster cannot be used, or is gone; the message says what to do.
        """
        cluster = await trio.to_thread.run_sync(connect, self.address, self.workers)
        self._cluster = cluster
        gone = False
        try:
            async with open_bare_nursery() as nursery:
                nursery.start_soon(watch, cluster.places)
                yield
                nursery.cancel_scope.cancel()
        except ComputeError:
            gone = True
            raise
        finally:
            self._cluster = None
            with trio.CancelScope(shield=True):
                with trio.move_on_after(_ENDED_S):
                    for over in list(self._following):
                        await over.wait()
                self._following.clear()
                self._bars.close()
                if not gone:  # otherwise Ray waits for ever, or ends the process
                    await trio.to_thread.run_sync(cluster.close)

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        """Work in a task of the cluster, which waits between turns; cancelled, it is ended."""
        assert self._cluster is not None, "opened() is what connects"
        async with send:
            order = await trio.to_thread.run_sync(self._order, job, limiter=self._packing)
            if isinstance(order, Failed):
                await send.send(order)
                return
            why: str | None = None
            for _ in range(_ATTEMPTS):
                attempt = next(self._attempts)
                task = Task(self._cluster, attempt, self._threads, self._following)
                why = await task.carry_out(order, send, turn)
                if why is None:
                    return
                _log.warning("A job has not begun in the Ray cluster: %s", why)
            await send.send(Failed(f"No process of the Ray cluster takes the job: {why}"))

    def _order(self, job: Job) -> Order | Failed:
        assert self._cluster is not None
        try:
            packed, segments = self._bars.pack(job)
        except self._cluster.ray.exceptions.RayError as error:
            return Failed(f"The bars cannot be put into Ray's object store ({text_of(error)})")
        except Exception as error:  # noqa: BLE001 - whatever the job's classes raise
            return Failed(
                f"The strategy or its data cannot be sent to a Ray node ({text_of(error)}); define "
                "the strategy at the top level of a module, or compute in threads"
            )
        limits = WorkerLimits(self.memory_bytes, self.cpu_s)
        return Order(packed, segments, limits, importable(), VERSION, self.warm)
