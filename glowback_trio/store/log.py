"""What a run needs of a store, and what a store must promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from glowback_trio.model.events import Event
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result

__all__ = ["EVENT_OVERHEAD", "EventLog", "Store"]

#: Bytes that Python needs to hold an event besides those of `Event.data`: the value, its id, the
#: head of the bytes, the list's slot. 137 by tracemalloc over 100,000 events on CPython 3.11, and
#: 145 for a draft; rounded up.
EVENT_OVERHEAD = 150


class EventLog(Protocol):
    """One run's events: appended by its run alone, read by anybody, at any time, from anywhere."""

    @property
    def watermark(self) -> int:
        """Id of the newest event that is as durable as the store promises; 0 before the first."""

    def append(self, event: Event) -> None:
        """Take the next event. When it raises, the log is as it was."""

    def read(self, after: int, limit: int) -> Sequence[Event]:
        """Up to `limit` events with ids above `after` and not above the watermark, in order."""


class Store(Protocol):
    """Event logs and results. Synchronous inside; starts no task."""

    @property
    def writable(self) -> bool:
        """Whether events and results can be kept at the moment, as far as the store can tell.

        A hint for those who send runs here: what cannot be kept after all is told by `append` and
        `keep_result`, which raise.
        """

    def open_log(
        self, run_id: str, request: BacktestRequest, on_durable: Callable[[], None]
    ) -> EventLog:
        """Begin a run's log.

        Args:
            run_id: The run's name.
            request: What was asked.
            on_durable: Called after the watermark has moved.
        """

    def keep_result(self, run_id: str, result: Result) -> None:
        """Keep a result, so that it can be read before anybody is told that the run completed."""

    def result(self, run_id: str) -> Result:
        """The kept result.

        Raises:
            UnknownRunError: It was never kept, or is gone.
        """

    def retire(self, run_id: str) -> Sequence[str]:
        """Count a run as finished; returns the runs that had to leave to keep the bounds."""

    def forget(self, run_id: str) -> None:
        """Drop a run's events and result; unknown runs are no error."""
