"""The store that keeps everything in memory, within bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import trio
from attrs import define, evolve, field

from glowback_trio.errors import RunExistsError, StoreError, UnknownRunError
from glowback_trio.memory import Holding, Memory
from glowback_trio.model.events import Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import Headline, State, Status, fold
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import counted, describe
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.store.memory_ledger import MemoryLedger
from glowback_trio.store.memory_log import MemoryLog
from glowback_trio.store.memory_optimizations import MemoryOptimizations
from glowback_trio.store.protocol import Durability, StoredRun
from glowback_trio.store.run_filter import RunFilter
from glowback_trio.store.sizes import result_bytes

__all__ = ["MemoryStore"]

# A millisecond's work.
_IMPORTED_PER_TURN = 2048


@define(eq=False)
class _Kept:
    """One run as it is kept."""

    request: BacktestRequest
    labels: Labels
    log: MemoryLog
    key: str | None = None
    result: Result | None = None
    paused: bool = False
    #: What the result takes.
    held: Holding | None = None

    @property
    def size(self) -> int:
        return self.log.size + (0 if self.held is None else self.held.size)

    def keep(self, result: Result | None, memory: Memory) -> None:
        """Keep a result, and tell an account."""
        self.result, self.held = result, Holding(memory.account("results"))
        self.held.grow_to(result_bytes(result))


@define(eq=False, repr=False)
class MemoryStore:
    """Logs and results in memory. Finished runs are bounded, oldest out first; live runs stay.

    A store that is given to one gateway after another keeps its runs from the first to the next.

    Args:
        keep_runs: How many finished runs are kept.
        keep_bytes: How many bytes finished runs may take together. The newest one is always kept.
    """

    keep_runs: int = 1000
    keep_bytes: int = 1 << 30
    _kept: dict[str, _Kept] = field(factory=dict, init=False)
    _keys: dict[str, str] = field(factory=dict, init=False)
    #: The sizes of finished runs, oldest first.
    _finished: dict[str, int] = field(factory=dict, init=False)
    _finished_bytes: int = field(default=0, init=False)
    _in_use: bool = field(default=False, init=False)
    #: The optimizations, which have the same bounds of their own.
    optimizations: MemoryOptimizations = field(init=False)
    #: The ledger of trials, which has no bounds.
    ledger: MemoryLedger = field(factory=MemoryLedger, init=False)
    #: The memory of the gateway that has the store open.
    _memory: Memory = field(factory=Memory, init=False)

    def __attrs_post_init__(self) -> None:
        self.optimizations = MemoryOptimizations(self.keep_runs, self.keep_bytes)

    def __repr__(self) -> str:
        runs = counted(len(self._kept), "run")
        bounds = {"keep_runs": self.keep_runs, "keep_bytes": self.keep_bytes}
        return describe(self, runs, finished_bytes=self._finished_bytes, **bounds)

    @property
    def cluster(self) -> None:
        """None: it is one gateway's alone."""

    @property
    def durability(self) -> Durability:
        """`memory`: runs end with the process."""
        return "memory"

    @property
    def writable(self) -> bool:
        """Always true: what finished runs take is bounded, and the oldest make room."""
        return True

    @asynccontextmanager
    async def opened(
        self, strategies: StrategyRegistry, memory: Memory | None = None
    ) -> AsyncIterator[None]:
        """Keep the store to one gateway at a time.

        Args:
            strategies: Not needed: requests are kept as they are.
            memory: Its accounts are told of logs and results.

        Raises:
            StoreError: Another gateway has it open.
        """
        if self._in_use:
            # To the second gateway the first one's live runs would look interrupted.
            raise StoreError("This store is open in another gateway")
        self._in_use = True
        self._memory = memory or Memory()
        self.optimizations.count_in(self._memory)
        for kept in self._kept.values():
            kept.log.hold(Holding(self._memory.account("logs")))
            kept.keep(kept.result, self._memory)
        try:
            yield
        finally:
            self._in_use = False

    async def flush(self) -> None:
        """Let others have a turn: an event is durable at once."""
        await trio.lowlevel.checkpoint()

    async def wait_room(self) -> None:
        """Let others have a turn: nothing waits to be written."""
        await trio.lowlevel.checkpoint()

    async def run_ids(self) -> Sequence[str]:
        """Return the ids of all runs, oldest first."""
        return list(self._kept)

    async def resident_ids(self) -> Sequence[str]:
        """Return the same: all runs are in memory."""
        return list(self._kept)

    async def statuses(
        self, only: RunFilter, before: str | None, limit: int
    ) -> Sequence[Status] | None:
        """Return None: all runs are resident."""
        return None

    async def find_key(self, key: str) -> str | None:
        """Return the id of the run that was opened with this key."""
        return self._keys.get(key)

    async def reopen(self, run_id: str, on_durable: Callable[[], None]) -> StoredRun:
        """Give back a run of an earlier gateway.

        Raises:
            UnknownRunError: It was never opened, or is gone.
        """
        kept = self._find(run_id)
        kept.log.ring(on_durable)
        status = evolve(
            fold(kept.log.changes(), kept.request).labelled(kept.labels),
            event_count=kept.log.watermark,
        )
        status = evolve(status, paused=kept.paused and not status.finished)
        if kept.result is not None and status.state is State.COMPLETED:
            status = evolve(status, metrics=Headline.of(kept.result.metrics))
        return StoredRun(kept.request, status, kept.log)

    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None = None,
    ) -> MemoryLog:
        """Begin a run's log."""
        log = MemoryLog(on_durable, Holding(self._memory.account("logs")))
        self._kept[run_id] = _Kept(request, request.labels, log, key)
        if key is not None:
            self._keys[key] = run_id
        return log

    def label(self, run_id: str, labels: Labels) -> None:
        """Keep a run's labels."""
        if run_id in self._kept:
            self._kept[run_id].labels = labels

    def note_pause(self, run_id: str, *, paused: bool) -> None:
        """Keep whether a run is paused."""
        if run_id in self._kept:
            self._kept[run_id].paused = paused

    async def import_run(
        self,
        run_id: str,
        request: BacktestRequest,
        events: Sequence[Event],
        result: Result | None,
    ) -> None:
        """Keep a finished run of another store as the newest one.

        Raises:
            RunExistsError: A run has this id.
        """
        await trio.lowlevel.checkpoint()
        if run_id in self._kept:
            raise RunExistsError(run_id)
        log = MemoryLog(_nobody, Holding(self._memory.account("logs")))
        for count, event in enumerate(events, start=1):
            log.append(event)
            if count % _IMPORTED_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        if run_id in self._kept:  # by now
            raise RunExistsError(run_id)
        kept = self._kept[run_id] = _Kept(request, request.labels, log)
        kept.keep(result, self._memory)

    async def keep_result(self, run_id: str, result: Result) -> None:
        """Keep a result, unless its run has been forgotten meanwhile."""
        # A deleted run that was about to complete must not come back by its result.
        if run_id in self._kept:
            self._kept[run_id].keep(result, self._memory)

    def result_nowait(self, run_id: str) -> Result:
        """Return a result.

        Raises:
            UnknownRunError: It was never kept, or is gone.
        """
        if (result := self._find(run_id).result) is None:
            raise UnknownRunError(run_id)
        return result

    async def result(self, run_id: str) -> Result:
        """Return a result.

        Raises:
            UnknownRunError: It was never kept, or is gone.
        """
        return self.result_nowait(run_id)

    def retire(self, run_id: str) -> Sequence[str]:
        """Count a run as finished; return the runs that had to leave to keep the bounds."""
        if run_id not in self._kept:
            return ()
        self._kept[run_id].log.hold()
        size = self._kept[run_id].size
        self._finished_bytes += size - self._finished.get(run_id, 0)
        self._finished[run_id] = size
        return self._evict()

    @property
    def expires(self) -> bool:
        """Always false: what has to leave, leaves when a run is retired."""
        return False

    async def expired(self, now: datetime) -> Sequence[str]:
        """Return nothing; see `expires`."""
        return ()

    def _evict(self) -> Sequence[str]:
        evicted = []
        while len(self._finished) > max(self.keep_runs, 1) or (
            self._finished_bytes > self.keep_bytes and len(self._finished) > 1
        ):
            evicted.append(next(iter(self._finished)))
            self.forget(evicted[-1])
        return evicted

    def forget(self, run_id: str) -> None:
        """Drop a run's events and result."""
        self._finished_bytes -= self._finished.pop(run_id, 0)
        kept = self._kept.pop(run_id, None)
        # A newer run may have the key by now.
        if kept is not None and kept.key is not None and self._keys.get(kept.key) == run_id:
            del self._keys[kept.key]

    def _find(self, run_id: str) -> _Kept:
        try:
            return self._kept[run_id]
        except KeyError:
            raise UnknownRunError(run_id) from None


def _nobody() -> None:
    """Tell nobody: no reader of an imported run waits for events."""
