"""Optimizations of the store that keeps everything in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import define, evolve, field

from glowback_trio.memory import Holding, Memory
from glowback_trio.model.optimization.errors import UnknownOptimizationError
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.store.memory_log import MemoryLog
from glowback_trio.store.optimization_shelf import StoredOptimization, TrialNote

__all__ = ["MemoryOptimizations"]

# What Python needs for a note besides its sketch.
_NOTE_BYTES = 200


@define(eq=False)
class _Kept:
    """One optimization as it is kept."""

    request: OptimizationRequest
    key: str | None
    held: Holding
    logs: list[MemoryLog] = field(factory=list)
    statuses: list[OptimizationStatus] = field(factory=list)
    notes: dict[int, TrialNote] = field(factory=dict)
    result: OptimizationResult | None = None
    paused: bool = False

    @property
    def size(self) -> int:
        return self.held.size + sum(log.size for log in self.logs)


@define(eq=False)
class MemoryOptimizations:
    """Optimizations in memory. Finished ones are bounded, oldest out first.

    Args:
        most: How many finished ones are kept.
        most_bytes: How many bytes they may take together. The newest one is always kept.
    """

    most: int
    most_bytes: int
    #: The memory of the gateway that has the store open.
    _memory: Memory = field(factory=Memory, init=False)
    _kept: dict[str, _Kept] = field(factory=dict, init=False)
    _keys: dict[str, str] = field(factory=dict, init=False)
    #: The sizes of finished ones, oldest first.
    _finished: dict[str, int] = field(factory=dict, init=False)

    def count_in(self, memory: Memory) -> None:
        """Tell the accounts of a gateway's memory, from now on, what is held."""
        self._memory = memory
        for kept in self._kept.values():
            size, kept.held = kept.held.size, Holding(memory.account("results"))
            kept.held.grow_to(size)
            for log in kept.logs:
                log.hold(Holding(memory.account("logs")))

    async def ids(self) -> Sequence[str]:
        """Return the ids of all, oldest first."""
        return list(self._kept)

    async def resident_ids(self) -> Sequence[str]:
        """Return the same: all are in memory."""
        return list(self._kept)

    async def statuses(self, before: str | None, limit: int) -> Sequence[OptimizationStatus] | None:
        """Return None: all are resident."""
        return None

    async def find_key(self, key: str) -> str | None:
        """Return the id of the one that was opened with this key."""
        return self._keys.get(key)

    def open(
        self, optimization_id: str, request: OptimizationRequest, key: str | None = None
    ) -> None:
        """Begin to keep one."""
        held = Holding(self._memory.account("results"))
        self._kept[optimization_id] = _Kept(request, key, held)
        if key is not None:
            self._keys[key] = optimization_id

    def open_attempt(
        self, optimization_id: str, number: int, on_durable: Callable[[], None]
    ) -> MemoryLog:
        """Begin the log of an attempt."""
        log = MemoryLog(on_durable, Holding(self._memory.account("logs")))
        if (kept := self._kept.get(optimization_id)) is not None:
            self._finished.pop(optimization_id, None)  # it lives again
            kept.logs.append(log)
        return log

    async def reopen(self, optimization_id: str) -> StoredOptimization:
        """Give back one of an earlier gateway.

        Raises:
            UnknownOptimizationError: It was never opened, or is gone.
        """
        kept = self._find(optimization_id)
        statuses = [
            evolve(status, event_count=log.watermark, paused=kept.paused and not status.finished)
            for status, log in zip(kept.statuses, kept.logs, strict=True)
        ]
        return StoredOptimization(kept.request, statuses)

    async def reopen_attempt(
        self, optimization_id: str, number: int, on_durable: Callable[[], None]
    ) -> MemoryLog:
        """Give back the log of an attempt."""
        log = self._find(optimization_id).logs[number - 1]
        log.ring(on_durable)
        return log

    def note_status(self, status: OptimizationStatus) -> None:
        """Keep the status of an attempt."""
        if (kept := self._kept.get(status.optimization_id)) is not None:
            kept.statuses[status.attempt - 1 :] = [status]

    def note_pause(self, optimization_id: str, *, paused: bool) -> None:
        """Keep whether one is paused."""
        if (kept := self._kept.get(optimization_id)) is not None:
            kept.paused = paused

    def note_trials(self, optimization_id: str, notes: Sequence[TrialNote]) -> None:
        """Keep notes on trials."""
        if (kept := self._kept.get(optimization_id)) is not None:
            kept.notes.update({note.trial_number: note for note in notes})
            size = sum(len(note.sketch) + _NOTE_BYTES for note in notes)
            kept.held.grow_to(kept.held.size + size)

    async def notes(self, optimization_id: str) -> Sequence[TrialNote]:
        """Return the notes on all trials, by number."""
        notes = self._find(optimization_id).notes
        return [notes[number] for number in sorted(notes)]

    async def keep_result(self, result: OptimizationResult) -> None:
        """Keep a result, unless its optimization has been forgotten meanwhile."""
        if (kept := self._kept.get(result.optimization_id)) is not None:
            kept.result = result

    async def result(self, optimization_id: str) -> OptimizationResult | None:
        """Return the result that was kept last."""
        return self._find(optimization_id).result

    def retire(self, optimization_id: str) -> Sequence[str]:
        """Count one as finished; return those that had to leave to keep the bounds."""
        if (kept := self._kept.get(optimization_id)) is None:
            return ()
        for log in kept.logs:
            log.hold()
        self._finished.pop(optimization_id, None)
        self._finished[optimization_id] = kept.size
        evicted = []
        while len(self._finished) > max(self.most, 1) or (
            sum(self._finished.values()) > self.most_bytes and len(self._finished) > 1
        ):
            evicted.append(next(iter(self._finished)))
            self.forget(evicted[-1])
        return evicted

    async def expired(self, now: datetime) -> Sequence[str]:
        """Return nothing: what has to leave, leaves when one is retired."""
        return ()

    def forget(self, optimization_id: str) -> None:
        """Drop all that is kept of one."""
        self._finished.pop(optimization_id, None)
        kept = self._kept.pop(optimization_id, None)
        # A newer one may have the key by now.
        if kept and kept.key is not None and self._keys.get(kept.key) == optimization_id:
            del self._keys[kept.key]

    def _find(self, optimization_id: str) -> _Kept:
        try:
            return self._kept[optimization_id]
        except KeyError:
            raise UnknownOptimizationError(optimization_id) from None
