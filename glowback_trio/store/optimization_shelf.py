"""The promises of a store for optimizations: their attempts' logs, notes on trials, results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from attrs import field, frozen

from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.short_repr import counted, describe
from glowback_trio.store.event_log import EventLog

__all__ = ["OptimizationShelf", "StoredOptimization", "TrialNote"]


@frozen
class TrialNote:
    """A note on a trial, kept besides its event.

    Attributes:
        trial_number: Its number.
        duration_s: Seconds that it took.
        sketch: The sketch of its returns; empty without one.
    """

    trial_number: int
    duration_s: float
    sketch: bytes = field(default=b"", repr=False)


@frozen(repr=False)
class StoredOptimization:
    """An optimization as a store gives it back.

    Attributes:
        request: Its request, equal to the one that it was opened with.
        statuses: The status that was noted last of each attempt, in their order, with the number of
            its events; paused as was noted last.
    """

    request: OptimizationRequest
    statuses: Sequence[OptimizationStatus]

    def __repr__(self) -> str:
        newest = self.statuses[-1]
        attempts = counted(len(self.statuses), "attempt")
        return describe(self, newest.optimization_id, str(newest.state), attempts)


class OptimizationShelf(Protocol):
    """Optimizations by their ids. Calls that hand over return at once, as those of `Store` do."""

    async def ids(self) -> Sequence[str]:
        """Return the ids of all that are kept, in the order in which they were opened."""

    async def resident_ids(self) -> Sequence[str]:
        """Return the ids of those that a gateway opens at its start, in the same order."""

    async def statuses(self, before: str | None, limit: int) -> Sequence[OptimizationStatus] | None:
        """Return statuses, newest first; None where all are resident.

        Args:
            before: Only those that were opened before this one; None: all.
            limit: How many at most.

        Raises:
            UnknownOptimizationError: There is none `before`.
        """

    async def find_key(self, key: str) -> str | None:
        """Return the id of the one that was opened with this key; None if there is none."""

    def open(
        self, optimization_id: str, request: OptimizationRequest, key: str | None = None
    ) -> None:
        """Begin to keep one; it cannot be found before its first attempt has an event."""

    def open_attempt(
        self, optimization_id: str, number: int, on_durable: Callable[[], None]
    ) -> EventLog:
        """Begin the log of an attempt.

        Args:
            optimization_id: The id.
            number: Number of the attempt, one more than that of the last one.
            on_durable: Called after the watermark has moved.
        """

    async def reopen(self, optimization_id: str) -> StoredOptimization:
        """Give back one that is kept.

        Raises:
            UnknownOptimizationError: It was never opened, or is gone.
            InvalidRequestError: Its request cannot be read.
        """

    async def reopen_attempt(
        self, optimization_id: str, number: int, on_durable: Callable[[], None]
    ) -> EventLog:
        """Give back the log of an attempt; it takes further events.

        Raises:
            UnknownOptimizationError: There is none.
        """

    def note_status(self, status: OptimizationStatus) -> None:
        """Keep the status of an attempt, durable together with the events before it."""

    def note_pause(self, optimization_id: str, *, paused: bool) -> None:
        """Keep whether one is paused, as durably as the store promises after `flush`."""

    def note_trials(self, optimization_id: str, notes: Sequence[TrialNote]) -> None:
        """Keep notes on trials, durable no later than the events that are appended after it."""

    async def notes(self, optimization_id: str) -> Sequence[TrialNote]:
        """Return the notes on all trials, by number."""

    async def keep_result(self, result: OptimizationResult) -> None:
        """Keep a result as durably as the store promises; one of an earlier attempt is replaced."""

    async def result(self, optimization_id: str) -> OptimizationResult | None:
        """Return the result that was kept last; None if there is none."""

    def retire(self, optimization_id: str) -> Sequence[str]:
        """Count one as finished; return those that had to leave memory, to keep its bounds."""

    async def expired(self, now: datetime) -> Sequence[str]:
        """Return some finished ones that the store's rules keep no longer, oldest first."""

    def forget(self, optimization_id: str) -> None:
        """Drop all that is kept of one; an unknown one is no error."""
