"""The store that keeps everything in memory, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from attrs import astuple, define, field

from glowback_trio.errors import UnknownRunError
from glowback_trio.model.events import Event
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store.log import EVENT_OVERHEAD

__all__ = ["MemoryLog", "MemoryStore"]


@define(eq=False)
class MemoryLog:
    """A run's events in a list: event n stands at index n - 1. An event is durable at once."""

    _on_durable: Callable[[], None]
    _events: list[Event] = field(factory=list)
    #: Bytes the events take, roughly.
    size: int = 0

    @property
    def watermark(self) -> int:
        """Id of the newest event."""
        return len(self._events)

    def append(self, event: Event) -> None:
        """Take the next event and say that it is durable."""
        self._events.append(event)
        self.size += len(event.data) + EVENT_OVERHEAD
        self._on_durable()

    def read(self, after: int, limit: int) -> Sequence[Event]:
        """Up to `limit` events with ids above `after`."""
        return self._events[after : after + limit]


@define(eq=False)
class MemoryStore:
    """Logs and results in memory. Finished runs are bounded, oldest out first; live runs stay.

    Args:
        keep_runs: How many finished runs are kept.
        keep_bytes: How many bytes finished runs may take together. The newest one is always kept.
    """

    keep_runs: int = 1000
    keep_bytes: int = 1 << 30
    _logs: dict[str, MemoryLog] = field(factory=dict, init=False)
    _results: dict[str, Result] = field(factory=dict, init=False)
    _finished: dict[str, int] = field(factory=dict, init=False)
    _finished_bytes: int = field(default=0, init=False)

    @property
    def writable(self) -> bool:
        """Always: what finished runs take is bounded, and the oldest make room."""
        return True

    def open_log(
        self, run_id: str, request: BacktestRequest, on_durable: Callable[[], None]
    ) -> MemoryLog:
        """Begin a run's log. The request is not needed again: nothing survives the process."""
        log = self._logs[run_id] = MemoryLog(on_durable)
        return log

    def keep_result(self, run_id: str, result: Result) -> None:
        """Keep a result, unless its run has been forgotten meanwhile."""
        if run_id in self._logs:
            self._results[run_id] = result

    def result(self, run_id: str) -> Result:
        """The kept result.

        Raises:
            UnknownRunError: It was never kept, or is gone.
        """
        try:
            return self._results[run_id]
        except KeyError:
            raise UnknownRunError(run_id) from None

    def retire(self, run_id: str) -> Sequence[str]:
        """Count a run as finished; returns the runs that had to leave to keep the bounds."""
        if run_id not in self._logs:
            return ()
        size = self._logs[run_id].size + _result_size(self._results.get(run_id))
        self._finished[run_id] = size
        self._finished_bytes += size
        return self._evict()

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
        self._logs.pop(run_id, None)
        self._results.pop(run_id, None)


def _result_size(result: Result | None) -> int:
    """Bytes of a result's arrays; the rest is small beside its events."""
    if result is None:
        return 0
    parts = (result.curve, result.trades, result.orders, result.portfolio, result.benchmark)
    columns = {
        id(column): column.nbytes
        for part in parts
        if part is not None
        for column in astuple(part, recurse=False)
        if isinstance(column, np.ndarray)
    }
    return sum(columns.values())
